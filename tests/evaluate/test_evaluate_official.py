from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from evaluation_inputs import made_up

from tasks.evaluate.report import official
from tasks.evaluate.report.stage import render_report


def found(system: str, rate: float, seed: int | None = None) -> dict[str, Any]:
    def figure(rate: float, tests: int) -> dict[str, Any]:
        return {"rate": rate, "low": None, "high": None, "tests": tests, "pdfs": 1, "empty answer": 0.25}

    rows = [
        {"category": "tables", "easy": False, **figure(rate, 40)},
        {"category": "blanks", "easy": True, **figure(1, 4)},
    ]
    return {
        "system": system,
        "seed": seed,
        "rows": rows,
        "official": figure((1 + rate) / 2, 44),
        "hard": figure(rate, 40),
    }


def test_headlines_come_first_and_easy_categories_are_marked() -> None:
    rows = official.rows([found("a", 0.5), found("b", 0.25)])
    assert [row.label for row in rows] == [*official.HEADLINES.values(), "tables", "blanks (easy)"]
    assert [rate for rate, _ in rows[1].cells] == ["0.500", "0.250"]
    assert "40 tests" in rows[1].note
    assert "an empty answer 0.250" in rows[1].note


def test_seeds_of_one_system_are_told_apart() -> None:
    assert official.names([found("sft", 1, 0), found("sft", 1, 1)]) == ["SFT, seed 0", "SFT, seed 1"]


def test_the_report_has_the_checkers_table_only_where_it_ran(tmp_path: Path) -> None:
    plain = made_up(tmp_path)
    assert "own checker" not in render_report(plain)
    html = render_report(replace(plain, official=[found("<b>evil</b>", 0.5)]))
    assert "by its own checker" in html
    assert "<b>evil" not in html


def test_the_summary_has_a_line_a_system() -> None:
    assert official.summary([]) == ""
    lines = official.summary([found("a", 0.5), found("b", 0.25)]).splitlines()
    assert [line.split(":")[0] for line in lines] == ["olmOCR-bench, a", "olmOCR-bench, b"]
