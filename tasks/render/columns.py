"""How narrow the columns of a table may become, and which of them keep all of their words whole.

Layout alone would share the page by the lengths of the columns' texts, and cut the words of a short one in two.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from tasks.markdown import Node
from tasks.render.formula import draw

_PADDING = 1.3  # em of a cell, with its borders
_SIZE = 0.92  # of the body's text
_LETTER, _BOLD, _WIDE, _SQUARE = 0.62, 0.7, 0.85, 1.05  # em of a letter; words are no wider in any family
_ORDINARY = 13  # letters of a word that is never cut where there is room
_FOR_WORDS = 0.7  # of a table's width that words may claim; the rest is shared by the lengths of the texts
_CJK = "\u2e80-\u9fff\uac00-\ud7a3\uf900-\ufaff\ufe30-\uffef"
# what layout never breaks is one word, and what it may break is sometimes one too
_WORD = re.compile(rf"[^\W\d_{_CJK}]+-(?=[^\W\d_])|[{_CJK}]{{1,3}}|[^\s{_CJK}]+")


def least_widths(table: Node, room: float) -> list[float | None]:
    """For each column of a table in `room` em of the body's text: None where all words stay whole, else the em of the
    table's text that it takes at least, which holds its ordinary words.

    Long words (identifiers, addresses) stay whole only where they leave room for the text of the other columns.
    """
    ordinary, longest = ([0.0] * len(table.arg) for _ in range(2))
    for row in table.children:
        for i, cell in enumerate(row.children[: len(ordinary)]):
            short, long = _widths(cell, _BOLD if row.kind == "TableHead" else _LETTER)
            ordinary[i], longest[i] = max(ordinary[i], short), max(longest[i], long)
    left = _FOR_WORDS * max(0.0, room / _SIZE - _PADDING * len(ordinary))
    least = _shared(ordinary, left)
    spare = left - sum(least)
    out: list[float | None] = [*least]
    for i in sorted(range(len(least)), key=lambda i: longest[i] - least[i]):
        spare -= longest[i] - least[i]
        if spare < -1e-9:
            break
        out[i] = None
    return out


def _shared(needs: list[float], left: float) -> list[float]:
    """What each need gets of `left`: all of it, or as much as the others that do not."""
    out = [0.0] * len(needs)
    for done, i in enumerate(sorted(range(len(needs)), key=needs.__getitem__)):
        out[i] = min(needs[i], left / (len(needs) - done))
        left -= out[i]
    return out


def _widths(cell: Node, letter: float) -> tuple[float, float]:
    """Width in em of a cell's widest ordinary word, and of its widest word; a formula is both."""
    text, formulas = "", [0.0]
    for node in _leaves(cell):
        formula = draw(node.text, node.kind == "DisplayMath") if node.kind in ("InlineMath", "DisplayMath") else None
        formulas += [formula.width] if formula else []
        text += " " if formula or node.kind in ("SoftBreak", "HardBreak") else node.text
    words = [(len(word) <= _ORDINARY, sum(_width(c, letter) for c in word)) for word in _WORD.findall(text)]
    return (
        max(formulas + [width for ordinary, width in words if ordinary]),
        max(formulas + [width for _, width in words]),
    )


def _leaves(node: Node) -> Iterator[Node]:
    if not node.children:
        yield node
    for child in node.children:
        yield from _leaves(child)


def _width(c: str, letter: float) -> float:
    if ord(c) > 0x1100:
        return _SQUARE
    return _WIDE if c.isupper() or c in "mw%@—" else letter
