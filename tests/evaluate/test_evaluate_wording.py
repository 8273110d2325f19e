from __future__ import annotations

from dataclasses import replace

from evaluation_inputs import labelled, table_of

from tasks.evaluate.report.wording import (
    default_pair,
    few_families,
    finding,
    page_rule,
    pairs,
    shown_pairs,
    standing,
    summary,
    verdict_line,
)

PLAIN = "Only a few words of plain text.\n"


def test_few_families_are_said() -> None:
    def said(count: int) -> str:
        return few_families(table_of(labelled([PLAIN] * count, [str(i) for i in range(count)]), {"b": [PLAIN] * count}))

    assert "one family" in said(1)
    assert "Only 19 families" in said(19)
    assert said(20) == ""


def test_summary_is_short_and_holds_what_each_step_adds() -> None:
    pages = labelled([PLAIN] * 4, list("abcd"))
    text = summary(table_of(pages, {"base": ["x"] * 4, "sft": [PLAIN] * 4, "grpo": ["y"] * 4}))
    lines = text.splitlines()
    assert len(lines) <= 12
    assert max(map(len, lines)) <= 120
    edit = next(line for line in lines if line.startswith("Edit similarity"))
    assert "1.000" in edit
    assert "+" in edit
    assert "−" in edit
    assert edit.count("*") == 2
    assert [line.split(" composite")[0] for line in lines[-2:]] == ["SFT bought", "GRPO cost"]
    assert lines[-1].endswith(" against SFT, on 4 pages of 4 families.")


def test_many_systems_are_told_against_the_one_that_was_trained_last() -> None:
    pages = labelled([PLAIN] * 2, ["a", "b"])
    names = ["base", "tesseract", "sft", "grpo", "olmocr", "a/long name of a model"]
    table = table_of(pages, {name: [PLAIN] * 2 for name in names})
    assert len(pairs(table)) == 15
    assert set(shown_pairs(table)) == {
        ("base", "sft"),
        ("sft", "grpo"),
        ("tesseract", "grpo"),
        ("grpo", "olmocr"),
        ("grpo", names[-1]),
    }
    assert default_pair(table) == ("sft", "grpo")
    lines = summary(table).splitlines()
    assert len(lines) == 8 + 2
    assert max(map(len, lines)) <= 120


def test_one_system_alone_is_told_by_its_mean() -> None:
    table = table_of(labelled([PLAIN] * 2, ["a", "b"]), {"tesseract": [PLAIN] * 2})
    assert pairs(table) == shown_pairs(table) == []
    assert default_pair(table) is None
    assert standing(table, "tesseract").startswith("tesseract: composite reward (v2) 1.000 [1.000, 1.000] on 2 pages")
    assert "1.000" in summary(table)


def test_words_of_a_verdict_follow_its_sign() -> None:
    pages = labelled([PLAIN] * 4, list("abcd"))
    table = table_of(pages, {"ocr": ["Only a"] * 4, "other": [PLAIN] * 4})
    assert verdict_line(table, "ocr", "other") == "other is better than ocr"
    assert finding(table, "ocr", "other").startswith("other against ocr: composite reward (v2) +")
    turned = table_of(pages, {"other": [PLAIN] * 4, "ocr": ["Only a"] * 4})
    assert verdict_line(turned, "other", "ocr") == "ocr is worse than other"
    same = table_of(pages, {"base": [PLAIN] * 4, "sft": [PLAIN] * 4})
    assert finding(same, "base", "sft").startswith(
        "SFT: no evidence of a change in composite reward (v2) from base, 0.0"
    )
    assert verdict_line(same, "base", "sft") == "No evidence of a difference between Base and SFT"
    one = [replace(page, family="a") for page in pages]
    assert "too few families" in verdict_line(table_of(one, {"base": ["x"] * 4, "sft": [PLAIN] * 4}), "base", "sft")


def test_the_rule_of_the_explorer_is_said() -> None:
    table = table_of(labelled([PLAIN] * 4, list("abcd")), {"base": ["x"] * 4, "sft": [PLAIN] * 4})
    assert page_rule(table, 4) == "All 4 pages by the change from Base to SFT, largest drops and gains first."
    assert page_rule(table, 2).startswith("2 of 4 pages, as many as a report holds: the first by the change")
