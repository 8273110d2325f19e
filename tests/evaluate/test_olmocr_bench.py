"""The pages of a folder in olmOCR-bench's layout, and folders that mean harm."""

from __future__ import annotations

import io
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pymupdf
import pytest
from hypothesis import given
from hypothesis import strategies as st
from olmocr_folder import FORMULAS, HEIGHT, TESTS, WIDTH, with_ids, write_bench, write_rows
from PIL import Image

from tasks.evaluate.olmocr.bench import OlmocrPagesConfig, fetch_bench, olmocr_pages_stage
from tasks.evaluate.olmocr.rows import page_id, pdf_and_page
from tasks.evaluate.page_set import read_inputs, read_page_set
from tasks.evaluate.pdf_pages import draw_pages
from tasks.records import StageRef, UsageError
from tasks.scoring.facts import from_olmocr
from tasks.store import Folder

GOOD = {"pdf": "two.pdf", "page": 1, "id": "good", "type": "present", "text": "first"}
BARE = {name: value for name, value in GOOD.items() if name != "text"}
WRONG_ROWS: dict[str, Any] = {
    "not JSON": b'{"pdf": "two.pdf", ',
    "not a JSON object": b"[1, 2]",
    "not JSON in UTF-8": b'{"pdf": "\xff.pdf"}',
    "surrogates": b'{"pdf": "two.pdf", "text": "\\ud800"}',
    "recursion": b"[" * 100_000,
    "no such type of test: 'haiku'": {**GOOD, "type": "haiku"},
    "no such type of test: ['present']": {**GOOD, "type": ["present"]},
    "no text": BARE,
    "text is blank": {**GOOD, "text": " \n"},
    ": text is blank": {**GOOD, "text": "** **"},
    "page is no int": {**GOOD, "page": "1"},
    "page starts at 1": {**GOOD, "page": 0},
    "present tests have no 'cell'": {**GOOD, "cell": "x"},
    "case_sensitive is no bool": {**GOOD, "case_sensitive": None},
    "max_diffs is over half": {**BARE, "type": "order", "before": "ab", "after": "cd", "max_diffs": 2},
    "another test has its id": GOOD,
    "its id is one that the checker gives": {**GOOD, "id": "two.pdf_baseline"},
    "pdf is no str": {**GOOD, "pdf": 3},
    "leads upwards": {**GOOD, "pdf": "../secret.pdf"},
    "no plain relative path": {**GOOD, "pdf": "/etc/passwd"},
    "leads upwards, or does not end in .pdf: 'a/..": {**GOOD, "pdf": "a/../two.pdf"},
    "no plain relative path: './two": {**GOOD, "pdf": "./two.pdf"},
    "hidden": {**GOOD, "pdf": ".hidden.pdf"},
    "does not end in .pdf": {**GOOD, "pdf": "two.jsonl"},
    "leads out": {**GOOD, "pdf": "link.pdf"},
    "leads out of the benchmark's folder: 'up": {**GOOD, "pdf": "up/secret.pdf"},
    "no such pdf": {**GOOD, "pdf": "none.pdf"},
    "too long": {**GOOD, "pdf": "日" * 60 + ".pdf"},
}


def bench_pages(folder: Path, **options: Any) -> StageRef:
    return olmocr_pages_stage(OlmocrPagesConfig(bench_dir=str(folder), **options))


@pytest.fixture
def bench(tmp_path: Path, home: Path) -> Path:
    return write_bench(tmp_path / "bench", {**TESTS, **FORMULAS})


def test_every_page_that_a_test_names_is_in_the_set(bench: Path) -> None:
    ref = bench_pages(bench)
    pages = {page.page_id: page for page in read_page_set(ref)}
    assert sorted(pages) == ["blank_pg1", "formula_pg1", "news%2Fcolumns_pg1", "table_pg1", "two_pg1", "two_pg2"]
    assert {name: page.source for name, page in pages.items()} == {
        "blank_pg1": "blanks",
        "formula_pg1": "formulas",
        "news%2Fcolumns_pg1": "columns",
        "table_pg1": "tables",
        "two_pg1": "columns",
        "two_pg2": "columns",  # as many of its tests as headers has
    }
    second = pages["two_pg2"]
    assert (second.family, second.page_num, second.label, second.language) == ("two.pdf", 1, None, "en")
    assert ref.counts["tests"] == 11
    assert ref.counts["pages"] == 6
    assert ref.counts["rejected tests"] == ref.counts["rejected pages"] == 0


