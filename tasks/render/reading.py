"""Read a laid-out document's box tree: which visible characters stand on which page, and where.

Every character that is read is compared with the character that was written.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tasks.markdown import SPACE
from tasks.render.fonts import isolate
from tasks.render.layout import PageBoxes, Rect
from tasks.render.page_html import DRAWING, PageHtml

isolate()

from weasyprint.formatting_structure import boxes  # noqa: E402

_FILLER = "\u200b"
"""What WeasyPrint puts into a list item that holds nothing. Normalised Markdown never holds it."""
_HYPHEN = 0.3
"""Width in em at the end of a line in which the middle of a hyphen lies, and that of no letter before it."""


def read_pages(laid_out: Any, page_html: PageHtml) -> list[PageBoxes]:
    """What each page of the laid-out document holds."""
    cursor = [0] * len(page_html.elements)
    return [_Reader(page_html, cursor).read(page._page_box) for page in laid_out.pages]


def _leaves(box: Any) -> Iterator[Any]:
    """Text boxes, drawings and rules of a page, in tree order, margin boxes left out."""
    stack = [box]
    while stack:
        box = stack.pop()
        if isinstance(box, boxes.MarginBox):
            continue
        if type(box).__name__ == "AbsolutePlaceholder":
            box = box._box
        if isinstance(box, boxes.TextBox | boxes.ReplacedBox):
            yield box
        elif isinstance(box, boxes.ParentBox):
            if box.element_tag == "hr":
                yield box
            stack.extend(reversed(box.children))


def _rect(box: Any) -> Rect:
    width = box.width
    if isinstance(box, boxes.TextBox):  # wide spaces hang over the end of a line, where nothing of them is seen
        width -= (len(box.text) - len(box.text.rstrip("\u3000"))) * float(box.style["font_size"])
    return (box.position_x, box.position_y, box.position_x + max(0.0, width), box.position_y + box.height)


class _Reader:
    """Reads one page; `cursor` is how far each element has been read on this page and those before it."""

    def __init__(self, page_html: PageHtml, cursor: list[int]) -> None:
        self.html = page_html
        self.cursor = cursor
        self.page = PageBoxes()
        self.again: dict[int, int] = {}  # cursor of each head cell that this page repeats
        self.shown: set[int] = set()  # head cells that this page shows whole

    def read(self, page_box: Any) -> PageBoxes:
        for box in _leaves(page_box):
            tag = box.element_tag or ""
            number = box.element.get("data-i") if box.element is not None else None
            element = -1 if number is None else int(number)
            if isinstance(box, boxes.ReplacedBox) and element < 0:  # a figure, whose caption is its text
                self.page.text.append(_rect(box))
            elif isinstance(box, boxes.ReplacedBox):
                if box.width < 0.5 * box.style["width"].value:
                    self.page.tiny.append(_rect(box))
                self.content(box, DRAWING, element)
            elif not isinstance(box, boxes.TextBox):
                self.page.rules.add(element)
            elif tag.endswith("::marker"):
                self.page.markers.add(element)
                self.page.marker_rects.append(_rect(box))
            elif box.text.strip(" \n\t\r\f\v") and box.text != _FILLER:
                self.content(box, box.text, element)
        return self.page

    def content(self, box: Any, text: str, element: int) -> None:
        """Match a box's characters, one by one, with those its element should show next."""
        page, rect = self.page, _rect(box)
        page.text.append(rect)
        if element < 0:
            page.mismatches.append(f"text {text[:30]!r} outside every element")
            return
        own = self.html.elements[element]
        repeated = element in self.html.heads and (element in page.repeated or self.cursor[element] >= len(own))
        at = self.again.get(element, 0) if repeated else self.cursor[element]
        if repeated and (element in self.shown or at >= len(own)):
            # a column began, and the head of its table stands on this page a second time
            self.shown.add(element)
            at %= max(1, len(own))
        if element in self.shown or element in self.html.latex:
            page.cut_rects.append(rect)
        elif repeated:
            page.repeated.add(element)
        for i, c in enumerate(text):
            if c in SPACE:
                continue
            if at < len(own) and self.html.chars[own[at]] == c:
                if not repeated:
                    page.ordinals.append(own[at])
                at += 1
            elif c == "-" and i == len(text) - 1 and box.style["hyphens"] == "auto":
                _, y0, x1, y1 = rect
                page.cut_rects.append((x1 - _HYPHEN * float(box.style["font_size"]), y0, x1 + 1, y1))
            else:
                expected = self.html.chars[own[at]] if at < len(own) else "nothing"
                page.mismatches.append(f"{c!r} where {expected!r} was written, in {text[:30]!r}")
        if repeated:
            self.again[element] = at
        else:
            self.cursor[element] = at
            if element in self.html.heads and at >= len(own) and page.ordinals and own and own[0] in page.ordinals:
                self.shown.add(element)
