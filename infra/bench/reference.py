"""The render stage beside the usual way: HTML to PDF with WeasyPrint and PDF to PNG with PyMuPDF, in one process.

Both draw the same HTML with the same style sheets on the same A4 pages, so layout is the same work. The usual way
stops there: it has no labels and no checks, and keeps nothing.
"""

from __future__ import annotations

import logging
import os
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context

import numpy as np

from infra.bench.timing import Seconds, collected, processor, render, timed
from tasks.records import Document
from tasks.render_config import RenderConfig, ScanConfig
from tasks.statistics import ratio_interval

REPEATS = 5
WORKERS = 2
A4 = RenderConfig(look="plain", width=794, height=1123, scan=ScanConfig(share=0))


def usual_way(documents: Sequence[Document], config: RenderConfig) -> tuple[Seconds, int]:
    """Seconds it takes, and the number of pages."""
    import pymupdf

    from tasks.render.layout import lay_out
    from tasks.render.page_html import PageHtml
    from tasks.render.sheet import css
    from tasks.render.style import draw_style

    logging.getLogger("weasyprint").setLevel(logging.ERROR)
    wall, cpu, pages = time.perf_counter(), time.process_time(), 0
    for document in documents:
        style = draw_style(document, config)
        laid_out = lay_out(PageHtml(document.markdown, style.measure), css(style, document.language), document.language)
        with pymupdf.open(stream=laid_out.write_pdf()) as pdf:
            for page in pdf:
                page.get_pixmap(dpi=style.dpi, alpha=False).tobytes("png")
                pages += 1
    return Seconds(time.perf_counter() - wall, time.process_time() - cpu), pages


def recto_way(documents: Sequence[Document], config: RenderConfig) -> Seconds:
    """The whole render stage on two processes, into an empty store."""
    with tempfile.TemporaryDirectory() as home:
        os.environ["RECTO_HOME"] = home
        return timed(partial(render, collected(documents, "bench"), config, WORKERS))[0]


def bench(documents: Sequence[Document]) -> None:
    """Both in turn, each warm: what is imported and loaded once is not counted."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as alone:
        alone.submit(usual_way, documents[:2], A4).result()
        recto_way(documents[:2], A4)
        results, pages = [], 0
        for _ in range(REPEATS):
            theirs, pages = alone.submit(usual_way, documents, A4).result()
            results.append((theirs, recto_way(documents, A4)))
    characters = sum(len(d.markdown) for d in documents)
    print(f"\n{len(documents)} documents, {characters:,} characters, {pages} A4 pages; {REPEATS} runs of each in turn")
    print(f"({processor()})\n")
    print("| characters a second | usual way, 1 process | render stage, 2 processes | ratio | 95 % interval |")
    print("| --- | ---: | ---: | ---: | ---: |")
    for name in Seconds._fields:
        over, under = (np.array([[getattr(pair[side], name) for pair in results]], np.float64) for side in (0, 1))
        ratio = ratio_interval(over, under, [str(i) for i in range(REPEATS)], seed="bench")
        speeds = (REPEATS * characters / seconds.sum() for seconds in (over, under))
        shown = " | ".join(f"{speed:,.0f}" for speed in speeds)
        print(f"| of {name} time | {shown} | {ratio.mean:.2f} | {ratio.low:.2f} to {ratio.high:.2f} |")
