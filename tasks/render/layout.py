"""Lay a document out with WeasyPrint and read its box tree: which visible characters stand on which page, and where.

The box tree is WeasyPrint's private interface, so its version is pinned and every character that is read is
compared with the character that was written.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tasks.markdown import SPACE
from tasks.render.fonts import isolate
from tasks.render.formula import Formula
from tasks.render.page_html import DRAWING, SCHEME, PageHtml

isolate()

import weasyprint  # noqa: E402
from weasyprint.formatting_structure import boxes  # noqa: E402
from weasyprint.text.ffi import pango  # noqa: E402
from weasyprint.urls import URLFetcher, URLFetcherResponse  # noqa: E402

_FILLER = "\u200b"
"""What WeasyPrint puts into a list item that holds nothing. Normalised Markdown never holds it."""

Rect = tuple[float, float, float, float]
"""x0, y0, x1, y1 in CSS px from the top left of the page."""


class _OwnDrawings(URLFetcher):  # type: ignore[misc]
    """WeasyPrint gets the drawings of a page's formulas, and fetches nothing, whatever a document names."""

    def __init__(self, formulas: list[Formula]) -> None:
        super().__init__()
        self._formulas = formulas

    def fetch(self, url: str, headers: Any = None) -> Any:
        number = url.removeprefix(SCHEME)
        if url != number and number.isascii() and number.isdigit() and int(number) < len(self._formulas):
            return URLFetcherResponse(url, self._formulas[int(number)].svg, {"Content-Type": "image/svg+xml"})
        raise ValueError(f"refused to fetch {url[:80]}")


@dataclass(slots=True)
class PageBoxes:
    """What one page holds.

    `ordinals`: visible characters in the order of the box tree; `markers`: list items whose bullet or number
    stands here; `rules`: thematic breaks; `repeated`: cells of a table head that is shown again; `text`: boxes
    of text and drawings; `marker_rects`: boxes of bullets and numbers; `latex_rects`: boxes of the source of
    formulas that could not be drawn; `tiny`: boxes of formulas that layout shrank by more than half; `mismatches`:
    characters that are not what was written.
    """

    ordinals: list[int] = field(default_factory=list)
    markers: set[int] = field(default_factory=set)
    rules: set[int] = field(default_factory=set)
    repeated: set[int] = field(default_factory=set)
    text: list[Rect] = field(default_factory=list)
    marker_rects: list[Rect] = field(default_factory=list)
    latex_rects: list[Rect] = field(default_factory=list)
    tiny: list[Rect] = field(default_factory=list)
    mismatches: list[str] = field(default_factory=list)


def library_versions() -> tuple[str, ...]:
    """WeasyPrint's version and those of the shared libraries it draws with, from the files that are loaded."""
    drawing = ("libpango", "libharfbuzz", "libfreetype", "libfontconfig")
    maps = Path("/proc/self/maps")  # Linux; elsewhere Pango's own number must do
    lines = maps.read_text().splitlines() if maps.exists() else []
    # packages bring copies of their own, which draw no text here
    loaded = {line.rpartition("/")[2].strip() for line in lines if "site-packages" not in line}
    names = sorted(name for name in loaded if name.startswith(drawing))
    return (weasyprint.__version__, str(pango.pango_version()), *names)


def lay_out(page_html: PageHtml, css: str, language: str) -> Any:
    """The laid-out WeasyPrint document."""
    source = f'<html lang="{language}"><head></head><body>{page_html.html}</body></html>'
    document = weasyprint.HTML(string=source, url_fetcher=_OwnDrawings(page_html.formulas))
    return document.render(stylesheets=[weasyprint.CSS(string=css)])


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


def read_pages(laid_out: Any, page_html: PageHtml) -> list[PageBoxes]:
    """What each page of the laid-out document holds."""
    cursor = [0] * len(page_html.elements)
    return [_read_page(page._page_box, page_html, cursor) for page in laid_out.pages]


def _read_page(page_box: Any, page_html: PageHtml, cursor: list[int]) -> PageBoxes:
    page = PageBoxes()
    again: dict[int, int] = {}  # cursor of each head cell that this page repeats
    for box in _leaves(page_box):
        tag = box.element_tag or ""
        number = box.element.get("data-i") if box.element is not None else None
        element = -1 if number is None else int(number)
        if isinstance(box, boxes.ReplacedBox):
            page.text.append(_rect(box))
            if box.width < 0.5 * box.style["width"].value:
                page.tiny.append(_rect(box))
            _read_text(DRAWING, element, page_html, cursor, again, page)
        elif not isinstance(box, boxes.TextBox):
            page.rules.add(element)
        elif tag.endswith("::marker"):
            page.markers.add(element)
            page.marker_rects.append(_rect(box))
        elif box.text.strip(" \n\t\r\f\v") and box.text != _FILLER:
            page.text.append(_rect(box))
            if element in page_html.latex:
                page.latex_rects.append(_rect(box))
            if element < 0:
                page.mismatches.append(f"text {box.text[:30]!r} outside every element")
            else:
                _read_text(box.text, element, page_html, cursor, again, page)
    return page


def _read_text(
    text: str, element: int, page_html: PageHtml, cursor: list[int], again: dict[int, int], page: PageBoxes
) -> None:
    """Match a text box's characters, one by one, with those its element should show next."""
    own = page_html.elements[element]
    if element in page_html.heads and cursor[element] >= len(own):
        page.repeated.add(element)
    repeated = element in page.repeated
    at = again.get(element, 0) if repeated else cursor[element]
    for c in text:
        if c in SPACE:
            continue
        if at < len(own) and page_html.chars[own[at]] == c:
            if not repeated:
                page.ordinals.append(own[at])
            at += 1
        else:
            expected = page_html.chars[own[at]] if at < len(own) else "nothing"
            page.mismatches.append(f"{c!r} where {expected!r} was written, in {text[:30]!r}")
    if repeated:
        again[element] = at
    else:
        cursor[element] = at
