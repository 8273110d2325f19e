"""The image of a page: clean PNG, or the JPEG of a scan."""

from __future__ import annotations

import json
import struct
import zlib
from typing import Any

import cv2
import numpy as np
import pymupdf
from numpy.typing import NDArray

from tasks.records import digest
from tasks.render.scan import Scan, back_of, draw_scan, fitted
from tasks.render.style import Style
from tasks.render_config import RenderConfig

_HEADER = 33  # bytes of a PNG before which its resolution cannot stand
_INCH = 0.0254  # metres


def page_image(pdf_page: Any, doc_id: str, style: Style, config: RenderConfig) -> tuple[bytes, str]:
    """Encoded image of a PDF page, and its style as JSON: with what was drawn of a scan under "scan", where it is one.

    The PDF must hold all pages of the document: the back of the sheet may show through.
    """
    pixmap = pdf_page.get_pixmap(dpi=style.dpi, alpha=False)
    found = scan_image(pdf_page, pixmap, doc_id, style, config)
    if found is None:
        return png(_pixels(pixmap), style.dpi), style.to_json()
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


def png(pixels: NDArray[np.uint8], dpi: int) -> bytes:
    """PNG of RGB pixels (height, width, 3); of one channel where all three are the same.

    Rows are not filtered: on pages of text that is both smaller and four times as fast.
    """
    red, green, blue = cv2.split(pixels)
    grey = np.array_equal(red, green) and np.array_equal(red, blue)
    options = (cv2.IMWRITE_PNG_COMPRESSION, 1, cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_NONE)
    encoded = cv2.imencode(".png", red if grey else cv2.merge((blue, green, red)), options)[1].tobytes()
    resolution = struct.pack(">4sIIB", b"pHYs", *[round(dpi / _INCH)] * 2, 1)
    chunk = struct.pack(">I", len(resolution) - 4) + resolution + struct.pack(">I", zlib.crc32(resolution))
    return encoded[:_HEADER] + chunk + encoded[_HEADER:]


def _pixels(pixmap: Any) -> NDArray[np.uint8]:
    shape = (pixmap.height, pixmap.width) if pixmap.n == 1 else (pixmap.height, pixmap.width, pixmap.n)
    return np.frombuffer(pixmap.samples, np.uint8).reshape(shape)
