"""Files out of Debian packages: fetched by apt-get or taken from a folder, read by dpkg-deb, checked by SHA-256.

Packages are not installed, and no name in one becomes a name on the disk. What was read is kept in the store, so a
package is fetched once.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tasks.records import StageError, UsageError
from tasks.store import Folder

SECONDS = 1800  # for a download
UNPACK_SECONDS = 300
MAX_FILE = 64_000_000  # bytes of one file in a package


class PackageError(Exception):
    """A package's file that cannot be read, or that lacks what it should hold."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Files of a package: each of `groups` is paths inside it and the SHA-256 of their contents, one after another."""

    package: str
    version: str
    groups: tuple[tuple[tuple[str, ...], str], ...]

    @property
    def full_name(self) -> str:
        return f"{self.package}={self.version}"


def fetch(wanted: Sequence[Wanted], debs: str, cache: Folder) -> dict[str, list[bytes]]:
    """The contents of every group, by its SHA-256. `debs` is a folder with .deb files; "" asks apt-get.

    Raises StageError where a package cannot be had or holds something else.
    """
    if debs and not Path(debs).is_dir():
        raise UsageError(f"debs: {debs}: no such folder")
    found: dict[str, list[bytes]] = {}
    for want in wanted:
        missing = []
        for paths, sha256 in want.groups:
            contents = _cached(cache, sha256, len(paths))
            if contents is None:
                missing.append((paths, sha256))
            else:
                found[sha256] = contents
        if missing:
            for sha256, contents in _from_package(Wanted(want.package, want.version, tuple(missing)), debs).items():
                for number, content in enumerate(contents):
                    cache.write(f"{sha256}-{number}", content)
                found[sha256] = contents
    return found


def _cached(cache: Folder, sha256: str, count: int) -> list[bytes] | None:
    names = [f"{sha256}-{number}" for number in range(count)]
    if not all(map(cache.exists, names)):
        return None
    contents = [cache.read(name) for name in names]
    return contents if _sha256(contents) == sha256 else None


def _sha256(contents: Sequence[bytes]) -> str:
    return hashlib.sha256(b"".join(contents)).hexdigest()


def _from_package(want: Wanted, debs: str) -> dict[str, list[bytes]]:
    """The groups out of the package's file; one from the archive that turns out bad is fetched once more."""
    if shutil.which("dpkg-deb") is None:
        raise StageError("real pages need dpkg-deb to read Debian packages: install dpkg")
    for last in (bool(debs), True):
        with _package_file(want, debs) as file:
            try:
                return read_groups(file, want)
            except PackageError as e:
                if last:
                    raise StageError(f"{want.full_name}: {e}; {_remedy(want)}") from None
    raise AssertionError("the second try returns or raises")


def _remedy(want: Wanted) -> str:
    return f"put {want.package}_{want.version.rpartition(':')[2]}_all.deb into a folder and name it as `debs`"


@contextmanager
def _package_file(want: Wanted, debs: str) -> Iterator[Path]:
    if debs:
        for file in sorted(Path(debs).glob(f"{want.package}_*.deb")):
            if _fields(file) == [want.package, want.version]:
                yield file
                return
        raise StageError(f"{want.full_name} is not in {debs}; {_remedy(want)}")
    with tempfile.TemporaryDirectory(prefix="recto-deb-") as folder:
        yield _download(want, Path(folder))


def _fields(file: Path) -> list[str]:
    command = ["dpkg-deb", "--show", "--showformat=${Package}\n${Version}\n", str(file)]
    run = subprocess.run(command, capture_output=True, timeout=UNPACK_SECONDS)
    return run.stdout.decode(errors="replace").splitlines() if run.returncode == 0 else []


def _download(want: Wanted, folder: Path) -> Path:
    """Have apt-get put the package's file into a folder; apt checks it against the archive's signed lists."""
    if shutil.which("apt-get") is None:
        raise StageError(f"{want.full_name} cannot be fetched, as there is no apt-get here; {_remedy(want)}")
    command = ["apt-get", "download", "--quiet", "--option", "Acquire::Retries=2", want.full_name]
    try:
        run = subprocess.run(
            command, cwd=folder, capture_output=True, timeout=SECONDS, env={**os.environ, "LC_ALL": "C"}
        )
    except subprocess.TimeoutExpired:
        raise StageError(f"{want.full_name}: apt-get took more than {SECONDS} s; {_remedy(want)}") from None
    files = sorted(folder.glob("*.deb"))
    if run.returncode or not files:
        said = [line for line in run.stderr.decode(errors="replace").splitlines() if line.startswith("E:")]
        why = " ".join(said[:1]) or f"apt-get ended with {run.returncode}"
        raise StageError(f"{want.full_name} cannot be fetched ({why}); run apt-get update, or {_remedy(want)}")
    return files[0]


def read_groups(file: Path, want: Wanted) -> dict[str, list[bytes]]:
    """The contents of the groups of files in a .deb, by SHA-256. Raises PackageError where something is amiss.

    The archive is streamed; its regular files are read by name, and nothing of it is written.
    """
    contents: dict[str, bytes] = {}
    names = {path for paths, _ in want.groups for path in paths}
    process = subprocess.Popen(
        ["dpkg-deb", "--fsys-tarfile", str(file)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert process.stdout is not None
    try:
        with tarfile.open(fileobj=process.stdout, mode="r|") as tar:
            for member in tar:
                name = member.name.removeprefix("./")
                if name in names and member.isreg():
                    if member.size > MAX_FILE:
                        raise PackageError(f"{name} is larger than {MAX_FILE} bytes")
                    stream = tar.extractfile(member)
                    assert stream is not None
                    contents[name] = stream.read()
                if len(contents) == len(names):
                    break
    except (tarfile.TarError, EOFError, OSError) as e:
        raise PackageError(f"the package cannot be read ({e})") from None
    finally:
        process.kill()  # what follows the last file is not needed
        process.stdout.close()
        process.wait()
    if lacking := sorted(names - contents.keys()):
        raise PackageError(f"the package holds no file {lacking[0]}")
    groups = {sha256: [contents[path] for path in paths] for paths, sha256 in want.groups}
    for paths, sha256 in want.groups:
        if (is_ := _sha256(groups[sha256])) != sha256:
            raise PackageError(f"{paths[0]} has SHA-256 {is_[:12]}…, not {sha256[:12]}… as the catalogue says")
    return groups
