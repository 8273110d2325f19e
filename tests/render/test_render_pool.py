"""No document can hang a run or take it down, whatever it does to its process."""

from __future__ import annotations

import ctypes
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from render_pages import document, small_page

from tasks.records import Document, Reason, Reject, StageError
from tasks.render import document as rendering
from tasks.render.cache import PageFile
from tasks.render.document import Rendered
from tasks.render.pool import draw, draw_all
from tasks.render_config import RenderConfig
from tasks.store import Folder


def _sleep(_: Document, __: RenderConfig) -> Rendered:
    while True:
        time.sleep(0.1)


def _block_in_c(_: Document, __: RenderConfig) -> Rendered:
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM])
    ctypes.CDLL(None).sleep(600)
    raise AssertionError


def _swallow(_: Document, __: RenderConfig) -> Rendered:
    while True:
        try:
            time.sleep(0.1)
        except Exception:
            pass


def _exit(_: Document, __: RenderConfig) -> Rendered:
    os._exit(3)


def _segfault(_: Document, __: RenderConfig) -> Rendered:
    ctypes.string_at(0)
    raise AssertionError


def _explode(_: Document, __: RenderConfig) -> Rendered:
    raise RecursionError("too deep")


def _devour(_: Document, __: RenderConfig) -> Rendered:
    raise AssertionError(len(bytearray(64 * 2**30)))


HARM: dict[str, Callable[[Document, RenderConfig], Rendered]] = {
    "sleep": _sleep,
    "block": _block_in_c,
    "swallow": _swallow,
    "exit": _exit,
    "segfault": _segfault,
    "explode": _explode,
    "devour": _devour,
}


def hostile(doc: Document, config: RenderConfig, file: PageFile) -> Reject | None:
    """Draw, with the harm that a document's text names done in the middle of it."""
    if harm := HARM.get(doc.markdown.strip()):
        real, rendering.render_document = rendering.render_document, harm
        try:
            return draw(doc, config, file)
        finally:
            rendering.render_document = real
    return draw(doc, config, file)


def full_disk(doc: Document, config: RenderConfig, file: PageFile) -> Reject | None:
    return draw(doc, config, PageFile(Folder("/dev/null/store"), "x.parquet"))


def run(texts: list[str], folder: Path, workers: int) -> dict[str, Reject | None]:
    config = small_page(seconds_per_document=2)
    store = Folder(str(folder))
    names = {f"{text}-{i}": text for i, text in enumerate(texts)}
    work = [(document(text, doc_id=name), PageFile(store, f"{name}.parquet")) for name, text in names.items()]
    outcomes = list(draw_all(work, config, workers, hostile))
    assert sorted(d.doc_id for d, _ in outcomes) == sorted(d.doc_id for d, _ in work)
    for doc, reject in outcomes:
        assert (folder / f"{doc.doc_id}.parquet").exists() is (reject is None)
        assert reject is None or (reject.doc_id, reject.stage, reject.page_num) == (doc.doc_id, "render", None)
    return {d.markdown: r for d, r in outcomes}


def test_every_harm_is_its_own_reject_and_no_other_document_pays(tmp_path: Path) -> None:
    texts = ["fine 0", "segfault", "fine 1", "sleep", "fine 2", "explode", "swallow", "devour", "fine 3", "block"]
    found = {text: reject.reason if reject else None for text, reject in run(texts, tmp_path, 2).items()}
    assert found == {
        **{f"fine {i}": None for i in range(4)},
        "segfault": Reason.RENDER_CRASH,
        "block": Reason.RENDER_CRASH,
        "sleep": Reason.RENDER_TIMEOUT,
        "swallow": Reason.RENDER_TIMEOUT,
        "explode": Reason.RENDER_ERROR,
        "devour": Reason.RENDER_ERROR,
    }


def test_the_last_documents_may_be_the_harmful_ones(tmp_path: Path) -> None:
    found = run(["fine", "explode", "exit"], tmp_path, 3)
    assert {text: reject.reason if reject else None for text, reject in found.items()} == {
        "fine": None,
        "explode": Reason.RENDER_ERROR,
        "exit": Reason.RENDER_CRASH,
    }
    assert found["explode"] is not None
    assert found["explode"].detail == "RecursionError: too deep"


def test_no_work_is_no_process() -> None:
    assert list(draw_all([], small_page(), 2)) == []


def test_what_is_no_documents_fault_stops_the_run(tmp_path: Path) -> None:
    work = [(document("Text."), PageFile(Folder(str(tmp_path)), "a.parquet"))]
    with pytest.raises(StageError, match="Georgia"):
        list(draw_all(work, small_page(fonts_en=("Georgia",)), 1))
    with pytest.raises(OSError, match="/dev/null"):
        list(draw_all(work, small_page(), 1, full_disk))
