"""The image of a page: clean PNG, or the JPEG of a scan."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pymupdf

from tasks.records import digest
from tasks.render.scan import Scan, back_of, draw_scan, fitted
from tasks.render.style import Style
from tasks.render_config import RenderConfig


def page_image(pdf_page: Any, doc_id: str, style: Style, config: RenderConfig) -> tuple[bytes, str]:
    """Encoded image of a PDF page, and its style as JSON: with what was drawn of a scan under "scan", where it is one.

    The PDF must hold all pages of the document: the back of the sheet may show through.
    """
    pixmap = pdf_page.get_pixmap(dpi=style.dpi, alpha=False)
    found = scan_image(pdf_page, pixmap, doc_id, style, config)
    if found is None:
        return pixmap.tobytes("png"), style.to_json()
    image, scan = found
    return image, json.dumps({**json.loads(style.to_json()), "scan": scan.drawn()}, sort_keys=True)


def scan_image(
    pdf_page: Any, pixmap: Any, doc_id: str, style: Style, config: RenderConfig
) -> tuple[bytes, Scan] | None:
    """JPEG of the scan of a page that was drawn as `pixmap`, and what was done to it; None where it stays clean."""
    number, pages = int(pdf_page.number), len(pdf_page.parent)
    scan = draw_scan(doc_id, number, pages, config)
    if scan is None:
        return None
    from tasks.render.effects import ink_box, scanned

    page = _pixels(pixmap)
    scan = fitted(scan, ink_box(page), page.shape[1], page.shape[0])
    back, other = None, back_of(number, pages)
    if scan.bleed and other is not None:
        # it is seen through paper: half the resolution is enough
        half = pdf_page.parent[other].get_pixmap(dpi=max(1, style.dpi // 2), colorspace=pymupdf.csGRAY, alpha=False)
        back = _pixels(half)
    seed = int(digest(doc_id, str(number), "grain", str(config.seed)), 16)
    return scanned(page, scan, back, style.dpi, seed), scan


def _pixels(pixmap: Any) -> np.ndarray[Any, np.dtype[np.uint8]]:
    shape = (pixmap.height, pixmap.width) if pixmap.n == 1 else (pixmap.height, pixmap.width, pixmap.n)
    return np.frombuffer(pixmap.samples, np.uint8).reshape(shape)
