"""Archives of LaTeX: what is read, and that nothing in one hurts its reader."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
import tracemalloc
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.collect.latex import LatexError, archive, flatten_archive

PAPER = b"\\documentclass{article}\n\\begin{document}\nHello.\n\\end{document}\n"


def tar(files: Mapping[str, bytes], *odd: tarfile.TarInfo, mode: str = "w:gz") -> bytes:
    """A tar of these files, and of members that hold nothing."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as file:  # type: ignore[call-overload]
        for name, raw in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(raw)
            file.addfile(info, io.BytesIO(raw))
        for info in odd:
            file.addfile(info)
    return out.getvalue()


def member(name: str, kind: bytes = tarfile.REGTYPE, target: str = "", size: int = 0) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size = kind, target, size
    return info


@pytest.mark.parametrize(
    "raw",
    [
        tar({"paper.tex": PAPER, "fig.pdf": b"%PDF-1.5\0"}),
        tar({"paper.tex": PAPER}, mode="w"),
        gzip.compress(PAPER),
        PAPER,
        b"\xef\xbb\xbf" + PAPER.replace(b"\n", b"\r\n"),
    ],
    ids=["tar.gz", "tar", "gz", "plain", "with a mark and DOS lines"],
)
def test_what_arxiv_serves_is_read(raw: bytes) -> None:
    assert flatten_archive(raw).strip() == PAPER.decode().strip()


HUGE = gzip.compress(bytes(450_000_000), 1)
REJECTED = {
    "a PDF": (b"%PDF-1.5 ...", "a PDF, not LaTeX"),
    "a gzipped PDF": (gzip.compress(b"%PDF-1.5 ..."), "a PDF, not LaTeX"),
    "PostScript": (b"%!PS-Adobe-2.0", "PostScript"),
    "HTML": (b"<!DOCTYPE html><html>", "HTML"),
    "a ZIP": (b"PK\x03\x04 word", "a ZIP archive"),
    "nothing": (b"", "empty"),
    "a gzip in a gzip": (gzip.compress(gzip.compress(PAPER)), "an archive in an archive"),
    "a tar in a gzip in a gzip": (gzip.compress(tar({"a.tex": PAPER})), "an archive in an archive"),
    "words": (b"Only words.", "no file with a .documentclass"),
    "no LaTeX": (tar({"a.pdf": b"%PDF"}), "no LaTeX among the files"),
    "no main file": (tar({"a.tex": b"words"}), "no file with a .documentclass among 1"),
    "a gzip cut short": (tar({"a.tex": PAPER * 99})[:-20], "damaged or cut short"),
    "a tar cut in a file": (tar({"a.tex": PAPER, "b.tex": PAPER * 99}, mode="w")[:3000], "damaged or cut short"),
    "a tar cut in a header": (tar({"a.tex": PAPER, "b.tex": PAPER}, mode="w")[:1300], "damaged"),
    "a garbled gzip": (tar({"a.tex": os.urandom(9000)})[:-4000] + b"x" * 4000, "damaged or cut short"),
    "a climbing path": (tar({"../../etc/cron.d/a.tex": PAPER}), "leads out of the archive"),
    "a climbing path of DOS": (tar({"..\\a.tex": PAPER}), "leads out of the archive"),
    "a drive": (tar({"C:/a.tex": PAPER}), "leads out of the archive"),
    "an absolute path": (tar({"/etc/a.tex": PAPER}), "leads out of the archive"),
    "an unprintable name": (tar({"a\n\x1b[2J.tex": PAPER}), r"a\\n\\x1b\[2J.tex: a name that cannot be printed"),
    "a link": (tar({}, member("a.tex", tarfile.SYMTYPE, "/etc/passwd")), "a.tex: a link, to /etc/passwd"),
    "a hard link": (tar({}, member("a.tex", tarfile.LNKTYPE, "b.tex")), "a.tex: a link, to b.tex"),
    "a device": (tar({}, member("a.tex", tarfile.CHRTYPE)), "neither a file nor a folder"),
    "a pipe": (tar({}, member("a.tex", tarfile.FIFOTYPE)), "neither a file nor a folder"),
    "too many files": (tar({f"{n}.png": b"" for n in range(5001)}), "more than 5000 files"),
    "a large text": (tar({"a.tex": b" " * 5_000_001}), "a.tex: 5000001 bytes"),
    "many large texts": (tar({f"{n}.tex": b" " * 4_000_000 for n in range(6)}), "24000000 with those before"),
    "a bomb": (HUGE, "main.tex: more than 5000000 bytes"),
    "a bomb beside a paper": (gzip.compress(tar({}, member("a.png", size=450_000_000), mode="w")) + HUGE, "400000000"),
    "a name as a bomb": (
        gzip.compress(tar({}, member("a", tarfile.XHDTYPE, size=300_000_000), mode="w")[:512]) + HUGE,
        "asks for 300000256 bytes at once",
    ),
    "a NUL byte": (tar({"a.tex": PAPER + b"\0"}), "a NUL byte"),
    "UTF-16": (
        tar({"a.tex": PAPER, "b.tex": b""}) and gzip.compress("\ufeff".encode("utf-16-le") + PAPER),
        "UTF-16|main",
    ),
    "Latin-1 that is not declared": (PAPER.replace(b"Hello", b"Gr\xfc\xdfe"), r"not UTF-8 \(byte 0xfc, line 3\)"),
}


@pytest.mark.parametrize("case", REJECTED)
@pytest.mark.timeout(60)
def test_anything_else_is_a_named_error(case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    raw, problem = REJECTED[case]
    monkeypatch.chdir(tmp_path)
    tracemalloc.start()
    try:
        with pytest.raises(LatexError, match=problem) as failed:
            flatten_archive(raw)
        assert tracemalloc.get_traced_memory()[1] < 60_000_000
    finally:
        tracemalloc.stop()
    assert "\n" not in str(failed.value)
    assert list(tmp_path.iterdir()) == []


def test_more_than_may_be_sent_is_not_opened() -> None:
    with pytest.raises(LatexError, match="an archive may have"):
        flatten_archive(bytes(archive.MAX_ARCHIVE + 1))


GOOD = tar({"paper.tex": PAPER, "part.tex": b"more", "f.png": os.urandom(500)})


@settings(max_examples=150, deadline=None)
@given(st.integers(0, len(GOOD) - 1), st.binary(min_size=1, max_size=30), st.booleans())
def test_damage_is_an_error_or_does_no_harm(at: int, put: bytes, plain: bool) -> None:
    raw = gzip.decompress(GOOD) if plain else GOOD
    with suppress(LatexError):
        flatten_archive(raw[:at] + put + raw[at + len(put) :])
