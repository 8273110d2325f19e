"""Which of several files is the document."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import PurePosixPath

from tasks.collect.latex.archive import README
from tasks.collect.latex.error import LatexError, shown

_CLASS = re.compile(rb"^[^%\n]*\\document(?:class|style)\b[^{%\n]*\{?([^}\n]*)", re.MULTILINE)
_BEGIN = re.compile(rb"^[^%\n]*\\begin\s*\{document\}", re.MULTILINE)
_INCLUDED = re.compile(rb"^[^%\n]*\\(?:input|include|subfile|subfileinclude)\s*\{?\s*([^\s{}%\\]+)", re.MULTILINE)
_USUAL = re.compile(r"(main|ms|paper|article|manuscript|arxiv|thesis|dissertation|book|master|index)", re.IGNORECASE)
# what comes along: samples of a style, letters to reviewers, slides, drawings
_ASIDE = re.compile(
    r"sample|example|template|response|rebuttal|cover|letter|supp|appendix|poster|slides|readme|guide|instruction|test|diff",
    re.IGNORECASE,
)
_PARTS = (b"standalone", b"subfiles", b"beamer", b"letter", b"minimal", b"tikzposter")
_TOPLEVEL = re.compile(r"^\s*(\S+)\s+toplevelfile\b", re.MULTILINE)


def find_main(files: Mapping[str, bytes]) -> str:
    """The path of the main file.

    A 00README that names a top-level file decides (`NAME toplevelfile`, or a JSON whose source has the usage
    toplevel). Otherwise it is one of the files with an uncommented `\\documentclass`, the first by: has
    `\\begin{document}`; is of no class for parts, slides or letters; is included by no other file; does not sound like
    a sample, a letter or a supplement; has its own .bbl; is called as main files are; is nearest to the root; is the
    longest; alphabetically. Raises LatexError where there is none.
    """
    if named := _named(files):
        return named
    texts = {path: raw for path, raw in files.items() if path.lower().endswith((".tex", ".ltx", ".latex"))}
    classes = {path: found[1] for path, raw in texts.items() if (found := _CLASS.search(raw))}
    if not classes:
        other = ", ".join(map(shown, sorted(files)[:3]))
        raise LatexError(f"no file with a \\documentclass among {len(files)}, such as {other}")
    included = {PurePosixPath(name.decode("utf-8", "replace")).stem for raw in texts.values() for name in _names(raw)}

    def rank(path: str) -> tuple[object, ...]:
        stem = PurePosixPath(path).stem
        return (
            not _BEGIN.search(texts[path]),
            any(part in classes[path] for part in _PARTS),
            stem in included,
            bool(_ASIDE.search(path)),
            f"{path.rpartition('.')[0]}.bbl" not in files,
            not _USUAL.fullmatch(stem),
            path.count("/"),
            -len(texts[path]),
            path,
        )

    return min(classes, key=rank)


def _names(raw: bytes) -> list[bytes]:
    return [found for found in _INCLUDED.findall(raw) if found]


def _named(files: Mapping[str, bytes]) -> str:
    """The file that a 00README calls the top one."""
    for path in sorted(filter(README.fullmatch, files)):
        text = files[path].decode("utf-8", "replace")
        names = _TOPLEVEL.findall(text)
        try:
            sources = json.loads(text)["sources"]
            names += [s["filename"] for s in sources if s.get("usage") == "toplevel"]
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            pass
        if found := next((name for name in names if isinstance(name, str) and name in files), ""):
            return found
    return ""
