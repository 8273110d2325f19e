"""The fonts pages are drawn with: found once, digested, and checked to be the ones that were drawn."""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections import defaultdict
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tasks.records import StageError, digest

FONTCONFIG_FILE = Path(__file__).with_name("fonts.conf")
# drawn where the body family lacks a character, in this order
FALLBACKS = ("DejaVu Sans", "Noto Sans CJK JP", "Symbola")
# family -> Debian package; the licence of each is in docs/pages.md
PACKAGES = {
    "BIZ UDPGothic": "fonts-morisawa-bizud-gothic",
    "BIZ UDPMincho": "fonts-morisawa-bizud-mincho",
    "Caladea": "fonts-crosextra-caladea",
    "Carlito": "fonts-crosextra-carlito",
    "DejaVu Sans": "fonts-dejavu-core",
    "DejaVu Sans Mono": "fonts-dejavu-core",
    "DejaVu Serif": "fonts-dejavu-core",
    "Hack": "fonts-hack",
    "IPAexGothic": "fonts-ipaexfont-gothic",
    "IPAexMincho": "fonts-ipaexfont-mincho",
    "LM Roman 10": "fonts-lmodern",
    "Lato": "fonts-lato",
    "Liberation Mono": "fonts-liberation2",
    "Liberation Sans": "fonts-liberation2",
    "Liberation Serif": "fonts-liberation2",
    "Linux Libertine O": "fonts-linuxlibertine",
    "Noto Sans CJK JP": "fonts-noto-cjk",
    "Noto Serif CJK JP": "fonts-noto-cjk",
    "Open Sans": "fonts-open-sans",
    "Roboto": "fonts-roboto-unhinted",
    "Symbola": "fonts-symbola",
    "TeX Gyre Cursor": "fonts-texgyre",
    "TeX Gyre Heros": "fonts-texgyre",
    "TeX Gyre Pagella": "fonts-texgyre",
    "TeX Gyre Schola": "fonts-texgyre",
    "TeX Gyre Termes": "fonts-texgyre",
}
_BOLD = {
    "BIZ UDPMincho": "BIZ UDPGothic",
    "IPAexGothic": "Noto Sans CJK JP",
    "IPAexMincho": "Noto Sans CJK JP",
}
"""Families without a bold face, and whose bold stands in for it; Japanese sets bold mincho in gothic anyway."""
_DRAWN_AS = {"LM Roman 10": "Latin Modern Roman"}
"""Families whose name in a PDF is another one: fontconfig knows these by two."""


def bold_family(family: str) -> str:
    """The family that bold text of a family is drawn in: itself, where it has a bold face."""
    return _BOLD.get(family, family)


def isolate() -> None:
    """Make fontconfig see the project's families only. Must run before WeasyPrint is imported."""
    os.environ["FONTCONFIG_FILE"] = str(FONTCONFIG_FILE)


@dataclass(frozen=True, slots=True)
class Family:
    """Files of an installed family, and what they can draw: ranges of characters in hexadecimal ("20-7e")."""

    paths: tuple[Path, ...]
    charsets: tuple[str, ...]


@cache
def installed() -> dict[str, Family]:
    """Every family pages may be drawn with, as fontconfig knows it."""
    try:
        listing = subprocess.run(
            ["fc-list", "--format", "%{family}\t%{file}\t%{charset}\n"],
            env={**os.environ, "FONTCONFIG_FILE": str(FONTCONFIG_FILE)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    except FileNotFoundError:
        raise StageError("fc-list is not installed; install the package fontconfig") from None
    paths, charsets = defaultdict[str, set[Path]](set), defaultdict[str, set[str]](set)
    for families, path, charset in (line.split("\t") for line in listing.splitlines()):
        for family in families.split(","):
            paths[family].add(Path(path).resolve())
            charsets[family].add(charset)
    return {family: Family(tuple(sorted(paths[family])), tuple(sorted(charsets[family]))) for family in paths}


def require(families: tuple[str, ...]) -> None:
    """Raises StageError naming the package of a family that is not installed."""
    for family in families:
        if family not in PACKAGES:
            raise StageError(f"font {family!r} is not one of the project's: {', '.join(sorted(PACKAGES))}")
        if family not in installed():
            raise StageError(f"font {family!r} is not installed; install the package {PACKAGES[family]}")


@cache
def fonts_digest() -> str:
    """Digest of the bytes of every font file a page may be drawn with."""
    files = sorted({p for family in PACKAGES for p in _family(family).paths})
    return digest(*(hashlib.sha256(p.read_bytes()).hexdigest() for p in files))


def _family(name: str) -> Family:
    return installed().get(name, Family((), ()))


@cache
def _coverage(family: str) -> frozenset[int]:
    covered: set[int] = set()
    for charset in _family(family).charsets:
        for first, _, last in (piece.partition("-") for piece in charset.split()):
            covered.update(range(int(first, 16), int(last or first, 16) + 1))
    return frozenset(covered)


def uncovered(text: str, families: tuple[str, ...]) -> set[str]:
    """Characters of the text that none of the families can draw."""
    missing = {c for c in set(text) if not c.isspace()}
    for family in families:
        if not missing:
            break
        missing = {c for c in missing if ord(c) not in _coverage(family)}
    return missing


def is_one_of(postscript_name: str, families: tuple[str, ...]) -> bool:
    """Whether a PDF font name ("ABCDEF+Liberation-Serif-Bold") belongs to one of the families."""
    name = postscript_name.rpartition("+")[2].replace("-", "").replace(" ", "").lower()
    own = (_DRAWN_AS.get(family, family) for family in families)
    return any(name.startswith(family.replace(" ", "").lower()) for family in own)
