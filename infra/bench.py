"""`make bench`: how long things take, as ratios within one run where it can be, with n. Times are CPU seconds of
this process and its children unless said otherwise."""

from __future__ import annotations

import os
import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from tasks.collect import collect
from tasks.config import CollectConfig, RenderConfig
from tasks.records import Document, StageRef
from tasks.render.stage import batches, draw_stage, render_stage
from tasks.scoring import composite_reward
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


def bench_reward() -> None:
    folder = Folder(os.environ["RECTO_HOME"]) / "collect" / "first"
    pages = [d.markdown[:1500] for d in read_documents(folder)]
    times = []
    for page in pages:
        answer = page.replace("e", "a", 20)
        started = time.process_time()
        composite_reward(answer, page)
        times.append(1000 * (time.process_time() - started))
    deciles = statistics.quantiles(times, n=10)
    print(f"composite reward: median {deciles[4]:.1f} ms, 9th decile {deciles[8]:.1f} ms (n = {len(pages)} texts)")


def main() -> None:
    with tempfile.TemporaryDirectory() as home:
        os.environ["RECTO_HOME"] = str(Path(home))
        documents, _ = collect(CollectConfig())
        bench_render(documents[::5])
        bench_reward()


if __name__ == "__main__":
    main()
