"""Books by their chapters, each a text that stands by itself."""

from __future__ import annotations

import re

from tasks.collect.latex.groups import Groups
from tasks.collect.latex.pieces import pieces

MIN_BOOK = 40_000  # characters; what is shorter stays whole
_CHAPTER = re.compile(r"\\chapter(?![A-Za-z])\*?")
_BEGIN = re.compile(r"\\begin\s*\{document\}")


def parts(text: str, most: int) -> list[tuple[str, str]]:
    """The first `most` chapters of a flattened text with their titles, each with the whole preamble; what comes before
    the first chapter is left out. A text that is short or has fewer than two chapters is one part without a title."""
    begin = _BEGIN.search(text)
    if begin is None or len(text) < MIN_BOOK:
        return [("", text)]
    starts = [
        found
        for kind, start, end in pieces(text)
        if kind == "text"
        for found in _CHAPTER.finditer(text, max(start, begin.end()), end)
    ]
    if len(starts) < 2:
        return [("", text)]
    groups, head = Groups(text), text[: begin.end()]
    out: dict[str, str] = {}
    for found, following in zip(starts, [*(s.start() for s in starts[1:]), len(text)], strict=True):
        _, at = groups.option(found.end())
        argument = groups.argument(at)
        title = " ".join((argument[0] if argument else "").split())[:80]
        body = text[found.start() : following].removesuffix("\\end{document}")
        if title and title not in out:
            out[title] = f"{head}\n{body}\n\\end{{document}}"
    return list(out.items())[:most]
