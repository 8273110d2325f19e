"""Pages of PDFs that nobody vouches for, drawn in a process that can neither hang the run nor take it down."""

from __future__ import annotations

import faulthandler
import math
import multiprocessing
import os
import resource
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MEMORY = 4 * 2**30  # bytes of address space for one PDF
MAX_PIXELS = 50_000_000  # a larger page is drawn at a lower resolution


@dataclass(frozen=True, slots=True)
class DrawnPage:
    """One page (0-based `number`): a PNG and a PDF of that page alone; or why there is none in `fault`."""

    number: int
    image: bytes = b""
    pdf: bytes = b""
    fault: str = ""


def draw_pages(
    work: Iterable[tuple[Path, Sequence[int]]], dpi: int, seconds: int = 120
) -> Iterator[tuple[Path, list[DrawnPage]]]:
    """Draw the pages named (0-based) of each PDF, in the order given, as the pages of a dataset are drawn.

    A PDF that breaks the process, or takes it longer than `seconds`, has only faults.
    """
    pool: ProcessPoolExecutor | None = None
    try:
        for path, numbers in work:
            if pool is None:
                context = multiprocessing.get_context("spawn")
                pool = ProcessPoolExecutor(1, mp_context=context, initializer=_limit_memory)
            try:
                yield path, pool.submit(_draw, path, numbers, dpi, seconds).result()
            except BrokenProcessPool:
                pool.shutdown()
                pool = None
                fault = f"drawing it broke the process or took over {seconds} s"
                yield path, [DrawnPage(number, fault=fault) for number in numbers]
    finally:
        if pool is not None:
            pool.shutdown(cancel_futures=True)


def _limit_memory() -> None:
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    limit = MEMORY if hard == resource.RLIM_INFINITY else min(MEMORY, hard)
    resource.setrlimit(resource.RLIMIT_AS, (limit, hard))


def _draw(path: Path, numbers: Sequence[int], dpi: int, seconds: int) -> list[DrawnPage]:
    import pymupdf

    pymupdf.TOOLS.mupdf_display_errors(False)
    with open(os.devnull, "w") as sink:
        faulthandler.dump_traceback_later(seconds, exit=True, file=sink)  # C code sees no alarm
        try:
            with pymupdf.open(stream=path.read_bytes(), filetype="pdf") as pdf:
                if pdf.needs_pass:
                    return [DrawnPage(number, fault="encrypted") for number in numbers]
                return [_page(pdf, number, dpi) for number in numbers]
        except Exception as e:  # a PDF is data: whatever it breaks is its own fault
            return [DrawnPage(number, fault=f"{type(e).__name__}: {e}"[:300]) for number in numbers]
        finally:
            faulthandler.cancel_dump_traceback_later()


def _page(pdf: Any, number: int, dpi: int) -> DrawnPage:
    import pymupdf

    if not 0 <= number < pdf.page_count:
        return DrawnPage(number, fault=f"there is no page {number + 1}: it has {pdf.page_count}")
    try:
        page = pdf[number]
        inches = page.rect.width * page.rect.height / 72**2
        fitting = min(dpi, math.floor(math.sqrt(MAX_PIXELS / inches)))
        image = page.get_pixmap(dpi=fitting, alpha=False).tobytes("png")
        with pymupdf.open() as alone:
            alone.insert_pdf(pdf, from_page=number, to_page=number)
            return DrawnPage(number, image, alone.tobytes(garbage=3, deflate=True, no_new_id=True))
    except Exception as e:
        return DrawnPage(number, fault=f"{type(e).__name__}: {e}"[:300])
