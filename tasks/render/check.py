"""What a page must pass: what it shows agrees with its label, and its text is where a reader can see it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Any

import numpy as np
import pymupdf
from rapidfuzz.distance import Indel

from tasks.markdown import visible_text
from tasks.render.layout import PageBoxes, Rect
from tasks.render.page_html import TASK_BOX
from tasks.render.style import Style

_MASKED = str.maketrans("", "", "".join(TASK_BOX.values()) + "•◦▪")
_POINTS = 0.75  # per CSS px
_SLACK = 1.0  # CSS px a box may reach beyond its page or into another
_ROWS = 256  # boxes compared with their neighbours at once


def _letters(text: str) -> str:
    text = re.sub(r"\s+", "", unicodedata.normalize("NFKC", text)).translate(_MASKED)
    return re.sub(r"\[\^([^\]]+)\]", r"\1", text)  # a footnote's mark is drawn as its name


def shown_text(pdf_page: Any, content_box: Rect, marker_rects: Sequence[Rect], cut_rects: Sequence[Rect] = ()) -> str:
    """Text layer of a PDF page inside the content box (PDF points), in the order it is painted.

    Left out are words in the middle of which lies one of `marker_rects` (bullets, numbers), and the characters in
    `cut_rects` (what is glued to other text). Both are in CSS px.
    """
    if cut_rects:  # by the character, which costs some milliseconds
        kind, flags = "rawdict", pymupdf.TEXTFLAGS_WORDS & ~pymupdf.TEXT_PRESERVE_IMAGES
        spans = (s for b in pdf_page.get_text(kind, flags=flags)["blocks"] for x in b["lines"] for s in x["spans"])
        pieces = [(*c["bbox"], c["c"]) for span in spans for c in span["chars"]]
    else:
        pieces = [word[:5] for word in pdf_page.get_text("words", sort=False)]
    if not pieces:
        return ""
    *edges, texts = zip(*pieces, strict=True)
    x0, y0, x1, y1 = np.array(edges, dtype=float)
    # a bullet hangs left of its text, possibly in the margin: clip by hand, by the middle of each word
    x, y = (x0 + x1) / 2, (y0 + y1) / 2
    left, top, right, bottom = content_box
    kept = (x >= left - _SLACK) & (x <= right + _SLACK) & (y >= top - _SLACK) & (y <= bottom + _SLACK)
    for mx0, my0, mx1, my1 in np.array([*marker_rects, *cut_rects], dtype=float).reshape(-1, 4) * _POINTS:
        kept &= ~((mx0 <= x) & (x <= mx1) & (my0 <= y) & (y <= my1))
    return "".join(text for text, keep in zip(texts, kept, strict=True) if keep)


def agreement(label: str, shown: str) -> float:
    """Indel similarity, in [0, 1], of the label's visible characters and those the page shows.

    Both are NFKC without whitespace, bullets and task boxes; the label's list numbers are no text by parsing.
    """
    return Indel.normalized_similarity(_letters(visible_text(label, formulas=False)), _letters(shown))


def geometry_fault(page: PageBoxes, style: Style) -> str:
    """What is wrong with where text stands: outside its column, too small, or over other text; "" when nothing is."""
    if not page.text:
        return ""
    if page.tiny:
        return f"formula at {_whole(page.tiny[0])} px is too small to read"
    top, _, bottom, _ = style.margins
    boxes = np.array(page.text, dtype=float)
    x0, y0, x1, y1 = boxes.T
    inside = np.zeros(len(boxes), dtype=bool)
    for left, right in style.column_edges:
        inside |= (x0 >= left - _SLACK) & (x1 <= right + _SLACK)
    outside = (
        ~inside
        | (y0 < top - _SLACK - style.font_size)  # a superscript's box may stick out of its line
        | (y1 > style.height - bottom + _SLACK + style.font_size)
    )
    if outside.any():
        return f"text at {_whole(boxes[int(outside.argmax())])} px is outside the content box and its columns"
    order = np.argsort(y0, kind="stable")
    x0, y0, x1, y1 = boxes[order].T
    for at in range(0, len(order), _ROWS):
        i = slice(at, at + _ROWS)
        # boxes from the first of these on that begin above the lowest end of these: nothing else can touch them
        j = slice(at, int(np.searchsorted(y0, y1[i].max())))
        width = np.minimum(x1[i, None], x1[j]) - np.maximum(x0[i, None], x0[j])
        height = np.minimum(y1[i, None], y1[j]) - np.maximum(y0[i, None], y0[j])
        # boxes are as high as their line: half of the lower one must be covered before anything is hidden
        covered = (width > _SLACK) & (height > 0.5 * np.minimum((y1 - y0)[i, None], (y1 - y0)[j]))
        np.fill_diagonal(covered, False)
        if covered.any():
            a, b = (at + int(v) for v in np.unravel_index(int(covered.argmax()), covered.shape))
            return f"text at {_whole(boxes[order[a]])} px overlaps {_whole(boxes[order[b]])}"
    return ""


def _whole(box: Any) -> tuple[int, ...]:
    return tuple(round(float(v)) for v in box)
