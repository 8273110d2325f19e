"""Pages of PDFs: drawn, in a process of their own, and as PDFs of one page."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.evaluate.guarded import Worker, WorkerError

if TYPE_CHECKING:
    import pymupdf

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
    with Worker(_quiet, seconds) as worker:
        for path, numbers in work:
            try:
                drawn = worker(_draw, path, numbers, dpi)
            except WorkerError:
                fault = f"drawing it broke the process or took over {seconds} s"
                drawn = [DrawnPage(number, fault=fault) for number in numbers]
            yield path, drawn


def one_page(document: pymupdf.Document, number: int) -> bytes:
    """A page (0-based) of a PDF as a PDF of its own, the same bytes each time: without links, which no image shows."""
    import pymupdf

    visible = document[number].first_annot is not None
    with pymupdf.open() as alone:
        alone.insert_pdf(document, from_page=number, to_page=number, links=False, annots=visible)
        return bytes(alone.tobytes(garbage=4, deflate=True, no_new_id=True))


def _quiet() -> None:
    import pymupdf

    pymupdf.TOOLS.mupdf_display_errors(False)


def _draw(path: Path, numbers: Sequence[int], dpi: int) -> list[DrawnPage]:
    import pymupdf

    try:
        with pymupdf.open(stream=path.read_bytes(), filetype="pdf") as pdf:
            if pdf.needs_pass:
                return [DrawnPage(number, fault="encrypted") for number in numbers]
            return [_page(pdf, number, dpi) for number in numbers]
    except Exception as e:  # a PDF is data: whatever it breaks is its own fault
        return [DrawnPage(number, fault=f"{type(e).__name__}: {e}"[:300]) for number in numbers]


def _page(pdf: pymupdf.Document, number: int, dpi: int) -> DrawnPage:
    if not 0 <= number < pdf.page_count:
        return DrawnPage(number, fault=f"there is no page {number + 1}: it has {pdf.page_count}")
    try:
        page = pdf[number]
        inches = page.rect.width * page.rect.height / 72**2
        fitting = min(dpi, math.floor(math.sqrt(MAX_PIXELS / inches)))
        image = page.get_pixmap(dpi=fitting, alpha=False).tobytes("png")
        return DrawnPage(number, image, one_page(pdf, number))
    except Exception as e:
        return DrawnPage(number, fault=f"{type(e).__name__}: {e}"[:300])
