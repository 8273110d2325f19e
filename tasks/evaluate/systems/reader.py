"""What every compared system is, and what it needs of this machine."""

from __future__ import annotations

import io
import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib import metadata
from typing import TYPE_CHECKING, NamedTuple, Protocol

from tasks.evaluate.page_set import PageInput
from tasks.model.generate import Answer
from tasks.records import StageError, UsageError

if TYPE_CHECKING:
    from PIL.Image import Image

Convert = Callable[[PageInput], str | Answer]


class Reading(NamedTuple):
    """A system's answer to a page. `clipped`: it was cut at the longest answer. `seconds`: the page's share of
    the wall time of its batch; loading is not in it. `error`: why there is no answer, empty where there is one."""

    text: str
    clipped: bool = False
    seconds: float = 0.0
    error: str = ""


class Reader(Protocol):
    """Reads `batch` pages at a time, their PDFs and not their images if it `needs_pdf`; each answer in its page's
    place. A page that it cannot read is a Reading with an `error`; only what concerns all pages (no connection, no
    memory) is raised."""

    @property
    def batch(self) -> int: ...

    @property
    def needs_pdf(self) -> bool: ...

    def read(self, pages: Sequence[PageInput]) -> list[Reading]: ...


@dataclass(frozen=True)
class PageByPage:
    """A reader made of a function from page to Markdown, in `parallel` threads.

    UsageError, StageError and a lack of memory go on; any other error is that page's.
    """

    convert: Convert
    parallel: int = 1
    batch: int = 8
    needs_pdf: bool = False

    def read(self, pages: Sequence[PageInput]) -> list[Reading]:
        started = time.perf_counter()
        with ThreadPoolExecutor(self.parallel) as pool:
            readings = list(pool.map(self._one, pages))
        return shared(readings, started)

    def _one(self, page: PageInput) -> Reading:
        try:
            answer = self.convert(page)
        except (UsageError, StageError, MemoryError):
            raise
        except Exception as e:
            if type(e).__name__ == "OutOfMemoryError":  # torch's
                raise
            return Reading("", error=one_line(e))
        return Reading(answer) if isinstance(answer, str) else Reading(answer.text, answer.clipped)


def shared(readings: Sequence[Reading], started: float) -> list[Reading]:
    """The readings of a batch that was begun at `started` (`time.perf_counter`), each with its share of the time."""
    seconds = (time.perf_counter() - started) / max(1, len(readings))
    return [reading._replace(seconds=seconds) for reading in readings]


def one_line(error: Exception) -> str:
    """What an error says, in one line."""
    return f"{type(error).__name__}: {error}".strip().splitlines()[0][:500]


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0))


def installed(*packages: str) -> dict[str, str]:
    """Package -> version. Raises UsageError for one that is missing."""
    try:
        return {name: metadata.version(name) for name in packages}
    except metadata.PackageNotFoundError as e:
        raise UsageError(f"{e.name} is not installed; it is part of recto's extra 'baselines'") from None


def decoded(page: PageInput) -> Image:
    """The page's image, RGB. Raises StageError where it cannot be decoded."""
    from PIL import Image

    try:
        return Image.open(io.BytesIO(page.image)).convert("RGB")
    except OSError as e:
        raise StageError(f"{page.page_id}: no readable image ({e}); make the page set again") from e
