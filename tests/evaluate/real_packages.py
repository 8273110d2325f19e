"""A Debian package with a small PDF and its source, as the tests of the real pages need it."""

from __future__ import annotations

import hashlib
import io
import subprocess
import tarfile
from collections.abc import Mapping
from pathlib import Path

import pymupdf

PACKAGE, VERSION = "small-doc", "1.0-2"
PDF, SOURCE = "usr/share/doc/small-doc/small.pdf", "usr/share/doc/small-doc/small.tex"
TEXTS = [
    "The first chapter explains how a lantern is lit before the evening begins.",
    "Every keeper writes the hour into a ledger that lies beside the stairs.",
    "Nobody may leave the gallery while the wind blows from the western shore.",
    "A bell is rung twice when the supply boat has passed the outer reef.",
]
TABLE = [["Signal", "Meaning"], ["two bells", "boat in sight"], ["one rocket", "help is wanted"], ["flag", "mail day"]]
LATEX = r"""\documentclass{article}
\newcommand{\thing}{lantern}
\begin{document}
\section{Lighting the lamps}
The first chapter explains how a \thing{} is lit before the evening begins.
Every keeper writes the hour into a ledger that lies beside the stairs.

The distance to the horizon follows from
\begin{equation}\label{eq:d} d^2 = 2 r h + h^2 \end{equation}
where the radius of the earth is meant.

Nobody may leave the gallery while the wind blows from the western shore.
A bell is rung twice when the supply boat has passed the outer reef.

\begin{tabular}{ll}
Signal & Meaning \\ \hline
two bells & boat in sight \\
one rocket & help is wanted \\
flag & mail day \\
\end{tabular}
\end{document}
"""


def draw_pdf(pages: int = 4) -> bytes:
    """Page 1 shows the source, between two pages of other text; every page has a running title and a number."""
    with pymupdf.open() as drawing:
        for number in range(pages):
            page = drawing.new_page(width=420, height=600)
            page.insert_text((60, 40), "The Lighthouse Manual", fontsize=8)
            page.insert_text((200, 580), str(40 + number), fontsize=8)
            if number == 1:
                _draw_source(page)
            else:
                page.insert_text((60, 100), f"Nothing of the source stands on leaf {'abcdef'[number]}.", fontsize=10)
        return bytes(drawing.tobytes(no_new_id=True))


def _draw_source(page: pymupdf.Page) -> None:
    y = 80
    page.insert_text((60, y), "1 Lighting the lamps", fontsize=14)
    # the first sentence is parted at the end of a line
    lines = ["The first chapter explains how a lantern is lit be-", "fore the evening begins.", TEXTS[1]]
    lines += ["The distance to the horizon follows from", "d2 = 2rh + h2", "where the radius of the earth is meant."]
    for line in [*lines, *TEXTS[2:]]:
        y += 20
        page.insert_text((60, y), line, fontsize=10)
    for row in TABLE:
        y += 20
        page.insert_text((60, y), row[0], fontsize=10)
        page.insert_text((200, y), row[1], fontsize=10)


def build_deb(folder: Path, files: Mapping[str, bytes], package: str = PACKAGE, version: str = VERSION) -> Path:
    root = folder / f"{package}-root"
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    control = f"Package: {package}\nVersion: {version}\nArchitecture: all\nMaintainer: a <a@b.c>\nDescription: d\n"
    (root / "DEBIAN").mkdir(parents=True, exist_ok=True)
    (root / "DEBIAN" / "control").write_text(control)
    target = folder / f"{package}_{version}_all.deb"
    subprocess.run(
        ["dpkg-deb", "--root-owner-group", "--build", str(root), str(target)], check=True, capture_output=True
    )
    return target


def forge_deb(target: Path, members: list[tuple[tarfile.TarInfo, bytes]]) -> Path:
    """A package whose archive holds what dpkg-deb would not build."""
    control = f"Package: {PACKAGE}\nVersion: {VERSION}\nArchitecture: all\n".encode()
    info = tarfile.TarInfo("./control")
    info.size = len(control)
    parts = [("debian-binary", b"2.0\n"), ("control.tar.gz", _tar([(info, control)])), ("data.tar.gz", _tar(members))]
    out = b"!<arch>\n"
    for name, data in parts:
        out += f"{name:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(data):<10}`\n".encode() + data + b"\n" * (len(data) % 2)
    target.write_bytes(out)
    return target


def _tar(members: list[tuple[tarfile.TarInfo, bytes]]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for info, content in members:
            tar.addfile(info, io.BytesIO(content) if info.isreg() else None)
    return out.getvalue()


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def write_catalogue(path: Path, drawn: bytes, source: bytes = LATEX.encode(), **changes: object) -> Path:
    """A catalogue of one document, the values of `changes` in place of the usual ones."""
    row: dict[str, object] = {
        "name": "small",
        "package": PACKAGE,
        "version": VERSION,
        "pdf": PDF,
        "pdf_sha256": sha256(drawn),
        "sources": [SOURCE],
        "sources_sha256": sha256(source),
        "format": "latex",
        "language": "en",
        "license": "MIT",
        "slice": "manual",
        "pages": [1],
        "why": "a small one",
    }
    lines = [f"{key} = {_toml(value)}" for key, value in {**row, **changes}.items()]
    path.write_text("\n".join(["[[document]]", *lines]) + "\n")
    return path


def _toml(value: object) -> str:
    return f"'{value}'" if isinstance(value, str) else str(value)
