"""LaTeX: from what a service serves to one self-contained text, and from that text to Markdown.

Everything here works on bytes in memory: nothing is written, nothing is executed, and no file is read that a document
names unless it came with the document.
"""

from __future__ import annotations

from collections.abc import Mapping

from tasks.collect.latex.archive import texts_in
from tasks.collect.latex.chapters import parts
from tasks.collect.latex.error import LatexError
from tasks.collect.latex.flatten import flatten
from tasks.collect.latex.main_file import find_main

__all__ = ["LatexError", "flatten_archive", "flatten_files", "parts"]


def flatten_archive(raw: bytes) -> str:
    """An e-print as arXiv serves it, as one self-contained LaTeX text.

    It may be a tar, a gzipped tar, one gzipped file or one plain file of TeX. The result is what `flatten_files` makes
    of the text files in it. Raises LatexError for anything else (a PDF, PostScript, HTML, another archive), for what is
    damaged or over a limit, for names and links that lead out of the archive, and for what `flatten_files` refuses.
    Time and memory are bounded whatever the bytes are.
    """
    return flatten_files(texts_in(raw))


def flatten_files(files: Mapping[str, bytes], main: str = "") -> str:
    """The document among these files (POSIX paths relative to the root) as one self-contained LaTeX text.

    `main` is the path of its main file; empty finds it (`tasks.collect.latex.main_file`). What the document includes is
    put in its place, from `files` alone; comments go, and what follows `\\end{document}`; code that is shown keeps its
    lines. Raises LatexError where there is no main file, a text cannot be decoded, or a path leads out of the files, or
    includes are cyclic, too deep or too long.
    """
    return flatten(files, main or find_main(files))
