"""What a second run costs: of the same documents, and of the same with one changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from infra.bench.timing import collected, render, timed
from tasks.records import Document
from tasks.render_config import RenderConfig


def bench(documents: Sequence[Document]) -> None:
    config, first = RenderConfig(), collected(documents, "first")
    cold, pages = timed(partial(render, first, config))
    unchanged, _ = timed(partial(render, first, config))
    changed = [replace(documents[0], markdown=documents[0].markdown + "\nOne more line.\n"), *documents[1:]]
    one, _ = timed(partial(render, collected(changed, "second"), config))
    n = int(pages.counts["pages"])
    print(f"\nrender: {1000 * cold.cpu / n:.1f} ms CPU a page (n = {n} pages of {len(documents)} documents)")
    print(f"rebuild, nothing changed: {unchanged.wall:.2f} s, {100 * unchanged.wall / cold.wall:.1f} % of the first")
    print(
        f"rebuild, one document of {len(documents)} changed: {100 * one.cpu / cold.cpu:.1f} % of the first's CPU time"
    )
