from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from system_pages import TEXT, blank, page

from tasks.config import Ocr
from tasks.evaluate.page_set import PageInput
from tasks.evaluate.systems import open_reader, text_layer, versions
from tasks.evaluate.systems.reader import PageByPage
from tasks.records import StageError, UsageError
from tasks.scoring import score_page

IMAGE_READERS = ("tesseract", "rapidocr")
TEXT_LAYER_READERS = ("pymupdf4llm", "markitdown")

pytestmark = pytest.mark.skipif(not shutil.which("tesseract"), reason="Tesseract is not installed")


@pytest.mark.parametrize("kind", [*IMAGE_READERS, *TEXT_LAYER_READERS])
def test_a_clear_page_is_read_word_for_word(kind: str) -> None:
    reader = open_reader(Ocr(kind=kind))
    (reading,) = reader.read([page("first")])
    assert reading.error == ""
    assert reading.seconds > 0
    assert score_page(reading.text, f"# A heading\n\n{TEXT}\n")["word_f1"] == 1.0


@pytest.mark.parametrize("kind", IMAGE_READERS)
def test_answers_keep_the_places_of_their_pages(kind: str) -> None:
    words = ["alpha", "bravo", "charlie", "delta", "echo"]
    readings = open_reader(Ocr(kind=kind)).read([page(word, f"Only {word} is here") for word in words])
    assert [word for word, reading in zip(words, readings, strict=True) if word not in reading.text] == []


@pytest.mark.parametrize("kind", IMAGE_READERS)
def test_a_blank_page_gives_an_empty_answer(kind: str) -> None:
    (reading,) = open_reader(Ocr(kind=kind)).read([blank()])
    assert (reading.text, reading.error) == ("", "")


@pytest.mark.parametrize("kind", TEXT_LAYER_READERS)
def test_without_a_text_layer_a_page_is_a_named_failure(kind: str) -> None:
    (reading,) = open_reader(Ocr(kind=kind)).read([page("scan", with_pdf=False)])
    assert reading.text == ""
    assert "no PDF" in reading.error


@pytest.mark.parametrize("kind", TEXT_LAYER_READERS)
def test_a_broken_pdf_fails_alone(kind: str) -> None:
    broken = PageInput("broken", "en", page("x").image, b"%PDF-1.4 but no more of it")
    failed, fine = open_reader(Ocr(kind=kind)).read([broken, page("fine")])
    assert (failed.text, bool(failed.error)) == ("", True)
    assert "quick brown fox" in fine.text


def _abort_at_bad(pdf: bytes) -> str:
    if pdf == b"bad":
        os.abort()
    return pdf.decode()


def test_a_pdf_that_ends_the_process_fails_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    prepare, _ = text_layer.CONVERTERS["markitdown"]
    monkeypatch.setitem(text_layer.CONVERTERS, "markitdown", (prepare, _abort_at_bad))
    pages = [PageInput(name, "en", b"", name.encode()) for name in ("first", "bad", "last")]
    reader = open_reader(Ocr(kind="markitdown"))
    assert reader.needs_pdf
    first, bad, last = reader.read(pages)
    assert (first.text, bad.text, last.text) == ("first", "", "last")
    assert bad.error == "WorkerError: ended its process (SIGABRT)"


@pytest.mark.parametrize("kind", [*IMAGE_READERS, *TEXT_LAYER_READERS])
def test_versions_are_known(kind: str) -> None:
    assert all(version[0].isalnum() for version in versions(Ocr(kind=kind)).values())


@pytest.fixture
def no_programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))


def test_tesseract_that_is_missing_is_named(no_programs: None) -> None:
    with pytest.raises(UsageError, match=r"Tesseract is not installed.*make tools"):
        open_reader(Ocr(kind="tesseract"))


def test_what_concerns_every_page_is_raised() -> None:
    def convert(given: PageInput) -> str:
        raise StageError("the endpoint is down")

    with pytest.raises(StageError, match="down"):
        PageByPage(convert).read([page("a")])
