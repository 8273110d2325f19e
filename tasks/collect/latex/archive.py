"""The texts in an archive, in memory, with limits on all that an archive can do to its reader."""

from __future__ import annotations

import gzip
import io
import re
import tarfile
import zlib
from pathlib import PurePosixPath

from tasks.collect.latex.error import LatexError, shown

MAX_ARCHIVE = 60_000_000  # bytes as they come
MAX_UNPACKED = 400_000_000  # bytes that are looked at while unpacking, pictures too
MAX_MEMBERS = 5_000
MAX_TEXT = 5_000_000  # bytes of one text
MAX_TEXTS = 20_000_000  # bytes of all texts
_AT_ONCE = 1 << 20
_BLOCK = 512  # bytes of a tar's header
# what a document can consist of; pictures, data and programs are passed over unread
TEXTS = frozenset({".tex", ".ltx", ".latex", ".bbl", ".sty", ".cls", ".def", ".txt", ".inc"})
README = re.compile(r"(?:.*/)?00README(\.\w+)?", re.IGNORECASE)
_GZIP = b"\x1f\x8b"
_OTHERS = {
    b"%PDF": "a PDF",
    b"%!PS": "PostScript",
    b"PK\x03\x04": "a ZIP archive",
    b"BZh": "a bzip2 archive",
    b"\xfd7zXZ": "an xz archive",
    b"\x28\xb5\x2f\xfd": "a Zstandard archive",
    b"\x1f\x9d": "a compress archive",
    b"Rar!": "a RAR archive",
    b"7z\xbc\xaf": "a 7z archive",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
}
_HTML = re.compile(rb"\s*<(?:!doctype|html|head|\?xml)", re.IGNORECASE)


def texts_in(raw: bytes) -> dict[str, bytes]:
    """The texts of a tar, a gzipped tar, a gzipped text or a text of TeX, by path; a single text is `main.tex`.

    Raises LatexError for what is none of these, is damaged, is over a limit, or has members that lead out of it.
    """
    if len(raw) > MAX_ARCHIVE:
        raise LatexError(f"{len(raw)} bytes; an archive may have {MAX_ARCHIVE}")
    if raw.startswith(_GZIP):
        with gzip.GzipFile(fileobj=io.BytesIO(raw)) as file:
            return _read(file)
    return _read(io.BytesIO(raw))


def _read(file: gzip.GzipFile | io.BytesIO) -> dict[str, bytes]:
    stream = _Bounded(file)
    try:
        head = stream.read(_BLOCK)
        if _is_tar(head):
            stream = _Bounded(file)
            file.seek(0)
            return _unpack(stream)
        _check(head)
        return {"main.tex": head + _whole(stream)}
    except (EOFError, zlib.error, gzip.BadGzipFile) as e:
        raise LatexError(f"damaged or cut short: {e}") from None


def _is_tar(head: bytes) -> bool:
    """Whether a block is the header of a tar's member; old ones have no magic, but all have a sum."""
    if head[257:262] == b"ustar":
        return True
    try:
        tarfile.TarInfo.frombuf(head, "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        return False
    return True


def _check(head: bytes) -> None:
    if head.startswith(_GZIP):
        raise LatexError("an archive in an archive")
    for magic, what in _OTHERS.items():
        if head.startswith(magic):
            raise LatexError(f"{what}, not LaTeX")
    if _HTML.match(head):
        raise LatexError("HTML, not LaTeX")
    if not head.strip():
        raise LatexError("empty")


def _whole(stream: _Bounded) -> bytes:
    """The rest of a single text."""
    text = bytearray()
    while chunk := stream.read(_AT_ONCE):
        text += chunk
        if len(text) > MAX_TEXT:
            raise LatexError(f"main.tex: more than {MAX_TEXT} bytes")
    return bytes(text)


def _unpack(stream: _Bounded) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    total = 0
    try:
        with tarfile.open(fileobj=stream, mode="r:") as tar:
            for number, member in enumerate(tar):
                if number >= MAX_MEMBERS:
                    raise LatexError(f"more than {MAX_MEMBERS} files in the archive")
                name = _name(member)
                if not member.isreg() or not is_text(name):
                    continue
                total += member.size
                if member.size > MAX_TEXT or total > MAX_TEXTS:
                    raise LatexError(f"{shown(name)}: {member.size} bytes, {total} with those before; too many")
                content = tar.extractfile(member)
                assert content is not None
                found[name] = content.read()
            stream.seek(tar.offset)
            if stream.read(_BLOCK).strip(b"\0"):
                raise LatexError(f"damaged: no file begins at byte {tar.offset}")
            while stream.read(_AT_ONCE):  # a gzip tells by its end whether it is whole
                pass
    except tarfile.TarError as e:
        raise LatexError(f"damaged or cut short: {e}") from None
    except (ValueError, OverflowError) as e:  # numbers in headers that are none
        raise LatexError(f"damaged: {e}") from None
    if not found:
        raise LatexError("no LaTeX among the files of the archive")
    return found


def _name(member: tarfile.TarInfo) -> str:
    """The path of a member. Raises LatexError where it, or what it links to, is not in the archive."""
    name = member.name
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or (path.parts and path.parts[0].endswith(":")):
        raise LatexError(f"{shown(name)}: a path that leads out of the archive")
    if not name.isprintable():
        raise LatexError(f"{shown(name)}: a name that cannot be printed")
    if member.issym() or member.islnk():
        raise LatexError(f"{shown(name)}: a link, to {shown(member.linkname)}")
    if not (member.isreg() or member.isdir()) or member.issparse():
        raise LatexError(f"{shown(name)}: neither a file nor a folder")
    return str(path)


def is_text(name: str) -> bool:
    """Whether a document can consist of a file with this path."""
    path = PurePosixPath(name)
    junk = any(part.startswith((".", "__MACOSX")) for part in path.parts)
    return not junk and (path.suffix.lower() in TEXTS or README.fullmatch(name) is not None)


class _Bounded(io.RawIOBase):
    """What is read of an unpacked stream, forwards, up to a limit; nothing large at once, as a tar's header may ask."""

    def __init__(self, file: gzip.GzipFile | io.BytesIO) -> None:
        self._file = file
        self._position = 0

    def read(self, size: int = -1, /) -> bytes:
        if not 0 <= size <= max(MAX_TEXT, _AT_ONCE):
            raise LatexError(f"a file's header asks for {size} bytes at once")
        data = self._file.read(size)
        self._position += len(data)
        if self._position > MAX_UNPACKED:
            raise LatexError(f"unpacks to more than {MAX_UNPACKED} bytes")
        return data

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, position: int, whence: int = 0, /) -> int:
        assert whence == 0
        if position < self._position:
            self._file.seek(position)
            self._position = position
        while (left := position - self._position) > 0 and self.read(min(left, _AT_ONCE)):
            pass
        return self._position
