"""Wall and CPU seconds of a job, and the render stage as a job."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

import psutil

from tasks.records import Document, StageRef
from tasks.render.stage import render_pages
from tasks.render_config import RenderConfig
from tasks.store import Folder, finish, home, write_documents

Value = TypeVar("Value")


class Seconds(NamedTuple):
    """What a job took."""

    wall: float
    cpu: float


def timed(job: Callable[[], Value]) -> tuple[Seconds, Value]:
    """Seconds of a job, those of all processes below this one included, and its value."""
    wall, cpu = time.perf_counter(), _cpu()
    value = job()
    return Seconds(time.perf_counter() - wall, _cpu() - cpu), value


def _cpu() -> float:
    this = psutil.Process()
    return float(sum(sum(process.cpu_times()[:4]) for process in (this, *this.children(recursive=True))))


def collected(documents: Sequence[Document], name: str) -> StageRef:
    """The documents as a finished collection in the store."""
    folder = Folder(home()) / "collect" / name
    write_documents(folder, documents)
    folder.write_rejects([])
    return finish(folder, name, {"documents": len(documents)})


def render(documents: StageRef, config: RenderConfig, workers: int = 0) -> StageRef:
    """The whole render stage."""
    return render_pages(config, documents, workers)


def processor() -> str:
    """How many cores there are, and how many processes want one of them."""
    return f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