def test_facts_are_the_tests_that_a_fact_can_say(bench: Path) -> None:
    pages = read_page_set(bench_pages(bench))
    expected = {}
    for row in (row for rows in with_ids({**TESTS, **FORMULAS}).values() for row in rows if row["type"] != "baseline"):
        given = {name: value for name, value in row.items() if value is not None}
        expected.setdefault(page_id(row["pdf"], row["page"]), []).append(from_olmocr(given))
    # in the order of the files' names
    assert {p.page_id: set(p.facts) for p in pages if p.facts} == {k: set(v) for k, v in expected.items()}


def test_images_are_drawn_as_the_dataset_s_and_pdfs_hold_one_page(bench: Path) -> None:
    given = {page.page_id: page for page in read_inputs(bench_pages(bench))}
    with Image.open(io.BytesIO(given["two_pg2"].image)) as image:
        assert image.size == (round(WIDTH * 150 / 72), round(HEIGHT * 150 / 72))
    with pymupdf.open(stream=given["two_pg2"].pdf, filetype="pdf") as pdf:
        assert (pdf.page_count, "second page" in pdf[0].get_text()) == (1, True)


def test_the_set_is_named_by_what_the_folder_holds_not_by_where_it_is(bench: Path, tmp_path: Path) -> None:
    first = bench_pages(bench)
    # as the Hub has it
    shutil.copytree(bench, tmp_path / "elsewhere" / "bench_data")
    assert bench_pages(tmp_path / "elsewhere").digest == first.digest
    (tmp_path / "elsewhere/bench_data/pdfs/two.pdf").write_bytes((bench / "pdfs/table.pdf").read_bytes())
    assert bench_pages(tmp_path / "elsewhere").digest != first.digest


