from __future__ import annotations

from pathlib import Path

import pytest
from evaluation_inputs import FACTS, finished_read, labelled, set_page, system_read, table_of

from tasks.config import ScoreRun
from tasks.evaluate.metrics import METRICS, character_error_rate, facts_of, page_scores
from tasks.evaluate.report.wording import (
    difference_of,
    finding,
    mean_of,
    pairs,
)
from tasks.evaluate.scores import evaluate_pages, load_read, score_all
from tasks.evaluate.systems import Reading
from tasks.evaluate.table import SLICE_FAMILIES, slices_of
from tasks.records import StageError
from tasks.scoring import PARTS
from tasks.scoring.facts import check

CODE = "Call it:\n\n```py\nf(1)\n```\n"
PLAIN = "Only a few words of plain text.\n"
SETTINGS = ScoreRun(resamples=200)


def test_truth_scores_full_marks_and_no_errors() -> None:
    page = set_page(0, f"# Some heading\n\n{CODE}\nIt is called with one argument and gives nothing back.\n", "a")
    scores = page_scores(Reading(page.label or ""), page.label, facts_of(page))
    assert set(scores) >= {*PARTS, *(m.part or name for name, m in METRICS.items())}
    assert scores["composite_v2"] == scores["composite_v3"] == scores["code_similarity"] == scores["facts"] == 1
    assert scores["table_teds"] is None
    rates = ("character_error_rate", "empty", "clipped", "repeated", "failed")
    assert [scores[rate] for rate in rates] == [0, 0, 0, 0, 0]


def test_rates_of_bad_answers() -> None:
    assert page_scores(Reading(" \n"), PLAIN)["empty"] == 1
    assert page_scores(Reading("<think>hm</think>"), PLAIN)["empty"] == 1
    assert page_scores(Reading("a", clipped=True), PLAIN)["clipped"] == 1
    assert (page_scores(Reading("one two three " * 30), PLAIN)["repeated"] or 0) > 0.9
    failed = page_scores(Reading("", error="Timeout"), PLAIN)
    assert (failed["failed"], failed["empty"], failed["composite_v2"]) == (1, 1, 0)


def test_presets_weigh_the_same_parts_differently() -> None:
    scores = page_scores(Reading("# Head\n\nwrong wrds"), "# Head\n\nright words here")
    assert scores["composite_v2"] != scores["composite_v3"]


def test_character_error_rate_is_of_what_is_read() -> None:
    assert character_error_rate("A title and `code`", "## A title\n\nand **code**") == 0
    assert character_error_rate("abcx", "abcd") == pytest.approx(0.25)
    assert character_error_rate("abcdefgh", "ab") == pytest.approx(3)
    assert character_error_rate("words", "---") is None
    assert character_error_rate(">" * 5_000, "word") == pytest.approx(1250)


def test_the_total_error_rate_counts_characters_and_the_mean_counts_pages() -> None:
    pages = labelled(["ab", "abcdefgh"], ["a", "b"])
    table = table_of(pages, {"base": ["xy", "abcdefgh"]})
    assert mean_of(table, "base", "character_error_rate")["mean"] == pytest.approx(0.5)
    assert mean_of(table, "base", "character_error_rate_total")["mean"] == pytest.approx(0.2)


def test_facts_are_the_pages_own_else_those_of_its_label() -> None:
    words = "The quick brown fox jumps over the lazy dog near the old river bank.\n"
    mined = facts_of(set_page(0, f"# A heading of some words\n\n{words}", "a"))
    assert mined
    assert all(check(fact, f"# A heading of some words\n\n{words}") for fact in mined)
    assert facts_of(set_page(0, words, "a", facts=FACTS)) == FACTS
    assert facts_of(set_page(0, None, "a")) == ()


def test_a_page_without_a_label_is_judged_by_its_facts_alone() -> None:
    pages = [set_page(i, None, str(i), facts=FACTS) for i in range(3)]
    given = {"ocr": ["It says hello"] * 3, "silent": [""] * 2 + ["hello and goodbye"]}
    table = table_of(pages, given)
    assert table["headline"] == "facts"
    assert (table["labelled"], table["pages"]) == (0, 3)
    assert mean_of(table, "ocr", "facts")["mean"] == 1
    assert mean_of(table, "silent", "facts")["mean"] == 0
    assert mean_of(table, "silent", "unwanted")["mean"] == pytest.approx(1 / 3)
    assert mean_of(table, "silent", "empty")["mean"] == pytest.approx(2 / 3)
    measured = {row["metric"] for row in table["metrics"]}
    assert not measured & {"edit_similarity", "composite_v2", "character_error_rate", "facts_table"}
    assert {"edit_similarity", "facts_table"} <= set(table["unmeasured"])


