"""Peak memory of a process that draws a document as long as one may be, and of one that draws many documents."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from itertools import cycle
from multiprocessing import get_context
from pathlib import Path

from tasks.collect.clean import cut, normalise
from tasks.config import CollectConfig
from tasks.markdown import parse
from tasks.records import Document
from tasks.render_config import RenderConfig

LONGEST = CollectConfig().max_chars
COUNTS = (10, 40, 160)
_FORMULA = r"$$\frac{{x_{{{0}}}^2}}{{\sqrt{{1 + y^{{{0}}}}}}} + \sum_{{k=0}}^{{{0}}} a_k$$"


def peak(documents: Sequence[Document]) -> tuple[int, int]:
    """MiB of this process at its most, and the pages it drew."""
    from tasks.render.document import render_document

    pages = sum(len(render_document(d, RenderConfig()).pages) for d in documents)
    status = Path("/proc/self/status").read_text()  # the peak that getrusage knows begins with the parent's
    return int(status.partition("VmHWM:")[2].split()[0]) // 1024, pages


def longest(documents: Sequence[Document]) -> Iterator[tuple[str, Document]]:
    """Documents as long as collection lets in, each full of one thing, made of the blocks of others."""
    for language in ("en", "ja"):
        spoken = [d for d in documents if d.language == language]
        for kind in ("Paragraph", "Table", "CodeBlock"):
            yield f"{kind}, {language}", _filled(spoken[0], kind, _blocks(spoken, kind))
    prose = _blocks([d for d in documents if d.language == "en"], "Paragraph")
    formulas = [f"{block} {_FORMULA.format(i)}" for i, block in enumerate(prose)]
    yield "Paragraph with a formula, en", _filled(documents[0], "formulas", formulas)


def _blocks(documents: Sequence[Document], kind: str) -> list[str]:
    nodes = ((d.markdown, n) for d in documents for n in parse(d.markdown).children if n.kind == kind)
    return [text[n.start : n.end].strip() for text, n in nodes]


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
    for number in COUNTS:
        most, pages = _apart(documents[:number])
        print(f"| {number} | {pages} | {most} |", flush=True)


def _apart(documents: Sequence[Document]) -> tuple[int, int]:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as fresh:
        return fresh.submit(peak, documents).result()
