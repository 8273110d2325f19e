"""What scanning adds to a page that is rasterised already: the back's raster, the effects and the JPEG."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence

import pymupdf

from tasks.records import Document
from tasks.render.document import render_document
from tasks.render.picture import scan_image
from tasks.render.style import draw_style
from tasks.render_config import EFFECTS, RenderConfig, ScanConfig


def bench(documents: Sequence[Document]) -> None:
    every = {"every effect, in colour": dict.fromkeys(EFFECTS, 1.0) | {"grey": 0.0}, "as drawn": ScanConfig().effects}
    drawings = [pymupdf.open(stream=render_document(d, RenderConfig()).pdf) for d in documents]
    for name, effects in every.items():
        config = RenderConfig(scan=ScanConfig(share=1, effects=effects))
        times = []
        for document, drawing in zip(documents, drawings, strict=True):
            style = draw_style(document, config)
            for page in drawing:
                pixmap = page.get_pixmap(dpi=style.dpi, alpha=False)
                started = time.process_time()
                scan_image(page, pixmap, document.doc_id, style, config)
                times.append(1000 * (time.process_time() - started))
        deciles = statistics.quantiles(times, n=10)
        print(f"scan, {name}: median {deciles[4]:.1f} ms, 9th decile {deciles[8]:.1f} ms (n = {len(times)} pages)")
