"""`python -m infra.legibility [PAGES]`: what each scan effect costs Tesseract, beside the same pages clean.

Pages of the embedded corpus, one of a document in turn, every effect by itself and then together, drawn within the
ranges of the configuration. About 15 seconds a page on one core.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import pymupdf

from tasks.collect import collect
from tasks.config import CollectConfig
from tasks.evaluate.recall import read_page, word_recall
from tasks.records import Document, digest
from tasks.render.document import render_document
from tasks.render.picture import page_image
from tasks.render.style import draw_style
from tasks.render_config import EFFECTS, RenderConfig, ScanConfig
from tasks.statistics import mean_interval, paired_difference

PAGES = 40
CLEAN = "clean"
KINDS: Mapping[str, RenderConfig] = {
    CLEAN: RenderConfig(scan=ScanConfig(share=0)),
    **{name: RenderConfig(scan=ScanConfig(share=1, effects={name: 1.0})) for name in EFFECTS},
    "as drawn": RenderConfig(scan=ScanConfig(share=1)),
    "every effect": RenderConfig(scan=ScanConfig(share=1, effects=dict.fromkeys(EFFECTS, 1.0))),
}


class Shown(NamedTuple):
    """One page of a drawn document."""

    document: Document
    drawing: pymupdf.Document
    number: int
    label: str


def pages(count: int) -> Iterator[Shown]:
    """Pages that are kept and show some text, one of each document, documents in the order of a digest."""
    documents, _ = collect(CollectConfig())
    for document in sorted(documents, key=lambda d: digest("legibility", d.doc_id))[:count]:
        rendered = render_document(document, KINDS[CLEAN])
        kept = [page for page in rendered.pages if not page.reject and len(page.markdown) > 300]
        if kept:
            page = min(kept, key=lambda p: digest("legibility", p.doc_id, str(p.page_num)))
            yield Shown(document, pymupdf.open(stream=rendered.pdf), page.page_num, page.markdown)


def main(count: int = PAGES) -> None:
    recalls: dict[str, list[float | None]] = {kind: [] for kind in KINDS}
    families = []
    for shown in pages(count):
        document = shown.document
        families.append(document.family)
        for kind, config in KINDS.items():
            style = draw_style(document, config)
            image, _ = page_image(shown.drawing[shown.number], document.doc_id, style, config)
            recalls[kind].append(word_recall(shown.label, read_page(image, document.language, style.dpi)))
    print("| Effect | Pages | Recall | Against clean | 95 % interval |\n| --- | --- | --- | --- | --- |")
    for kind, found in recalls.items():
        gap = paired_difference({None: recalls[CLEAN]}, {None: found}, families, seed=kind)
        interval = "" if gap.low is None or gap.high is None else f"{gap.low:+.4f} to {gap.high:+.4f}"
        mean = mean_interval({None: found}, families).mean or 0.0
        print(f"| {kind} | {gap.n} | {mean:.4f} | {gap.mean or 0:+.4f} | {interval} |")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
