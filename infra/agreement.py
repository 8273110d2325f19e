"""`python -m infra.agreement`: how well labels and pages agree, layout by layout, before any page is rejected, and
with `--ocr` how much of the kept pages' labels an OCR engine finds on them.

Over every so many-th document of the embedded corpus; each of its layouts fixes one thing and draws the others.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, replace
from itertools import cycle

from tasks.collect import collect
from tasks.collect.clean import cut, normalise
from tasks.collect.markup import apply
from tasks.config import CollectConfig
from tasks.evaluate.audit import Audit, audited, summarise
from tasks.markdown import parse
from tasks.records import Document, Page, Reason, digest
from tasks.render_config import LookConfig, RenderConfig, ScanConfig
from tasks.statistics import mean_interval

ONE: dict[str, object] = {"papers": ("A4",), "columns": (1,), "justify": 0, "header": 0, "footer": 0}
LAYOUTS: dict[str, dict[str, object]] = {
    "A4": ONE,
    "Letter": {**ONE, "papers": ("Letter",)},
    "A5": {**ONE, "papers": ("A5",)},
    "card": {**ONE, "papers": ("card",)},
    "two columns": {**ONE, "columns": (2,)},
    "justified, hyphenated": {**ONE, "justify": 1, "hyphenate": 1},
    "two columns, justified, hyphenated": {**ONE, "columns": (2,), "justify": 1, "hyphenate": 1},
    "header and footer": {**ONE, "header": 1, "footer": 1},
    "coloured code": {**ONE, "code_themes": ("default", "monokai", "github-dark", "solarized-light")},
    "formulas": {},
    "as drawn": {},
}
# put into paragraphs for the layout "formulas", because the corpus has none; the last two show their source
FORMULAS = (
    *(
        r"$E = mc^2$",
        r"$\frac{a}{b} + \sqrt{x^2+1}$",
        r"$x_i \in \mathbb{R}^n$",
        r"$\hat{\theta} = \mathbf{A}^{-1} \vec{b}$",
    ),
    *(r"$$\sum_{i=0}^n x_i \to \infty$$", r"$$\int_0^\infty e^{-x^2}\,dx = \frac{\sqrt{\pi}}{2}$$", r"$\|x\| \le 1$"),
    *(r"$$\begin{pmatrix}a & b\\ c & d\end{pmatrix}$$", r"$\unknown{x} + 1$", r"$$\begin{gather} a \end{gather}$$"),
)
_SIZES = {"two columns": (11, 12), "two columns, justified, hyphenated": (11, 12)}


def pages_of(documents: Iterable[Document], layout: str, dpi: int = 36) -> list[tuple[Document, Page]]:
    """Every page that the layout draws, kept or rejected."""
    from tasks.render.document import render_document

    config = RenderConfig(look=LookConfig.model_validate(LAYOUTS[layout]), scan=ScanConfig(share=0), dpi=dpi)
    if layout in _SIZES:  # so that A4 holds two columns
        config = config.model_copy(update={"font_sizes": _SIZES[layout], "margins": (57, 76)})
    return [(d, page) for d in documents for page in render_document(d, config).pages]


def with_formulas(document: Document) -> Document:
    """The document with a formula at the end of each of its outermost paragraphs."""
    text, formulas = document.markdown, cycle(FORMULAS)
    edits = [(n.end, n.end, f" {next(formulas)}\n") for n in parse(text).children if n.kind == "Paragraph"]
    return replace(document, markdown=normalise(apply(text, edits)))


def read(pages: Iterable[tuple[Document, Page]], count: int) -> Audit:
    """What Tesseract finds of the labels' words, on `count` of the kept pages, chosen by a digest."""
    kept = [(d, page) for d, page in pages if page.reject is None]
    kept.sort(key=lambda pair: digest("audit", pair[0].doc_id, str(pair[1].page_num)))
    rows = ({**asdict(d), **asdict(page), "image": {"bytes": page.image}} for d, page in kept[:count])
    return summarise(map(audited, rows))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=60, help="how many of the corpus")
    parser.add_argument("--max-chars", type=int, default=3000, help="characters of each that are drawn; 0: all")
    parser.add_argument(
        "--ocr", type=int, default=0, help="kept pages of each layout that Tesseract reads, a second each"
    )
    parser.add_argument("--rejects", action="store_true", help="list the rejected pages, and those read far too badly")
    parser.add_argument("layouts", nargs="*", default=list(LAYOUTS), metavar="LAYOUT", help=", ".join(LAYOUTS))
    options = parser.parse_args()
    corpus, _ = collect(CollectConfig())
    step = max(1, len(corpus) // options.documents)
    documents = corpus[::step]
    if options.max_chars:
        documents = [replace(d, markdown=cut(d.markdown, options.max_chars)) for d in documents]
    print(f"{len(documents)} documents; recall is the share of the labels' words that Tesseract finds\n")
    print("| layout | pages | mean agreement | at 0.98 or better | kept | rejected | read | recall | 95 % interval |")
    print("| --- " + "| ---: " * 4 + "| --- | ---: | ---: | --- |")
    for layout in options.layouts:
        drawn = map(with_formulas, documents) if layout == "formulas" else documents
        pages = pages_of(drawn, layout, dpi=150 if options.ocr else 36)
        audit = read(pages, options.ocr)
        print(_line(layout, [page for _, page in pages], audit), flush=True)
        if options.rejects:
            for _, page in pages:
                if page.reject or page.agreement < 0.98:
                    agreed = f"{page.agreement:.4f} {page.reject or ''} {page.detail}"
                    print(f"  {page.doc_id} page {page.page_num}: {agreed}", flush=True)
            for far in audit.far:
                missed = ", ".join(far.missed[:12])
                print(f"  {far.doc_id} page {far.page_num}: recall {far.recall:.3f}, not found: {missed}", flush=True)


def _line(layout: str, pages: list[Page], audit: Audit) -> str:
    texts = [page.agreement for page in pages if page.reject is not Reason.BLANK]
    kept = sum(page.reject is None for page in pages) / len(pages)
    why = Counter(page.reject.value for page in pages if page.reject)
    recall = mean_interval({None: [page.recall for page in audit.pages]}, [page.family for page in audit.pages])
    cells = (
        *(layout, len(pages), f"{sum(texts) / len(texts):.5f}"),
        *(f"{100 * sum(a >= 0.98 for a in texts) / len(texts):.1f} %", f"{100 * kept:.1f} %"),
        *(", ".join(f"{n} {reason}" for reason, n in why.items()), recall.n),
        "" if recall.mean is None else f"{recall.mean:.4f}",
        "" if recall.low is None else f"{recall.low:.4f} to {recall.high:.4f}",
    )
    return f"| {' | '.join(map(str, cells))} |"


if __name__ == "__main__":
    main()
