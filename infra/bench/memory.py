"""Peak memory of a process that draws a document as long as one may be, and of one that draws many documents."""

from __future__ import annotations

import resource
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from itertools import cycle
from multiprocessing import get_context

from tasks.collect.clean import cut, normalise
from tasks.config import CollectConfig
from tasks.markdown import Node, parse
from tasks.records import Document
from tasks.render_config import RenderConfig

LONGEST = CollectConfig().max_chars
COUNTS = (10, 40, 160)
_FORMULA = r"$$\frac{{x_{{{0}}}^2}}{{\sqrt{{1 + y^{{{0}}}}}}} + \sum_{{k=0}}^{{{0}}} a_k$$"


def peak(documents: Sequence[Document]) -> tuple[int, int]:
    """MiB of this process at its most, and the pages it drew."""
    from tasks.render.document import render_document

    pages = sum(len(render_document(d, RenderConfig()).pages) for d in documents)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024, pages


def longest(documents: Sequence[Document]) -> Iterator[tuple[str, Document]]:
    """Documents as long as collection lets in, each full of one thing, made of the blocks of others."""
    for language in ("en", "ja"):
        spoken = [d for d in documents if d.language == language]
        for kind in ("Paragraph", "Table", "CodeBlock"):
            blocks = (
                d.markdown[n.start : n.end].strip() for d in spoken for n in _blocks(d.markdown) if n.kind == kind
            )
            yield f"{kind}, {language}", _filled(spoken[0], kind, list(blocks))
    yield "DisplayMath", _filled(documents[0], "DisplayMath", [_FORMULA.format(i) for i in range(LONGEST)])


def _blocks(markdown: str) -> tuple[Node, ...]:
    return parse(markdown, math=True).children


def _filled(like: Document, kind: str, blocks: list[str]) -> Document:
    parts, filled = ["# Long"], 0
    for block in cycle(blocks):
        if filled > LONGEST:
            break
        parts.append(block)
        filled += len(block) + 2
    markdown = cut(normalise("\n\n".join(parts)), LONGEST)
    return replace(like, doc_id=kind, markdown=markdown)


def bench(documents: Sequence[Document]) -> None:
    print(f"\n| {LONGEST:,} characters of | pages | peak memory, MiB |\n| --- | ---: | ---: |")
    for name, document in longest(documents):
        most, pages = _apart([document])
        print(f"| {name} | {pages} | {most} |", flush=True)
    print("\n| documents in one process | pages | peak memory, MiB |\n| ---: | ---: | ---: |")
    for count in COUNTS:
        most, pages = _apart(documents[:count])
        print(f"| {count} | {pages} | {most} |", flush=True)


def _apart(documents: Sequence[Document]) -> tuple[int, int]:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as fresh:
        return fresh.submit(peak, documents).result()
