"""The report of a study: what it draws, and how it stands in a real Chromium."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from chromium import PHONE, Opened
from made_up_study import World, results, study

from tasks.counting.claims import claims
from tasks.counting.report.figures import speed_ups
from tasks.counting.report.stage import render_report, summary
from tasks.counting.report.tables import tables
from tasks.counting.results import Results
from tasks.verdicts import claims_table

EVIL = "</td><script>alert(1)</script>\x1b[31m\u202e|"


@pytest.fixture(scope="module")
def found() -> Results:
    """Two bases, two learning rates, another way to inject, and r1v; the policies answer with what no answer should."""
    every = results(
        study(
            bases={"hard": {"name": "hard"}, "coupled": {"name": "coupled"}},
            guidance={"decay": {"mode": "share", "share": 0.8, "schedule": "linear"}},
            grid=[
                {"base": ["hard", "coupled"], "steps": 400},
                {"base": ["hard"], "learning_rate": [3e-5], "steps": 150},
                {"base": ["hard"], "guidance": ["decay"], "steps": 400},
                {"base": ["hard"], "prompt": ["r1v"], "steps": 150},
            ],
        ),
        worlds={"coupled": World(away_with=0.7, right_at=2000)},
    )
    runs = {
        cell: replace(run, rates={asked: r._replace(texts=((EVIL, 3),)) for asked, r in run.rates.items()})
        for cell, run in every.runs.items()
    }
    return replace(every, runs=runs)


@pytest.fixture(scope="module")
def html(found: Results) -> str:
    return render_report(found, claims(found))


def test_every_figure_of_the_article_is_drawn_from_runs(html: str) -> None:
    sections = html.split("<section>")
    drawn = {
        number: re.findall("<figcaption>(.*?)</figcaption><svg", section)
        for section in sections
        for number in re.findall(r"<h2>Figure (\d)", section)
    }
    arms, both = ["hard at lr 1e-5", "coupled", "hard at lr 3e-5"], ["Greedy", "Sampled"]
    assert drawn == {
        "1": ["Answers with a digit", "Right answers"],
        "3": arms,
        "4": arms,
        "5": both,
        "6": ["hard"],
        "7": both,
        "9": both,
    }


def test_the_same_results_give_the_same_bytes(found: Results) -> None:
    assert speed_ups(found) == speed_ups(found)
    assert speed_ups(found) != speed_ups(results(found.study))


def test_a_study_without_cells_shows_its_bases() -> None:
    alone = results(study(grid=[]))
    html = render_report(alone, claims(alone))
    assert "".join(re.findall(r"<h2>Figure (\d)", html)) == "19"
    assert [table.title for table in tables(alone)] == ["The untrained bases under every prompt"]


def test_tables_are_whole(found: Results) -> None:
    made = {table.title: table for table in [claims_table(claims(found), "Claims"), *tables(found)]}
    assert len(made) == 9
    assert all(len(row) == len(table.heads) for table in made.values() for row in table.rows)
    article = made["The article's tables"]
    assert [row[:3] for row in article.rows if row[2].startswith("coupled")] == [
        ("plain, injection", "93 / 30", "coupled"),
        ("plain, no injection", "93 / 48", "coupled"),
    ]
    steps = made["Steps to 90%"]
    assert ("coupled, no injection", "plain", "400", "71, 74, 77", "not reached, not reached, not reached") in {
        row[:5] for row in steps.rows
    }
    assert "at least" in next(row[5] for row in steps.rows if row[0] == "coupled, injection")
    assert len(made["Other ways to inject"].rows) == 2


def test_the_summary_says_every_claim(found: Results) -> None:
    judged = claims(found)
    text = summary(found, judged)
    assert all(f"{claim.name}: {claim.verdict}" in text for claim in judged)
    assert "└── " in text


def test_what_a_model_says_stays_text(found: Results, html: str) -> None:
    assert "&lt;script&gt;alert(1)" in html
    assert "<script" not in html
    assert "\x1b" not in html
    samples = tables(found)[-1]
    assert all(line.count("|") == len(samples.heads) + 1 for line in samples.markdown().splitlines() if "|" in line)


def test_it_opens_without_request_or_complaint(browser: Any, html: str, tmp_path: Path) -> None:
    path = tmp_path / "study.html"
    path.write_text(html)
    shown = Opened(browser, path, viewport=PHONE)
    shown.page.evaluate("document.querySelectorAll('details').forEach((details) => { details.open = true; })")
    assert shown.page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert shown.page.locator(".findings li").count() == 12
    assert shown.page.locator("figure svg:visible").count() == 19
    assert shown.page.locator(".tree .worse").first.inner_text().startswith("do not inject: transfers worse")
    assert [url for url in shown.requests if not url.startswith(("data:", "file:"))] == []
    assert shown.trouble == []
