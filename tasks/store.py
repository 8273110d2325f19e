"""Where stages write: content-addressed folders under one URI, each finished by a manifest that is written last."""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, BinaryIO

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq

from tasks.records import Document, Reject, StageError, StageRef, UsageError

MANIFEST = "manifest.json"
PART = ".part"
DEFAULT_HOME = Path(__file__).parent.parent / ".recto"


def home() -> str:
    """URI of the store: RECTO_HOME, or a git-ignored folder in the checkout."""
    named = os.environ.get("RECTO_HOME") or str(DEFAULT_HOME)
    return named if "://" in named else str(Path(named).expanduser().absolute())


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder at a URI (local, or anything fsspec reaches)."""

    uri: str

    def _fs(self) -> tuple[Any, str]:
        try:
            # another machine may write here too, so no listing is remembered
            fs, path = fsspec.core.url_to_fs(self.uri, use_listings_cache=False)
        except (ImportError, ValueError) as e:
            raise UsageError(f"{self.uri}: not a usable store: {e}") from None
        return fs, str(path)

    def __truediv__(self, name: str) -> Folder:
        return Folder(f"{self.uri.rstrip('/')}/{name}")

    def exists(self, name: str = "") -> bool:
        fs, path = self._fs()
        return bool(fs.exists(f"{path}/{name}" if name else path))

    def read(self, name: str) -> bytes:
        fs, path = self._fs()
        return bytes(fs.cat_file(f"{path}/{name}"))

    def write(self, name: str, data: bytes) -> None:
        """Write a file whole or not at all."""
        fs, target = self._target(name)
        if "file" in fs.protocol:
            _replace(target, lambda file: file.write(data))
        else:
            fs.pipe_file(target, data)  # object stores put atomically

    def put(self, name: str, source: Path) -> None:
        """Copy a local file here, whole or not at all, without holding it in memory."""
        fs, target = self._target(name)
        if "file" in fs.protocol:
            with source.open("rb") as given:
                _replace(target, lambda file: shutil.copyfileobj(given, file))
        else:
            fs.put_file(str(source), target)

    def copy(self, name: str, source: Folder, there: str = "") -> None:
        """Copy a file from another folder, where it has the same name or is called `there`; as `put`."""
        fs, path = source._fs()
        found = f"{path}/{there or name}"
        if "file" in fs.protocol:
            return self.put(name, Path(found))
        with tempfile.TemporaryDirectory() as folder:
            local = Path(folder) / "file"
            fs.get_file(found, str(local))
            self.put(name, local)
        return None

    def _target(self, name: str) -> tuple[Any, str]:
        """The file system, and the path of a file here, whose folder is made."""
        fs, path = self._fs()
        target = f"{path}/{name}"
        fs.makedirs(target.rpartition("/")[0], exist_ok=True)
        return fs, target

    def names(self, pattern: str = "**") -> list[str]:
        """Names of the files below that match, sorted: `*` is any part of one name, `**` goes on into folders.

        What a killed process left half-written is no file.
        """
        fs, path = self._fs()
        # a folder's own name may hold what a glob would read as a pattern
        wanted = re.compile(re.escape(pattern).replace(r"\*\*", ".*").replace(r"\*", "[^/]*"))
        below = (p[len(path) + 1 :] for p in fs.find(path))
        return sorted(name for name in below if wanted.fullmatch(name) and not name.endswith(PART))

    @contextmanager
    def held(self) -> Iterator[bool]:
        """The folder, made where there is none, for this process alone; False where another has it.

        The lock goes with the process that holds it. Object stores have none: there it is always True.
        """
        fs, path = self._fs()
        if "file" not in fs.protocol:
            yield True
            return
        fs.makedirs(path, exist_ok=True)
        lock = os.open(path, os.O_RDONLY)
        try:
            yield _locked(lock)
        finally:
            os.close(lock)

    def remove(self, name: str) -> None:
        fs, path = self._fs()
        fs.rm_file(f"{path}/{name}")

    def delete(self) -> None:
        fs, path = self._fs()
        if fs.exists(path):
            fs.rm(path, recursive=True)

    def pull(self, target: Path) -> None:
        """Copy every file to a local folder."""
        fs, path = self._fs()
        for name in self.names():
            local = target / name
            local.parent.mkdir(parents=True, exist_ok=True)
            fs.get_file(f"{path}/{name}", str(local))

    @contextmanager
    def on_disk(self) -> Iterator[Path]:
        """The folder on the local disk: itself, or for as long as this lasts a copy."""
        fs, path = self._fs()
        if "file" in fs.protocol:
            yield Path(path)
            return
        with tempfile.TemporaryDirectory() as copy:
            self.pull(Path(copy))
            yield Path(copy)

    def push(self, source: Path) -> None:
        """Copy every file of a local folder here."""
        for local in sorted(p for p in source.rglob("*") if p.is_file()):
            self.put(local.relative_to(source).as_posix(), local)

    def read_json(self, name: str) -> Any:
        return json.loads(self.read(name))

    def write_json(self, name: str, value: Any) -> None:
        self.write(name, (json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode())

    def read_table(self, name: str, columns: list[str] | None = None) -> pa.Table:
        return pq.read_table(pa.BufferReader(self.read(name)), columns=columns)

    def write_table(self, name: str, table: pa.Table, **options: Any) -> None:
        sink = pa.BufferOutputStream()
        pq.write_table(table, sink, **options)
        self.write(name, sink.getvalue().to_pybytes())

    def write_rejects(self, rejects: Iterable[Reject]) -> None:
        rows = [
            {"stage": r.stage, "reason": r.reason.value, "doc_id": r.doc_id, "page_num": r.page_num, "detail": r.detail}
            for r in rejects
        ]
        self.write("rejects.jsonl", "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode())

    def read_rejects(self) -> list[dict[str, Any]]:
        # not splitlines: a detail may hold one of the other characters that end a line
        return [json.loads(line) for line in self.read("rejects.jsonl").decode().split("\n") if line]


def _locked(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _replace(target: str, fill: Callable[[BinaryIO], object]) -> None:
    """Write a local file beside its place, then move it there."""
    part = f"{target}.{uuid.uuid4().hex[:8]}{PART}"
    try:
        with open(part, "wb") as file:
            fill(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, target)
    finally:
        Path(part).unlink(missing_ok=True)


def finished(folder: Folder) -> Mapping[str, Any] | None:
    """The folder's manifest; None where the stage that writes it has not finished."""
    try:
        manifest = folder.read_json(MANIFEST)
    except FileNotFoundError:
        return None
    except ValueError as e:
        raise StageError(f"{folder.uri}/{MANIFEST} cannot be read ({e}); remove the folder and run again") from e
    return manifest if isinstance(manifest, dict) else None


