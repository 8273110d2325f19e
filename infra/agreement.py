"""`python -m infra.agreement`: how well labels and pages agree, layout by layout, before any page is rejected.

Over every so many-th document of the embedded corpus; each of its layouts fixes one thing and draws the others.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from itertools import cycle

from tasks.collect import collect
from tasks.collect.clean import cut, normalise
from tasks.collect.markup import apply
from tasks.config import CollectConfig
from tasks.markdown import parse
from tasks.records import Document, Reason
from tasks.render_config import LookConfig, RenderConfig, ScanConfig

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


def pages_of(documents: Iterable[Document], layout: str) -> list[tuple[Document, int, float, Reason | None, str]]:
    """Document, page number, agreement, reject and its detail of every page that the layout draws."""
    from tasks.render.document import render_document

    config = RenderConfig(look=LookConfig.model_validate(LAYOUTS[layout]), scan=ScanConfig(share=0), dpi=36)
    if layout in _SIZES:  # so that A4 holds two columns
        config = config.model_copy(update={"font_sizes": _SIZES[layout], "margins": (57, 76)})
    return [
        (d, p.page_num, p.agreement, p.reject, p.detail) for d in documents for p in render_document(d, config).pages
    ]


def with_formulas(document: Document) -> Document:
    """The document with a formula at the end of each of its outermost paragraphs."""
    text, formulas = document.markdown, cycle(FORMULAS)
    edits = [(n.end, n.end, f" {next(formulas)}\n") for n in parse(text).children if n.kind == "Paragraph"]
    return replace(document, markdown=normalise(apply(text, edits)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=60, help="how many of the corpus")
    parser.add_argument("--max-chars", type=int, default=3000, help="characters of each that are drawn; 0: all")
    parser.add_argument("--rejects", action="store_true", help="list the rejected pages")
    parser.add_argument("layouts", nargs="*", default=list(LAYOUTS), metavar="LAYOUT", help=", ".join(LAYOUTS))
    options = parser.parse_args()
    corpus, _ = collect(CollectConfig())
    step = max(1, len(corpus) // options.documents)
    documents = corpus[::step]
    if options.max_chars:
        documents = [replace(d, markdown=cut(d.markdown, options.max_chars)) for d in documents]
    print("| layout | documents | pages | mean agreement | at 0.98 or better | kept | rejected |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | --- |")
    for layout in options.layouts:
        pages = pages_of(map(with_formulas, documents) if layout == "formulas" else documents, layout)
        texts = [a for _, _, a, reject, _ in pages if reject is not Reason.BLANK]
        kept = sum(reject is None for *_, reject, _ in pages) / len(pages)
        why = Counter(reject.value for *_, reject, _ in pages if reject)
        print(
            f"| {layout} | {len(documents)} | {len(pages)} | {sum(texts) / len(texts):.5f} "
            f"| {100 * sum(a >= 0.98 for a in texts) / len(texts):.1f} % | {100 * kept:.1f} % "
            f"| {', '.join(f'{n} {reason}' for reason, n in why.items())} |",
            flush=True,
        )
        if options.rejects:
            for document, number, agreed, reject, detail in pages:
                if reject or agreed < 0.98:
                    print(f"  {document.doc_id} page {number}: {agreed:.4f} {reject or ''} {detail}", flush=True)


if __name__ == "__main__":
    main()