def test_the_same_folder_gives_the_same_bytes(bench: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = Folder(bench_pages(bench).uri).read("pages.parquet")
    monkeypatch.setenv("RECTO_HOME", str(tmp_path / "again"))
    assert Folder(bench_pages(bench).uri).read("pages.parquet") == first


def test_a_limit_takes_whole_pdfs_of_each_category_in_turn(bench: Path) -> None:
    ref = bench_pages(bench, limit=3)
    pages = read_page_set(ref)
    assert len(pages) <= 3
    assert "blanks" in {page.source for page in pages}
    assert {page.page_num for page in pages if page.family == "two.pdf"} in (set(), {0, 1})
    names = {page.page_id for page in pages}
    rows = [json.loads(line) for f in Folder(ref.uri).names("tests/*") for line in Folder(ref.uri).read(f).splitlines()]
    assert {page_id(row["pdf"], row["page"]) for row in rows} == names
    (bench / "formulas.jsonl").unlink()
    for name in ("blanks", "columns", "tables"):
        (bench / f"{name}.jsonl").unlink()
    write_rows(bench / "headers.jsonl", [GOOD, {**GOOD, "page": 2, "id": "other"}])
    with pytest.raises(UsageError, match="no PDF has as few as 1 pages"):
        bench_pages(bench, limit=1)


def test_a_row_that_the_checker_would_stop_at_is_a_reject_that_says_why(tmp_path: Path, home: Path) -> None:
    bench = write_bench(tmp_path / "bench", {})
    for secret in (tmp_path / "secret.pdf", bench / "pdfs/.hidden.pdf"):
        shutil.copy(bench / "pdfs/two.pdf", secret)
    (bench / "pdfs/link.pdf").symlink_to(tmp_path / "secret.pdf")
    (bench / "pdfs/up").symlink_to(tmp_path)
    rows = [row if isinstance(row, bytes) else json.dumps(row).encode() for row in WRONG_ROWS.values()]
    (bench / "mixed.jsonl").write_bytes(b"\n\n".join([json.dumps(GOOD).encode(), *rows]))
    ref = bench_pages(bench)
    assert ref.counts["tests"] == 1
    assert ref.counts["rejected tests"] == len(WRONG_ROWS)
    details = [reject["detail"] for reject in Folder(ref.uri).read_rejects()]
    for said, detail in zip(WRONG_ROWS, details, strict=True):
        assert said in detail
        assert detail.startswith("mixed.jsonl line ")


def test_a_pdf_that_cannot_be_drawn_is_a_reject_and_the_others_are_read(bench: Path) -> None:
    (bench / "pdfs/broken.pdf").write_bytes(b"%PDF-1.7 nothing more")
    with pymupdf.open(bench / "pdfs/table.pdf") as pdf:
        pdf.save(bench / "pdfs/locked.pdf", encryption=pymupdf.PDF_ENCRYPT_AES_256, user_pw="key")
    hostile = {"broken.pdf": 1, "locked.pdf": 1, "table.pdf": 9}
    write_rows(bench / "hostile.jsonl", [{**GOOD, "pdf": p, "page": n, "id": p} for p, n in hostile.items()])
    ref = bench_pages(bench)
    assert (ref.counts["pages"], ref.counts["tests"]) == (6, 11)
    assert (ref.counts["rejected pages"], ref.counts["rejected tests"]) == (3, 3)
    rejects = {reject["doc_id"]: reject["detail"] for reject in Folder(ref.uri).read_rejects()}
    assert rejects["locked.pdf"] == "encrypted"
    assert rejects["table.pdf"] == "there is no page 9: it has 1"
    assert rejects["broken.pdf"]


def test_a_page_of_enormous_size_is_drawn_small(tmp_path: Path) -> None:
    with pymupdf.open() as pdf:
        pdf.new_page(width=14_400, height=14_400)
        pdf.save(tmp_path / "wall.pdf")
    ((_, (page,)),) = draw_pages([(tmp_path / "wall.pdf", [0])], dpi=600)
    with Image.open(io.BytesIO(page.image)) as image:
        assert 1_000_000 < image.width * image.height <= 50_000_000


def test_a_pdf_that_hangs_the_process_is_a_fault_and_the_next_is_drawn(bench: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "endless.pdf")  # reading it never ends
    work = [(tmp_path / "endless.pdf", [0, 1]), (bench / "pdfs/two.pdf", [1])]
    (_, stuck), (_, (page,)) = draw_pages(work, dpi=50, seconds=3)
    assert [p.fault for p in stuck] == ["drawing it broke the process or took over 3 s"] * 2
    assert page.image
    assert not page.fault


@pytest.mark.parametrize(
    ("files", "said"),
    [
        (None, "no such folder"),
        ({}, "no pdfs folder"),
        ({"pdfs/a.pdf": ""}, r"no \*.jsonl files"),
        ({"a.jsonl": "{}"}, "no pdfs folder"),
        ({"pdfs/a.pdf": "", "a.jsonl": "\n"}, "none of its 0 tests can be used"),
        ({"pdfs/a.pdf": "", "a.jsonl": "oops"}, "none of its 1 tests can be used; the first: a.jsonl line 1: not JSON"),
        ({"pdfs/two.pdf": "", "a.jsonl": json.dumps(GOOD)}, "none of its pages can be read; the first: "),
    ],
)
def test_a_folder_of_another_layout_is_one_clear_line(
    files: dict[str, str] | None, said: str, tmp_path: Path, home: Path
) -> None:
    for name, text in (files or {}).items():
        (tmp_path / "bench" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "bench" / name).write_text(text)
    if files == {}:
        (tmp_path / "bench").mkdir()
    with pytest.raises(UsageError, match=said) as error:
        bench_pages(tmp_path / "bench")
    assert "\n" not in str(error.value)


def test_a_file_of_tests_that_leads_out_of_the_folder_is_not_read(bench: Path, tmp_path: Path) -> None:
    write_rows(tmp_path / "outside.jsonl", [GOOD])
    (bench / "link.jsonl").symlink_to(tmp_path / "outside.jsonl")
    with pytest.raises(UsageError, match=r"link\.jsonl: leads out"):
        bench_pages(bench)


def test_without_a_network_fetching_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot be fetched from the Hub .*check the network") as error:
        fetch_bench(tmp_path / "target")
    assert "\n" not in str(error.value)


@given(st.text(min_size=1).map(lambda stem: f"{stem}.pdf"), st.integers(1, 10**6))
def test_a_page_s_name_is_fit_for_a_file_and_tells_pdf_and_page(pdf: str, page: int) -> None:
    try:
        name = page_id(pdf, page)
    except UnicodeEncodeError:  # half of a surrogate pair, which no file of tests can hold
        return
    assert "/" not in name
    assert pdf_and_page(name) == (pdf, page)
