"""What is shown of a page: its image, its label, and the part of its document that it shows."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from markupsafe import Markup

from tasks.dataset.browse.choice import Place
from tasks.dataset.reading import rows, rows_at
from tasks.html.images import data_uri
from tasks.html.markdown import markdown_html
from tasks.render.style import PAPERS
from tasks.store import DOCUMENTS_FILE, Folder

CONTEXT = 1_500  # characters of a document on either side of a page's span
WHOLE = 6_000  # a document up to this length is shown whole
LONGEST = 12_000  # characters of a label, or of a span, that are shown
_LONGEST_HTML = 200_000  # of a label; a larger one is shown as Markdown alone
_COLUMNS = ("image", "markdown", "page_start_char", "page_end_char", "style")
_ABOUT = ("doc_id", "url", "revision", "license", "attribution", "markdown")

Part = tuple[Literal["context", "span", "gap"], str]


@dataclass(frozen=True, slots=True)
class Source:
    """What a page was drawn from: `parts` are its span and what stands around it, `length` that of the document."""

    url: str
    revision: str
    license: str
    attribution: str
    parts: Sequence[Part]
    length: int

    @property
    def linked(self) -> bool:
        return self.url.startswith(("https://", "http://"))


@dataclass(frozen=True, slots=True)
class PageView:
    """`image`: data URI, width and height, None where there is none to show; `label`: the first LONGEST characters of
    `label_length`; `source`: None where the dataset does not hold the document."""

    place: Place
    image: tuple[str, int, int] | None
    label: str
    label_length: int
    style: str
    start: int
    end: int
    source: Source | None

    @property
    def extent(self) -> tuple[int, int]:
        """Where the span begins and how long it is, in thousandths of the document."""
        length = max(1, self.source.length if self.source else 0)
        first, last = (min(1_000, 1_000 * max(0, place) // length) for place in (self.start, self.end))
        return min(first, 996), max(4, last - first)

    @property
    def drawn(self) -> Markup:
        """The label as HTML; empty where that is too large."""
        html = markdown_html(self.label)
        return html if len(html) <= _LONGEST_HTML else Markup("")


def page_views(folder: Folder, chosen: Sequence[Place]) -> list[PageView]:
    """The chosen pages, in their order. One row group of a shard is in memory at a time."""
    at = {(place.file, place.row): place for place in chosen}
    wanted: dict[str, set[int]] = defaultdict(set)
    for file, row in sorted(at):
        wanted[file].add(row)
    shown = {at[file, row]: _shown(found) for file, row, found in rows_at(folder, wanted, _COLUMNS)}
    sources = dict(_sources(folder, {place: (page["start"], page["end"]) for place, page in shown.items()}))
    return [PageView(place=place, source=sources.get(place), **shown[place]) for place in chosen]


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    label = row["markdown"] or ""
    return {
        "image": _image((row["image"] or {}).get("bytes")),
        "label": label[:LONGEST],
        "label_length": len(label),
        "style": style_line(row["style"] or ""),
        "start": row["page_start_char"] or 0,
        "end": row["page_end_char"] or 0,
    }


def _image(data: bytes | None) -> tuple[str, int, int] | None:
    from PIL import Image

    try:
        return data_uri(data) if data else None
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):  # what Pillow says of a broken image
        return None


def _sources(folder: Folder, spans: dict[Place, tuple[int, int]]) -> Iterator[tuple[Place, Source]]:
    pages: dict[str, list[Place]] = defaultdict(list)
    for place in spans:
        pages[place.doc_id].append(place)
    for row in rows(folder, DOCUMENTS_FILE, _ABOUT, at_a_time=16):
        for place in pages.get(row["doc_id"], ()):
            about = {name: row.get(name) or "" for name in ("url", "revision", "license", "attribution")}
            text = row["markdown"] or ""
            yield place, Source(parts=around(text, *spans[place]), length=len(text), **about)


def around(text: str, start: int, end: int) -> list[Part]:
    """The span of a document between what stands around it; gaps say how many characters are left out."""
    end = max(0, min(end, len(text)))
    start = max(0, min(start, end))
    first, last = (0, len(text)) if len(text) <= WHOLE else (max(0, start - CONTEXT), min(len(text), end + CONTEXT))
    half, out = LONGEST // 2, max(0, end - start - LONGEST)
    span: list[Part] = [("span", text[start:end])]
    if out:
        span = [("span", text[start : start + half]), _gap(out), ("span", text[end - half : end])]
    parts = [_gap(first), ("context", text[first:start]), *span, ("context", text[end:last]), _gap(len(text) - last)]
    return [part for part in parts if part[1]]


def _gap(count: int) -> Part:
    return "gap", f"{count:,} characters" if count else ""


def style_line(style: str) -> str:
    """A drawn style in a few words: "A4, 2 columns, DejaVu Serif 10.5 pt, justified"; another text stays as it is."""
    try:
        drawn = json.loads(style)
        paper = next(
            (name for name, size in PAPERS.items() if size == (drawn["width"], drawn["height"])),
            f"{drawn['width']} × {drawn['height']} px",
        )
        words = [paper, f"{drawn['family']} {drawn['font_size'] * 0.75:g} pt", f"{drawn['dpi']} DPI"]
    except (ValueError, KeyError, TypeError):
        return style[:200]
    if drawn.get("columns", 1) != 1:
        words.insert(1, f"{drawn['columns']} columns")
    said = (("justify", "justified"), ("hyphenate", "hyphenated"), ("header", "running header"), ("footer", "footer"))
    words += [word for key, word in (*said, ("code_theme", "coloured code"), ("scan", "scanned")) if drawn.get(key)]
    return ", ".join(words)
