"""Running headers, footers and page numbers: outermost lines that stand at one height on several pages."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from typing import Any

from tasks.evaluate.real.page_text import Rect, squash

_BAND = 0.14  # of the page's height, at its top and bottom, where running lines may stand
_STEP = 4.0  # PDF points within which heights are one
_PAGES = 3  # that show a line before it runs
_APART = 3.0  # heights of a line between two parts of it: title at the left, number at the right
_NUMBER = re.compile(r"[0-9]+")


@dataclass(frozen=True, slots=True)
class Line:
    """A part of a line in a page's margin band."""

    text: str
    box: Rect


def _lines(pdf_page: Any) -> list[Line]:
    """Parts of lines in the bands at the top and the bottom, what is far apart on one line being two parts."""
    top, bottom = pdf_page.rect.height * _BAND, pdf_page.rect.height * (1 - _BAND)
    words = [w for w in pdf_page.get_text("words", sort=False) if w[3] <= top or w[1] >= bottom]
    words.sort(key=lambda w: (round((w[1] + w[3]) / 2 / _STEP), w[0]))
    lines: list[Line] = []
    for x0, y0, x1, y1, word, *_ in words:
        if lines:
            last = lines[-1]
            height = last.box[3] - last.box[1]
            same = abs((y0 + y1) / 2 - (last.box[1] + last.box[3]) / 2) < _STEP
            if same and 0 <= x0 - last.box[2] + _STEP < _APART * height:
                box = (last.box[0], min(last.box[1], y0), x1, max(last.box[3], y1))
                lines[-1] = Line(f"{last.text} {word}", box)
                continue
        lines.append(Line(word, (x0, y0, x1, y1)))
    return lines


def _key(line: Line) -> tuple[str, int]:
    return _NUMBER.sub("#", squash(line.text)), round((line.box[1] + line.box[3]) / 2 / _STEP)


def _outermost(pdf_page: Any) -> list[Line]:
    """The first line in the band at the top and the last one in the band at the bottom."""
    lines = _lines(pdf_page)
    middle = pdf_page.rect.height / 2
    above = min((line.box[1] for line in lines if line.box[1] < middle), default=-inf)
    below = max((line.box[3] for line in lines if line.box[1] > middle), default=inf)
    return [line for line in lines if line.box[1] < above + _STEP or line.box[3] > below - _STEP]


def running_lines(pdf: Any) -> list[list[Line]]:
    """For each page of a PyMuPDF document the parts of its outermost lines that are, numbers aside, on two other pages
    too, at the same height."""
    pages = [_outermost(page) for page in pdf]
    seen = Counter(key for lines in pages for key in {_key(line) for line in lines})
    # a height may fall on either side of a step
    runs = {key for key in seen if sum(seen[key[0], key[1] + d] for d in (-1, 0, 1)) >= _PAGES}
    return [[line for line in lines if _key(line) in runs] for lines in pages]


def body_box(pdf_page: Any, lines: Sequence[Line]) -> Rect:
    """The page without its running lines, and what stands beyond them."""
    rect = pdf_page.rect
    middle = rect.height / 2
    top = max((line.box[3] for line in lines if line.box[3] < middle), default=0.0)
    bottom = min((line.box[1] for line in lines if line.box[1] > middle), default=rect.height)
    return (0.0, top, rect.width, bottom)
