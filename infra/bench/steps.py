"""Where the time of a page goes, in one process that has drawn before."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import weasyprint

from tasks.records import Document
from tasks.render import document as rendering
from tasks.render import page_html, picture
from tasks.render.cache import PageFile, page_file
from tasks.render_config import RenderConfig
from tasks.store import Folder, home

STEPS: Sequence[tuple[str, Any, str]] = (
    ("style", rendering, "draw_style"),
    ("parse Markdown", page_html, "parse"),
    ("write HTML", rendering, "PageHtml"),
    ("layout (HTML, style, lines, pages)", rendering, "lay_out"),
    ("read the box tree", rendering, "read_pages"),
    ("write PDF", weasyprint.Document, "write_pdf"),
    ("label", rendering, "write_label"),
    ("agreement (text layer)", rendering, "shown_text"),
    ("agreement (text layer)", rendering, "agreement"),
    ("gates", rendering, "_fault"),
    ("gates", rendering, "_font_fault"),
    ("raster", rendering, "page_image"),
    ("PNG", picture, "png"),
    ("cache", PageFile, "write"),
)


class Clock:
    """CPU seconds of each step, without those of the steps within it."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self._inner = [0.0]

    def around(self, step: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*arguments: Any, **options: Any) -> Any:
            self._inner.append(0.0)
            started = time.process_time()
            try:
                return call(*arguments, **options)
            finally:
                taken = time.process_time() - started
                self.seconds[step] += taken - self._inner.pop()
                self._inner[-1] += taken

        return timed


@contextmanager
def clocked() -> Iterator[Clock]:
    """A clock that runs with every step of rendering."""
    clock, calls = Clock(), [(owner, name, getattr(owner, name)) for _, owner, name in STEPS]
    for (step, owner, name), (*_, call) in zip(STEPS, calls, strict=True):
        setattr(owner, name, clock.around(step, call))
    try:
        yield clock
    finally:
        for owner, name, call in calls:
            setattr(owner, name, call)


def bench(documents: Sequence[Document]) -> None:
    config, pages = RenderConfig(), 0
    for document in documents[:5]:
        rendering.render_document(document, config)
    with clocked() as clock:
        draw = clock.around("the rest", _draw)
        for document in documents:
            pages += draw(document, config)
    whole = sum(clock.seconds.values())
    print(
        f"\n| step | ms CPU a page (n = {pages} pages of {len(documents)} documents) | share |\n| --- | ---: | ---: |"
    )
    for step in dict.fromkeys((*(step for step, *_ in STEPS), "the rest")):
        taken = clock.seconds[step]
        print(f"| {step} | {1000 * taken / pages:.1f} | {100 * taken / whole:.0f} % |")
    print(f"| all | {1000 * whole / pages:.1f} | 100 % |")


def _draw(document: Document, config: RenderConfig) -> int:
    rendered = rendering.render_document(document, config)
    page_file(Folder(home()), document, config).write(rendered)
    return len(rendered.pages)
