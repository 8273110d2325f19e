"""Lay a document out with WeasyPrint, which fetches nothing for it.

The box tree that comes out is WeasyPrint's private interface, so its version is pinned; reading.py reads it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tasks.render.figure import Figure
from tasks.render.fonts import isolate
from tasks.render.formula import Formula
from tasks.render.page_html import SCHEME, PageHtml

isolate()

import weasyprint  # noqa: E402
from weasyprint.text.ffi import pango  # noqa: E402
from weasyprint.urls import URLFetcher, URLFetcherResponse  # noqa: E402

Rect = tuple[float, float, float, float]
"""x0, y0, x1, y1 in CSS px from the top left of the page."""


class _OwnDrawings(URLFetcher):  # type: ignore[misc]
    """WeasyPrint gets the drawings of a page's formulas and figures, and fetches nothing, whatever a document names."""

    def __init__(self, drawings: list[Formula | Figure]) -> None:
        super().__init__()
        self._drawings = drawings

    def fetch(self, url: str, headers: Any = None) -> Any:
        number = url.removeprefix(SCHEME)
        if url != number and number.isascii() and number.isdigit() and int(number) < len(self._drawings):
            return URLFetcherResponse(url, self._drawings[int(number)].svg, {"Content-Type": "image/svg+xml"})
        raise ValueError(f"refused to fetch {url[:80]}")


@dataclass(slots=True)
class PageBoxes:
    """What one page holds.

    `ordinals`: visible characters in the order of the box tree; `markers`: list items whose bullet or number
    stands here; `rules`: thematic breaks; `repeated`: cells of a table head that is shown again, of a table that
    began before this page; `text`: boxes of text and drawings; `marker_rects`: boxes of bullets and numbers;
    `cut_rects`: boxes of what no label has as text, which are hyphens of line ends, table heads that the page shows
    once more in its next column, and the source of formulas that could not be drawn; `tiny`: boxes of formulas that
    layout shrank by more than half; `mismatches`: characters that are not what was written.
    """

    ordinals: list[int] = field(default_factory=list)
    markers: set[int] = field(default_factory=set)
    rules: set[int] = field(default_factory=set)
    repeated: set[int] = field(default_factory=set)
    text: list[Rect] = field(default_factory=list)
    marker_rects: list[Rect] = field(default_factory=list)
    cut_rects: list[Rect] = field(default_factory=list)
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
    fetcher = _OwnDrawings(page_html.drawings)
    sheet = weasyprint.CSS(string=css, url_fetcher=fetcher)  # without it, a sheet fetches what it imports
    return weasyprint.HTML(string=source, url_fetcher=fetcher).render(stylesheets=[sheet])
