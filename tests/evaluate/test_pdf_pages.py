"""One page of a PDF, and the process that data of unknown origin is given to."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pymupdf
import pytest

from tasks.evaluate.guarded import Worker, WorkerError
from tasks.evaluate.pdf_pages import draw_pages, one_page
from tasks.records import StageError

LIMIT = 2**30


def nothing() -> None:
    pass


def broken() -> None:
    raise ImportError("no such library")


def hang() -> None:
    time.sleep(600)


def abort() -> None:
    os.abort()


def leave() -> None:
    os._exit(3)


def fill(size: int) -> int:
    return len(bytearray(size))


def refuse() -> None:
    raise ValueError("not a page\nbut a novel")


def unsendable() -> object:
    return lambda: None


def process() -> int:
    return os.getpid()


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    with Worker(nothing, seconds=1, memory=LIMIT) as made:
        yield made


@pytest.mark.parametrize(
    ("call", "said"),
    [
        ((hang,), r"took over 1 s"),
        ((abort,), r"ended its process \(SIGABRT\)"),
        ((leave,), r"ended its process \(exit status 3\)"),
        ((fill, 2 * LIMIT), r"MemoryError: it needs more than 1\.0 GiB"),
    ],
)
def test_what_ends_the_process_is_named_and_the_next_call_has_a_new_one(
    worker: Worker, call: tuple[object, ...], said: str
) -> None:
    before = worker(process)
    with pytest.raises(WorkerError) as caught:
        worker(*call)  # type: ignore[arg-type]
    assert re.fullmatch(said, str(caught.value))
    assert worker(process) not in (before, os.getpid())


def test_an_error_is_named_in_one_line_and_the_process_stays(worker: Worker) -> None:
    before = worker(process)
    with pytest.raises(WorkerError, match=r"^ValueError: not a page$"):
        worker(refuse)
    with pytest.raises(WorkerError, match="pickle"):
        worker(unsendable)
    assert worker(process) == before


def test_the_limits_hold_for_a_call_not_for_all(worker: Worker) -> None:
    before = worker(process)
    assert [worker(fill, LIMIT // 4) for _ in range(8)] == [LIMIT // 4] * 8
    assert worker(process) == before


@pytest.mark.parametrize(("prepare", "said"), [(broken, "ImportError: no such library"), (abort, "SIGABRT")])
def test_a_process_that_cannot_start_is_an_error_of_the_stage(prepare: object, said: str) -> None:
    with pytest.raises(StageError, match=said):
        Worker(prepare, seconds=1)  # type: ignore[arg-type]


@pytest.fixture
def booklet(tmp_path: Path) -> Path:
    with pymupdf.open() as pdf:
        for number in range(4):
            page = pdf.new_page(width=200, height=100)
            page.insert_text((20, 40), f"Page {number}")
            link = {"kind": pymupdf.LINK_URI, "from": pymupdf.Rect(20, 30, 80, 45), "uri": "https://example.org"}
            page.insert_link(link)
        pdf[3].add_freetext_annot(pymupdf.Rect(20, 60, 180, 90), "A visible note")
        pdf.save(tmp_path / "booklet.pdf")
    return tmp_path / "booklet.pdf"


def test_one_page_is_the_same_bytes_whatever_was_taken_before(booklet: Path) -> None:
    with pymupdf.open(booklet) as pdf:
        forwards = [one_page(pdf, number) for number in range(4)]
        backwards = [one_page(pdf, number) for number in reversed(range(4))]
    assert forwards == backwards[::-1]
    with pymupdf.open(booklet) as pdf:
        pdf[2].get_pixmap()
        assert one_page(pdf, 2) == forwards[2]


def test_one_page_holds_what_its_image_shows(booklet: Path) -> None:
    with pymupdf.open(booklet) as pdf:
        for number in range(4):
            with pymupdf.open(stream=one_page(pdf, number), filetype="pdf") as single:
                assert single.page_count == 1
                assert single[0].get_text().splitlines()[0] == f"Page {number}"
                assert single[0].get_links() == []
                assert single[0].get_pixmap().samples == pdf[number].get_pixmap().samples


def test_pages_are_drawn_in_the_order_asked_for_and_alike_each_time(booklet: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.pdf").write_bytes(b"%PDF-1.7 nothing more")
    work = [(booklet, [3, 0]), (tmp_path / "broken.pdf", [0]), (booklet, [2])]
    first, again = (list(draw_pages(work, dpi=72)) for _ in range(2))
    assert [(path, [page.number for page in drawn]) for path, drawn in first] == work
    assert [bool(page.fault) for _, drawn in first for page in drawn] == [False, False, True, False]
    assert first == again
