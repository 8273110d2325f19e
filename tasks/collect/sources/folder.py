"""A folder of Markdown files: every `*.md` below it is a document or a reject."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from tasks.collect import source
from tasks.collect.fetch import Fetcher
from tasks.collect.intake import MAX_BYTES
from tasks.collect.source import Original
from tasks.config import CollectConfig
from tasks.records import Reason, Reject, UsageError, digest


class Source(source.Source):
    """The `*.md` under a folder in the order of their relative paths.

    Hidden files and folders are skipped, folder links are not followed, and a file link that leads out of the
    folder is a reject. A document's identity is its relative path; its family is its top-level folder, or itself.
    """

    kind: str = "folder"
    folder: str

    def plan(self) -> list[str]:
        return [_shown(name) for name in self._find()[0]]

    def read(self, fetcher: Fetcher, config: CollectConfig) -> Iterator[Original | Reject]:
        """Raises UsageError if there is no such folder or no `*.md` in it."""
        paths, denied = self._find()
        for name, problem in denied:
            yield _unreadable(name, problem)
        for name in paths:
            try:
                raw = _read(Path(self.folder), name)
            except (OSError, RuntimeError) as e:  # RuntimeError: a loop of links
                yield _unreadable(name, getattr(e, "strerror", None) or str(e))
            else:
                shown = _shown(name)
                family = _shown(name.split("/", 1)[0])
                yield Original(
                    raw,
                    shown,
                    doc_id=_doc_id(name),
                    source=self.kind,
                    family=family,
                    url=shown,
                    license=config.license,
                )

    def _find(self) -> tuple[list[str], list[tuple[str, str]]]:
        folder = self.folder
        root = Path(folder)
        if not folder or not root.exists():
            raise UsageError(f"{folder!r}: no such folder; name one that holds Markdown files (*.md)")
        if not root.is_dir():
            raise UsageError(f"{folder}: a file, not a folder; name the folder that holds it")
        paths, others, denied = _find(root)
        if not paths and not denied:
            raise UsageError(f"{folder}: no *.md among its {others} files; name a folder that holds Markdown files")
        return paths, denied


def _find(root: Path) -> tuple[list[str], int, list[tuple[str, str]]]:
    """Relative POSIX paths of the `*.md`, how many other files there are, and the folders that cannot be listed."""
    paths: list[str] = []
    denied: list[tuple[str, str]] = []
    others = 0

    def note(error: OSError) -> None:
        denied.append((Path(os.path.relpath(error.filename, root)).as_posix(), error.strerror or str(error)))

    for parent, folders, files in os.walk(root, onerror=note):
        folders[:] = sorted(f for f in folders if not f.startswith("."))
        for file in files:
            if file.endswith(".md") and not file.startswith("."):
                paths.append(Path(os.path.relpath(os.path.join(parent, file), root)).as_posix())
            else:
                others += 1
    return sorted(paths), others, denied


def _read(root: Path, name: str) -> bytes:
    """The bytes of a file, no more than one over the limit. Raises OSError, also for what is no regular file."""
    path = root / name
    if path.is_symlink() and not path.resolve().is_relative_to(root.resolve()):
        raise OSError("a link that leads out of the folder")
    if not stat.S_ISREG(path.stat().st_mode):
        raise OSError("not a regular file")
    with path.open("rb") as file:
        return file.read(MAX_BYTES + 1)


def _unreadable(name: str, problem: str) -> Reject:
    return Reject("collect", Reason.UNREADABLE, _doc_id(name), detail=f"{_shown(name)}: {problem}")


def _doc_id(name: str) -> str:
    return digest("folder", os.fsencode(name))


def _shown(name: str) -> str:
    """A path that can be written as UTF-8, whatever bytes its name holds."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")
