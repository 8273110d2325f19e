"""`make bench`: how long things take, as ratios within one run where it can be, with n. Times are CPU seconds of
this process and its children unless said otherwise."""

from __future__ import annotations

import os
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypeVar

import pymupdf

from tasks.collect import collect
from tasks.config import CollectConfig
from tasks.evaluate.page_set import SetPage
from tasks.evaluate.scores import score_all
from tasks.evaluate.systems import Reading
from tasks.records import Document, StageRef
from tasks.render.picture import scan_image
from tasks.render.stage import batches, draw_stage, render_stage
from tasks.render.style import draw_style
from tasks.render_config import EFFECTS, RenderConfig, ScanConfig
from tasks.scoring import composite_reward
from tasks.scoring.typos import inject_typo
from tasks.store import Folder, finish, read_documents, write_documents

Value = TypeVar("Value")


def cpu(job: Callable[[], Value]) -> tuple[float, Value]:
    """CPU seconds of the job, children included, and its value."""

    def used() -> float:
        own, children = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime

    before = used()
    value = job()
    return used() - before, value


def collected(documents: list[Document], name: str) -> StageRef:
    folder = Folder(os.environ["RECTO_HOME"]) / "collect" / name
    write_documents(folder, documents)
    folder.write_rejects([])
    return finish(folder, name, {"documents": len(documents)})


def rebuild(documents: StageRef) -> StageRef:
    config = RenderConfig()
    return render_stage(config, *(draw_stage(config, documents, batch) for batch in batches(documents)))


def bench_render(documents: list[Document]) -> None:
    first = collected(documents, "first")
    cold, pages = cpu(lambda: rebuild(first))
    started = time.perf_counter()
    cpu(lambda: rebuild(first))
    unchanged = time.perf_counter() - started
    changed = [replace(documents[0], markdown=documents[0].markdown + "\nOne more line.\n"), *documents[1:]]
    one, _ = cpu(lambda: rebuild(collected(changed, "second")))
    n = int(pages.counts["pages"])
    print(f"render: {1000 * cold / n:.1f} ms CPU a page (n = {n} pages of {len(documents)} documents)")
    print(f"rebuild, nothing changed: {unchanged:.2f} s wall, {100 * unchanged / cold:.1f} % of the cold CPU time")
    print(f"rebuild, one document of {len(documents)} changed: {100 * one / cold:.1f} % of the cold CPU time")


def bench_scan(documents: list[Document]) -> None:
    """What scanning adds to a page that is rasterised already: the back's raster, the effects and the JPEG."""
    from tasks.render.document import render_document

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
        print(f"scan, {name}: median {deciles[4]:.1f} ms, 9th decile {deciles[8]:.1f} ms (n = {len(times)} A4 pages)")


REWARD_CHARS = 3_000


def bench_reward() -> None:
    """Pairs of real text and the same with reading errors, every reference new to the process."""
    folder = Folder(os.environ["RECTO_HOME"]) / "collect" / "first"
    texts = [d.markdown for d in read_documents(folder)]
    pages = [text[i : i + REWARD_CHARS] for text in texts for i in range(0, len(text) - REWARD_CHARS + 1, REWARD_CHARS)]
    answers = [misread(page) for page in pages]
    composite_reward(answers[0], pages[0])
    times = [1000 * cpu(partial(composite_reward, *pair))[0] for pair in zip(answers, pages, strict=True)]
    deciles = statistics.quantiles(times, n=10)
    print(
        f"composite reward of {REWARD_CHARS} characters: median {deciles[4]:.2f} ms, "
        f"9th decile {deciles[8]:.2f} ms CPU (n = {len(pages)} pairs)"
    )
    bench_scoring(pages, answers)


def bench_scoring(pages: Sequence[str], answers: Sequence[str]) -> None:
    """An evaluation's scoring in one process and in two, wall time."""
    known = [SetPage(str(i), str(i), 0, str(i), "en", "bench", (), page) for i, page in enumerate(pages)]
    given = [[Reading(answer) for answer in answers]] * 10
    walls = []
    for workers in (1, 2):
        started = time.perf_counter()
        score_all(known, given, workers)
        walls.append(time.perf_counter() - started)
    print(f"scores of {10 * len(pages)} answers: 2 processes take {walls[1] / walls[0]:.2f} of the time of one")


def misread(page: str) -> str:
    """The page with an error in every seventh line, and every fortieth line lost."""
    lines = [line for i, line in enumerate(page.split("\n"), 1) if i % 40]
    return "\n".join(inject_typo(line, str(i)) if i % 7 == 0 else line for i, line in enumerate(lines))


def main() -> None:
    with tempfile.TemporaryDirectory() as home:
        os.environ["RECTO_HOME"] = str(Path(home))
        documents, _ = collect(CollectConfig())
        bench_render(documents[::5])
        bench_scan(documents[::20])
        bench_reward()


if __name__ == "__main__":
    main()
