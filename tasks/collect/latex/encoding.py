"""Bytes of LaTeX to characters, by what the document says of its encoding."""

from __future__ import annotations

import re

from tasks.collect.latex.error import LatexError, shown

_DECLARED = re.compile(r"\\usepackage\s*\[([^\]]*)\]\s*\{[^}]*inputenc[^}]*\}|\\inputencoding\s*\{(\w+)\}")
# names of the package inputenc -> Python's
_CODECS = {
    **{f"latin{n}": f"iso8859-{i}" for n, i in ((1, 1), (2, 2), (3, 3), (4, 4), (5, 9), (9, 15), (10, 16))},
    **{name: name for name in ("ascii", "cp1250", "cp1251", "cp1252", "cp1257", "koi8-r", "koi8-u")},
    **{name: name for name in ("cp437", "cp850", "cp852", "cp865", "cp866")},
    "ansinew": "cp1252",
    "applemac": "mac_roman",
    "macce": "mac_latin2",
}
_JAPANESE = re.compile(r"\\document(?:class|style)\s*(?:\[[^\]]*\])?\s*\{(?:j|t|js|jlreq)(?:s?article|s?book|report)\}")


def declared(raw: bytes) -> tuple[str, ...]:
    """Python's names of the encodings in which a file says that it is; Japanese classes have three."""
    head = raw[:20_000].decode("latin-1")
    names = [name.strip() for found in _DECLARED.finditer(head) for name in (found[1] or found[2]).split(",")]
    codecs = tuple(_CODECS[name] for name in names if name in _CODECS)
    return codecs or (("euc_jp", "cp932") if _JAPANESE.search(head) else ())


def decode(raw: bytes, path: str, usual: tuple[str, ...]) -> str:
    """The text of a file: UTF-8, ISO-2022-JP by its escapes, what it declares, or what its document does (`usual`).

    Bytes that fit none of these stay as surrogates, for they may stand in a comment. Raises LatexError for what is no
    text.
    """
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise LatexError(f"{shown(path)}: UTF-16; only UTF-8 and what inputenc declares are read")
    if b"\0" in raw:
        raise LatexError(f"{shown(path)}: binary content (a NUL byte)")
    for codec in ("iso2022_jp",) if b"\x1b$" in raw else ("utf-8-sig", *declared(raw), *usual):
        try:
            return _lines(raw.decode(codec))
        except UnicodeDecodeError:
            continue
    return _lines(raw.decode("utf-8", "surrogateescape"))


def check(text: str, path: str) -> None:
    """Raises LatexError where a text still holds bytes that could not be decoded."""
    try:
        text.encode()
    except UnicodeEncodeError as e:
        line = text.count("\n", 0, e.start) + 1
        byte = ord(text[e.start]) & 0xFF
        raise LatexError(
            f"{shown(path)}: not UTF-8 (byte {byte:#x}, line {line}), nor is another encoding declared"
        ) from None


def _lines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")