def test_table_has_every_pair_and_leaves_missing_parts_out() -> None:
    answers: dict[str, list[str | Reading]] = {
        "base": ["Call it: f(1)", PLAIN] * 3,
        "sft": [CODE, PLAIN] * 3,
        "grpo": [CODE, Reading(f"{PLAIN}\n```\nx\n```", clipped=True)] * 3,
    }
    pages = labelled([CODE, PLAIN] * 3, ["a", "a", "b", "b", "c", "c"])
    table = table_of(pages, answers)
    assert pairs(table) == [("base", "sft"), ("sft", "grpo"), ("base", "grpo")]
    assert (table["pages"], table["families"], table["training_seeds"]) == (6, 3, 1)
    assert mean_of(table, "base", "code_similarity")["n"] == 3
    assert mean_of(table, "grpo", "code_similarity")["n"] == 6
    gap = difference_of(table, "base", "sft", "code_similarity")
    assert (gap["difference"], gap["n"], gap["families"], gap["verdict"]) == (1, 3, 3, "better")
    assert difference_of(table, "sft", "grpo", "clipped")["verdict"] == "worse"
    assert "heading_f1" in table["unmeasured"]
    assert table == table_of(pages, answers)


def test_a_metric_that_no_system_has_is_not_compared() -> None:
    pages = labelled([PLAIN] * 3, ["a", "b", "c"])
    table = table_of(pages, {"base": [PLAIN] * 3, "sft": [f"{PLAIN} more"] * 3})
    assert "heading_f1" in table["unmeasured"]
    assert "heading_f1" not in {row["metric"] for row in table["differences"]}


def test_a_verdict_holds_only_after_correction_for_the_other_metrics() -> None:
    pages = labelled([PLAIN] * 30, [str(i) for i in range(30)])
    reads = [
        system_read("base", pages, ["Only few wrds"] * 30),
        system_read("sft", pages, [PLAIN] * 28 + ["Only"] * 2),
    ]
    table = evaluate_pages(pages, reads, ScoreRun(resamples=4_000), workers=1).table
    rows = table["differences"]
    assert all(row["p_adjusted"] >= row["p"] for row in rows if row["p"] is not None)
    assert all(row["verdict"] != "no evidence" for row in rows if row["holds"])
    assert difference_of(table, "base", "sft", "composite_v2")["holds"]
    strict = evaluate_pages(pages, reads, SETTINGS, workers=1).table
    found = difference_of(strict, "base", "sft", "composite_v2")
    assert (found["verdict"], found["holds"]) == ("better", False), "200 resamples cannot show so small a p-value"
    assert "but not after correction for" in finding(strict, "base", "sft")


def test_seeds_of_one_system_are_its_runs() -> None:
    pages = labelled([PLAIN] * 6, list("aabbcc"))
    reads = [
        system_read("sft", pages, [PLAIN] * 6, 1),
        system_read("base", pages, ["Only"] * 6),
        system_read("sft", pages, ["Only a few words"] * 6, 0),
    ]
    found = evaluate_pages(pages, reads, SETTINGS, workers=1)
    table = found.table
    assert table["systems"] == ["sft", "base"]
    assert table["training_seeds"] == 2
    row = mean_of(table, "sft", "word_recall")
    assert (row["seeds"], row["n"], row["mean"]) == (2, 6, pytest.approx((1 + 4 / 7) / 2, abs=1e-6))
    assert row["low"] == pytest.approx(4 / 7, abs=1e-6)
    assert row["high"] == 1
    assert "2 training seeds" in finding(table, "sft", "base")
    assert {(r["system"], r["seed"]) for r in found.scores.to_pylist()} == {("sft", 0), ("sft", 1), ("base", None)}