def finish(folder: Folder, digest: str, counts: Mapping[str, Any], **more: Any) -> StageRef:
    """Write the manifest, last."""
    folder.write_json(MANIFEST, {"digest": digest, "counts": dict(counts), **more})
    return StageRef(folder.uri, digest, dict(counts))


DOCUMENTS_FILE = "documents.parquet"
DOCUMENTS = pa.schema([(f.name, pa.string()) for f in fields(Document)])


def write_documents(folder: Folder, documents: Iterable[Document]) -> None:
    """Write `documents.parquet`, in the order of doc_id."""
    rows = sorted((asdict(d) for d in documents), key=lambda row: row["doc_id"])
    folder.write_table(DOCUMENTS_FILE, pa.Table.from_pylist(rows, DOCUMENTS), compression="zstd")


def read_documents(folder: Folder) -> list[Document]:
    return [Document(**row) for row in folder.read_table(DOCUMENTS_FILE).to_pylist()]


def stage_at(uri: str) -> StageRef:
    """The finished stage in a folder. Raises UsageError where there is none."""
    manifest = finished(Folder(uri))
    if manifest is None:
        raise UsageError(f"{uri}: no {MANIFEST}: not a stage that finished")
    return StageRef(uri, str(manifest["digest"]), manifest["counts"])
