"""Many styles at a glance: a full page of each of some documents, side by side in one image."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence

from PIL import Image, ImageDraw

from tasks.records import Document, Page
from tasks.render.document import render_document
from tasks.render_config import RenderConfig

_TILE = (360, 480)  # px a page may take
_GAP = 12
_COLUMNS = 6
_GROUND, _EDGE, _REJECTED = "#8a8f98", "#333", "#c62828"


def contact_sheet(config: RenderConfig, documents: Sequence[Document], count: int = 24) -> bytes:
    """A PNG of `count` pages, each the fullest page of one of `documents`, spread evenly over them.

    The frame of a rejected page is red.
    """
    count = min(count, len(documents))
    chosen = [documents[i * len(documents) // count] for i in range(count)]
    pages = [_fullest(render_document(d, config).pages) for d in chosen]
    columns = min(_COLUMNS, max(1, len(pages)))
    rows = math.ceil(len(pages) / columns)
    width, height = (side + _GAP for side in _TILE)
    sheet = Image.new("RGB", (columns * width + _GAP, rows * height + _GAP), _GROUND)
    pen = ImageDraw.Draw(sheet)
    for i, page in enumerate(pages):
        tile = Image.open(io.BytesIO(page.image)).convert("RGB")
        tile.thumbnail(_TILE, Image.Resampling.LANCZOS)
        x, y = _GAP + i % columns * width, _GAP + i // columns * height
        sheet.paste(tile, (x, y))
        colour, frame = (_REJECTED, 4) if page.reject else (_EDGE, 1)
        pen.rectangle((x - 1, y - 1, x + tile.width, y + tile.height), outline=colour, width=frame)
    out = io.BytesIO()
    sheet.save(out, format="PNG")
    return out.getvalue()


def _fullest(pages: Sequence[Page]) -> Page:
    """The page with the longest label among the first three: it shows the most of the style."""
    return max(pages[:3], key=lambda page: len(page.markdown))