def test_slices_have_their_own_means_and_differences_with_enough_families() -> None:
    pages = [
        set_page(
            i,
            PLAIN,
            f"f{i}",
            language="ja" if i < SLICE_FAMILIES - 1 else "en",
            features=("table", "list") if i % 2 else (),
        )
        for i in range(12)
    ]
    answers = {"a": [PLAIN] * 12, "b": ["Only"] * 12}
    found = evaluate_pages(pages, [system_read(n, pages, g) for n, g in answers.items()], SETTINGS, workers=1)
    slices = found.table["slices"]
    assert {row["dimension"] for row in slices["means"]} == {"language", "feature"}, "one source divides nothing"
    means = {(r["system"], r["value"], r["metric"]): r for r in slices["means"]}
    few = means["a", "ja", "composite_v2"]
    assert (few["mean"], few["n"], few["families"], few["low"]) == (1, 4, 4, None)
    assert means["a", "en", "composite_v2"]["low"] == 1
    assert means["a", "table", "composite_v2"]["n"] == means["a", "list", "composite_v2"]["n"] == 6
    gaps = {(r["value"], r["metric"]): r for r in slices["differences"]}
    assert gaps["en", "edit_similarity"]["verdict"] == "worse"
    assert gaps["ja", "edit_similarity"]["verdict"] == "no evidence"
    assert gaps["ja", "edit_similarity"]["difference"] < 0
    rows = {(r["system"], r["metric"], r["slice"]): r for r in found.metrics}
    assert rows["b", "composite_v2", "language=en"]["n"] == 8
    assert rows["b", "empty", "all"].keys() == {
        *("system", "metric", "slice", "mean", "low", "high", "n", "families", "seeds")
    }


def test_pages_of_no_feature_are_a_slice() -> None:
    pages = [set_page(0, PLAIN, "a"), set_page(1, PLAIN, "b", features=("code",))]
    assert slices_of(pages) == {"feature": {"code": [1], "none of these": [0]}}


def test_answers_that_do_not_fit_the_set_are_an_error() -> None:
    pages = labelled([PLAIN] * 2, ["a", "b"])
    good = system_read("a", pages, [PLAIN] * 2)
    with pytest.raises(StageError, match=r"other pages than the set's"):
        evaluate_pages(pages[::-1], [good], SETTINGS)
    with pytest.raises(StageError, match="two reads with training seed None"):
        evaluate_pages(pages, [good, good], SETTINGS)
    with pytest.raises(StageError, match="at least one of each"):
        evaluate_pages(pages, [], SETTINGS)
    with pytest.raises(StageError, match="at least one of each"):
        evaluate_pages([], [good], SETTINGS)


def test_processes_score_as_one_does() -> None:
    pages = labelled([CODE, PLAIN] * 18, [str(i) for i in range(36)])
    answers = [[Reading(PLAIN)] * 36, [Reading(CODE, clipped=True)] * 36]
    assert score_all(pages, answers, workers=2) == score_all(pages, answers, workers=1)


def test_a_read_folder_comes_back_as_it_was(tmp_path: Path) -> None:
    pages = labelled([PLAIN], ["a"])
    read = system_read("sft", pages, [Reading("x\u3042", True, 0.25, "odd")], 3)
    assert load_read(finished_read(tmp_path, read)) == read


def test_what_reading_cost_is_in_the_table() -> None:
    pages = labelled([PLAIN] * 3, ["a", "b", "c"])
    given = [Reading("x", seconds=1.0), Reading("x", seconds=3.0), Reading("", seconds=99.0, error="Timeout")]
    reads = table_of(pages, {"ocr": given})["reads"]
    assert reads["ocr"] == {"seeds": [None], "seconds": 2.0, "failed": 1, "versions": {"model": "1.0"}}


def test_invented_structure_costs_in_a_comparison() -> None:
    """Only ten of sixty pages have a heading; one system has one, and a table, on every page."""
    words = "Some words that stand on this page of the set."
    pages = [set_page(i, f"# Title\n\n{words}" if i < 10 else words, str(i % 30)) for i in range(60)]
    honest = [str(page.label) for page in pages]
    inventing = [f"# Title\n\n{words}\n\n| a | b |\n| --- | --- |\n| c | d |"] * 60
    table = table_of(pages, {"honest": honest, "inventing": inventing})
    for metric in ("heading_f1", "table_teds"):
        row = next(r for r in table["differences"] if r["metric"] == metric)
        assert (row["n"], row["verdict"]) == (60, "worse")
        assert row["difference"] < -0.8


def test_a_page_that_shows_a_thinking_tag_scores_one_against_itself() -> None:
    label = "The model writes <think> before it answers, and then the words of the page follow here."
    found = page_scores(Reading(label), label, facts_of(set_page(0, label, "a")))
    assert (found["composite_v2"], found["facts"], found["character_error_rate"]) == (1, 1, 0)
