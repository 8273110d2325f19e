from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from evaluation_inputs import rows, write_dataset

from tasks.config import EvaluateConfig, EvaluateRun, PagesConfig
from tasks.evaluate.held_out import held_out, spread
from tasks.evaluate.scores import METRICS, build_table, character_error_rate, page_scores, score_all
from tasks.evaluate.wording import difference_of, few_families, mean_of, pairs, summary
from tasks.model.generate import Answer
from tasks.records import StageError
from tasks.scoring import PARTS
from tasks.train.pages import DatasetPage

CODE = "Call it:\n\n```py\nf(1)\n```\n"
PLAIN = "Only a few words of plain text.\n"
SETTINGS = EvaluateConfig(resamples=200)


def page(family: str, number: int) -> DatasetPage:
    return DatasetPage(f"doc-{family}", number, "text", "en", family, (), "file", number)


def test_truth_scores_full_marks_and_no_errors() -> None:
    scores = page_scores(Answer(CODE, False), CODE)
    assert set(scores) >= {*PARTS, *METRICS, "composite_v3"}
    assert scores["composite_v2"] == scores["composite_v3"] == scores["code_similarity"] == 1
    assert scores["heading_f1"] is None
    assert [scores[r] for r in ("character_error_rate", "empty", "clipped", "repeated")] == [0, 0, 0, 0]


def test_rates_of_bad_answers() -> None:
    assert page_scores(Answer(" \n", False), PLAIN)["empty"] == 1
    assert page_scores(Answer("<think>hm</think>", False), PLAIN)["empty"] == 1
    assert page_scores(Answer("a", True), PLAIN)["clipped"] == 1
    assert (page_scores(Answer("one two three " * 30, False), PLAIN)["repeated"] or 0) > 0.9


def test_presets_weigh_the_same_parts_differently() -> None:
    scores = page_scores(Answer("# Head\n\nwrong wrds", False), "# Head\n\nright words here")
    assert scores["composite_v2"] != scores["composite_v3"]


def test_character_error_rate_is_of_what_is_read() -> None:
    assert character_error_rate("A title and `code`", "## A title\n\nand **code**") == 0
    assert character_error_rate("abcx", "abcd") == pytest.approx(0.25)
    assert character_error_rate("abcdefgh", "ab") == pytest.approx(3)
    assert character_error_rate("words", "---") is None
    assert character_error_rate(">" * 5_000, "word") == pytest.approx(1250)


def test_table_has_every_pair_and_leaves_missing_parts_out() -> None:
    answers = {
        "base": [Answer("Call it: f(1)", False), Answer(PLAIN, False)] * 3,
        "sft": [Answer(CODE, False), Answer(PLAIN, False)] * 3,
        "grpo": [Answer(CODE, False), Answer(f"{PLAIN}\n```\nx\n```", True)] * 3,
    }
    families = ["a", "a", "b", "b", "c", "c"]
    table = build_table(families, score_all([CODE, PLAIN] * 3, answers), SETTINGS)
    assert pairs(table) == [("base", "sft"), ("sft", "grpo"), ("base", "grpo")]
    assert mean_of(table, "sft", "code_similarity")["n"] == 3
    assert mean_of(table, "grpo", "code_similarity")["n"] == 6
    gap = difference_of(table, "base", "sft", "code_similarity")
    assert (gap["difference"], gap["n"], gap["families"], gap["verdict"]) == (1, 3, 3, "better")
    assert difference_of(table, "sft", "grpo", "clipped")["verdict"] == "worse"
    nowhere = difference_of(table, "base", "sft", "heading_f1")
    assert (nowhere["n"], nowhere["difference"], nowhere["verdict"]) == (0, None, "no evidence")
    assert table == build_table(families, score_all([CODE, PLAIN] * 3, answers), SETTINGS)


def test_few_families_are_said() -> None:
    def said(count: int) -> str:
        answers = {"base": [Answer(PLAIN, False)] * count}
        return few_families(build_table([str(i) for i in range(count)], score_all([PLAIN] * count, answers), SETTINGS))

    assert "one family" in said(1)
    assert "Only 19 families" in said(19)
    assert said(20) == ""


def test_summary_is_short_and_holds_what_each_step_adds() -> None:
    answers = {"base": [Answer("x", False)] * 4, "sft": [Answer(PLAIN, False)] * 4, "grpo": [Answer("y", False)] * 4}
    text = summary(build_table(["a", "b", "c", "d"], score_all([PLAIN] * 4, answers), SETTINGS))
    lines = text.splitlines()
    assert len(lines) <= 10
    assert max(map(len, lines)) <= 100
    edit = next(line for line in lines if line.startswith("Edit similarity"))
    assert "1.000" in edit
    assert "+" in edit
    assert "−" in edit
    assert edit.count("*") == 2


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


def test_held_out_pages_come_with_their_own_image(tmp_path: Path) -> None:
    given = rows(families=3, pages=2) + rows(families=2, pages=1, language="ja")
    for row in given[-2:]:
        row["doc_id"] += "ja"
    chosen = held_out(write_dataset(tmp_path / "d", given), EvaluateRun(evaluate=EvaluateConfig(pages=4)))
    assert chosen.suited == 6
    assert len(chosen.pages) == 4
    assert {p.language for p in chosen.pages} == {"en"}
    images = {(r["doc_id"], r["page_num"]): r["image"]["bytes"] for r in given}
    assert list(chosen.images) == [images[p.doc_id, p.page_num] for p in chosen.pages]
    assert set(chosen.sources) == {"corpus"}


def test_no_page_to_judge_by_is_an_error_with_numbers_and_remedy(tmp_path: Path) -> None:
    with pytest.raises(StageError, match=r"0 of 0 test pages.*build the dataset from more documents"):
        held_out(write_dataset(tmp_path / "empty", []), EvaluateRun())
    full = write_dataset(tmp_path / "full", rows(families=2, pages=2))
    with pytest.raises(StageError, match=r"0 of 4 test pages.*4 in other languages; widen \[pages\]"):
        held_out(full, EvaluateRun(pages=PagesConfig(languages=("ja",))))
