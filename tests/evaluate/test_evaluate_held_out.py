from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from evaluation_inputs import rows, write_dataset

from tasks.config import HeldOutRun
from tasks.evaluate.held_out import held_out_stage, spread
from tasks.evaluate.page_set import read_inputs, read_page_set
from tasks.records import StageError
from tasks.train.pages import DatasetPage
from tasks.train_config import PagesConfig


def page(family: str, number: int) -> DatasetPage:
    return DatasetPage(f"doc-{family}", number, "text", "en", family, (), "file", number)


def test_spread_takes_families_in_turn_whatever_the_order_of_rows() -> None:
    pages = [page(f, n) for f, count in (("a", 50), ("b", 5), ("c", 2)) for n in range(count)]
    chosen = spread(pages, 9)
    assert sorted(p.family for p in chosen[:3]) == ["a", "b", "c"]
    assert sorted(sum(p.family == f for p in chosen) for f in "abc") == [2, 3, 4]
    assert sum(p.family == "c" for p in chosen) == 2
    assert spread(pages[::-1], 9) == chosen
    assert spread(pages, 4) == chosen[:4]
    assert spread(pages, 9, seed=1) != chosen
    assert len(spread(pages, 1_000)) == len(pages)
    families = [p.family for p in chosen[:6]]
    assert all(a != b for a, b in pairwise(families))


def test_held_out_pages_come_with_their_own_image(store: Path, tmp_path: Path) -> None:
    given = rows(families=3, pages=2) + rows(families=2, pages=1, language="ja")
    for row in given[-2:]:
        row["doc_id"] += "ja"
    made = held_out_stage(HeldOutRun(pages=4), write_dataset(tmp_path / "d", given))
    chosen = read_page_set(made)
    assert made.counts["suited pages"] == 6
    assert len(chosen) == 4
    assert {p.language for p in chosen} == {"en"}
    assert {p.source for p in chosen} == {"corpus"}
    images = {(r["doc_id"], r["page_num"]): r["image"]["bytes"] for r in given}
    assert [i.image for i in read_inputs(made)] == [images[p.doc_id, p.page_num] for p in chosen]


def test_pages_that_settings_were_chosen_on_are_passed_over(store: Path, tmp_path: Path) -> None:
    dataset = write_dataset(tmp_path / "d", rows(families=3, pages=4))
    ids = [
        [p.page_id for p in read_page_set(held_out_stage(HeldOutRun(pages=n, skip=skip), dataset))]
        for n, skip in ((12, 0), (4, 0), (4, 4), (9, 9))
    ]
    assert ids[1:] == [ids[0][:4], ids[0][4:8], ids[0][9:]]
    with pytest.raises(StageError, match="12 held-out pages suit, and the first 12 are left out"):
        held_out_stage(HeldOutRun(skip=12), dataset)


def test_no_page_to_judge_by_is_an_error_with_numbers_and_remedy(store: Path, tmp_path: Path) -> None:
    with pytest.raises(StageError, match=r"0 of 0 test pages.*build the dataset from more documents"):
        held_out_stage(HeldOutRun(), write_dataset(tmp_path / "empty", []))
    full = write_dataset(tmp_path / "full", rows(families=2, pages=2))
    with pytest.raises(StageError, match=r"0 of 4 test pages.*4 in other languages; widen \[pages\]"):
        held_out_stage(HeldOutRun(selection=PagesConfig(languages=("ja",))), full)
