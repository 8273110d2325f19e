"""The OCR audit: what counts as read, which pages are chosen, and which of them are to be looked at."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from evaluation_inputs import png, rows, write_dataset
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.evaluate.audit import Audited, audit, markdown, summarise
from tasks.evaluate.recall import evened, missed_words, read_page, word_recall
from tasks.records import Document, StageError, StageRef
from tasks.render.document import render_document
from tasks.render_config import EFFECTS, RenderConfig, ScanConfig


@pytest.mark.parametrize(
    ("label", "text", "recall"),
    [
        ("# A title\n\nTwo *words*.\n", "A title\n\nTwo words.", 1.0),
        ("one two three four\n", "one two", 0.5),
        ("one one\n", "one", 0.5),
        ("ONE two\n", "one Two three four", 1.0),
        ("a documentation page\n", "a documen-\ntation page", 1.0),
        ("at example.org/path\n", "at exam\nple.org/path", 1.0),
        ("版面の設計\n", "版 面\nの設計", 1.0),
        ("[text](https://e.org/x) and\n\n![a shown caption]()\n", "text and a shown caption", 1.0),
        ("word\n", "", 0.0),
        ("one $x_1$ two $$\\frac{a}{b}$$\n\n```math\nx^2\n```\n", "one two", 1.0),
        ("costs $5 and more\n", "costs and more", 0.75),
        ("---\n", "anything", None),
    ],
)
def test_recall_is_the_share_of_the_words_that_are_found(label: str, text: str, recall: float | None) -> None:
    assert word_recall(label, text) == recall


@settings(deadline=None)
@given(st.lists(st.sampled_from(["alpha", "beta", "gamma"]), min_size=1), st.text("abc \n-", max_size=40))
def test_recall_is_bounded_and_more_text_never_lowers_it(label: list[str], text: str) -> None:
    source = " ".join(label) + "\n"
    found, more = word_recall(source, text), word_recall(source, text + "\n\nalpha\n")
    assert found is not None
    assert more is not None
    assert 0 <= found <= more <= 1
    assert word_recall(source, source) == 1
    count, missed = missed_words(source, text)
    assert (count, count - missed.total()) == (len(label), round(found * count))


def styled(families: int, pages: int, **style: Any) -> list[dict[str, Any]]:
    looks = {"width": 794, "height": 1123, "dpi": 150, "family": "Caladea", "font_size": 11, **style}
    return [{**row, "style": json.dumps(looks)} for row in rows(families, pages)]


def reader(wrong: Callable[[int], bool] = lambda n: False) -> Callable[[bytes, str, int], str]:
    """Reads every page's label, but for those that `wrong` names by the order of reading."""
    count = iter(range(10**6))

    def read(image: bytes, language: str, dpi: int) -> str:
        if wrong(next(count)):
            return "nothing of it"
        return " ".join(f"Title {n} Some words of page {n} in family {n}" for n in range(20))

    return read


def dataset_of(folder: Path, pages: list[dict[str, Any]]) -> StageRef:
    return write_dataset(folder, pages)


def test_every_layout_is_audited_and_never_more_than_asked_for(tmp_path: Path) -> None:
    small = [{**row, "doc_id": "s" + row["doc_id"]} for row in styled(3, 2, width=300)]
    twice = [{**row, "doc_id": "t" + row["doc_id"]} for row in styled(3, 1, columns=2)]
    data = dataset_of(tmp_path / "d", styled(6, 4) + small + twice)
    whole = audit(data, per_layout=5, read=reader())
    found = {row.name: row.recall.n for row in whole.rows if row.group == "layout"}
    assert found == {"794 x 1123": 5, "300 x 1123": 5, "794 x 1123, 2 columns": 3}
    assert [page.recall for page in whole.pages] == [1.0] * 13
    names = {(page.doc_id, page.page_num) for page in whole.pages}
    fewer = audit(data, per_layout=2, read=reader()).pages
    assert {(page.doc_id, page.page_num) for page in fewer} < names
    assert {row.group for row in whole.rows} == {"layout", "style", "source", "language", "scan"}


def test_a_page_read_far_worse_than_its_like_is_named(tmp_path: Path) -> None:
    found = audit(dataset_of(tmp_path / "d", styled(6, 4)), read=reader(lambda n: n == 7))
    (page,) = found.far
    assert found.pages[0] == page
    assert (page.typical, page.words) == (1.0, 10)
    assert page.recall < 0.5
    text = markdown(found)
    assert f"- {page.doc_id} page {page.page_num}:" in text
    assert "1 of 24 pages" in text
    assert "| layout | 794 x 1123 | 24 | 6 |" in text


def test_a_page_is_read_in_the_languages_it_shows(tmp_path: Path) -> None:
    pages = styled(2, 1)
    pages[1]["markdown"] = "An English page that shows 日本語.\n"
    told = []

    def read(image: bytes, language: str, dpi: int) -> str:
        told.append((language, dpi))
        return ""

    found = audit(dataset_of(tmp_path / "d", pages), read=read)
    assert sorted(told) == [("en", 150), ("ja", 150)]
    assert {page.groups["language"] for page in found.pages} == {"en"}


def audited(recall: float, number: int, layout: str = "a") -> Audited:
    groups = {"layout": layout, "language": "en", "scan": "clean"}
    return Audited(f"d{number}", 0, f"f{number}", groups, 100, recall, ())


def test_what_is_typical_is_a_matter_of_the_layout() -> None:
    hard = [audited(0.7 + 0.01 * (i % 5), i, "hard") for i in range(20)]
    easy = [audited(0.99 + 0.002 * (i % 3), i + 50, "easy") for i in range(20)]
    assert summarise(hard + easy).far == ()
    assert [page.doc_id for page in summarise([*hard, *easy, audited(0.74, 99, "easy")]).far] == ["d99"]
    assert summarise([*hard, *easy, audited(0.74, 99, "rare")]).far == ()


def test_a_hair_below_a_perfect_layout_is_not_far() -> None:
    assert summarise([audited(1.0, i) for i in range(20)] + [audited(0.97, 30)]).far == ()
    assert len(summarise([audited(1.0, i) for i in range(20)] + [audited(0.95, 30)]).far) == 1


def test_pages_without_words_are_left_out() -> None:
    assert summarise([None, audited(1.0, 1)]).pages[0].doc_id == "d1"
    assert summarise([None]).pages == ()


def test_a_dataset_without_pages_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(StageError, match="no page to audit"):
        audit(dataset_of(tmp_path / "d", []), read=reader())


@pytest.mark.skipif(shutil.which("tesseract") is None, reason="needs Tesseract")
def test_tesseract_reads_a_page_in_shadow_beside_a_dark_table() -> None:
    import cv2
    import numpy as np

    page = np.full((400, 900), 235, np.uint8)
    for line, y in (("The quick brown fox jumps", 120), ("over the lazy dog again", 220)):
        cv2.putText(page, line, (80, y), cv2.FONT_HERSHEY_DUPLEX, 1.6, 120, 2, cv2.LINE_AA)
    shaded = (page * np.linspace(1, 0.45, 900)[None]).astype(np.uint8)
    shaded[:, :18] = 20
    image = bytes(cv2.imencode(".png", shaded)[1])
    label = "The quick brown fox jumps\nover the lazy dog again\n"
    assert word_recall(label, read_page(image, "en", 150)) == 1
    flat = cv2.imdecode(np.frombuffer(evened(image), np.uint8), cv2.IMREAD_GRAYSCALE)
    assert flat is not None
    assert np.quantile(flat[50:350, 100:850], 0.5) > 245


@pytest.mark.skipif(shutil.which("tesseract") is None, reason="needs Tesseract")
def test_a_scanned_page_is_read_as_well_as_a_clean_one() -> None:
    words = (
        "quick",
        "brown",
        "foxes",
        "jump",
        "over",
        "lazy",
        "dogs",
        "while",
        "seven",
        "wizards",
        "boil",
        "hot",
        "tea",
    )
    text = " ".join(words[i * i % 6 + i % 8] for i in range(300))
    document = Document("d", f"# A title\n\n{text}\n\nAnd {text}\n", "en", "test", "", "1", "MIT", "", "f")
    scan = ScanConfig(share=1, effects=dict.fromkeys(EFFECTS, 1.0))
    clean, scanned = (
        [
            word_recall(page.markdown, read_page(page.image, "en", 150)) or 0
            for page in render_document(document, config).pages
        ]
        for config in (RenderConfig(scan=ScanConfig(share=0)), RenderConfig(scan=scan))
    )
    assert min(clean) > 0.97
    assert all(after > before - 0.03 for before, after in zip(clean, scanned, strict=True))


def test_what_is_no_image_is_an_error() -> None:
    with pytest.raises(ValueError, match="not an image"):
        evened(b"no image")
    assert evened(png("text")).startswith(b"\x89PNG")
