"""The report of an ablation: what it says, and how it stands in a real Chromium."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from chromium import PHONE, Opened
from made_up_ablation import ARMS, results, study

from tasks.evaluate.ablation.claims import claims
from tasks.evaluate.ablation.report.stage import bought, render_report, summary
from tasks.evaluate.ablation.report.tables import tables
from tasks.evaluate.ablation.results import Results

EFFECTS = {"base": {"": 0.4}, "sft": {"": 0.5}, "grpo": {"": 0.52}, "hot": {"": 0.45}, "compute": {"": 0.6}}


@pytest.fixture(scope="module")
def found() -> Results:
    return results(EFFECTS, logs={"grpo": {"reward/code_similarity": 0.4}})


@pytest.fixture(scope="module")
def html(found: Results) -> str:
    return render_report(found, claims(found))


def test_every_step_is_told_whatever_its_sign(found: Results) -> None:
    told = dict(zip((str(arm["name"]) for arm in ARMS), bought(found), strict=True))
    assert told["sft"] == (
        "SFT bought composite reward (v2): +0.100 [+0.090, +0.110] over base, on 100 pages of 25 families, 3 training "
        "seeds."
    )
    assert told["hot"].startswith("hot cost composite reward (v2): −0.050 [−0.060, −0.040] against SFT,")
    assert told["v3"].startswith(
        "v3: no evidence of a change in composite reward (v2) from SFT, 0.000 [−0.010, +0.010],"
    )


def test_tables_are_whole(found: Results) -> None:
    made = {table.title: table for table in tables(found)}
    assert len(made) == 8
    assert all(len(row) == len(table.heads) for table in made.values() for row in table.rows)
    full = {row[1]: row for row in made["The article's full comparison"].rows}
    assert list(full) == ["base", "alone", "grpo", "hot", "long"]
    assert full["base"][2] == "0.753 / 0.400 [0.390, 0.410]"
    fences = {row[0]: row[1] for row in made["Code fences"].rows}
    assert fences["base"] == "40 % [39, 41]"
    assert len(fences) == 1 + len(ARMS)
    opponents = {row[0]: row[1] for row in made["Each arm against its opponents"].rows}
    assert opponents["compute less grpo"] == "+0.080 [+0.070, +0.090]"
    assert opponents["updates less sft"].endswith("=")
    costs = {row[0]: row[1:] for row in made["What the arms took"].rows}
    assert costs["grpo"] == ("10", "2.00", "20", "60"), "10 updates after the 20 of SFT"


def test_the_summary_says_every_claim(found: Results) -> None:
    judged = claims(found)
    text = summary(found, judged)
    assert all(f"{claim.name}: {claim.verdict}" in text for claim in judged)


def test_the_same_results_give_the_same_bytes(found: Results, html: str) -> None:
    assert render_report(found, claims(found)) == html


def test_a_grid_of_sft_alone_has_a_report() -> None:
    alone = results(config=study(arms=ARMS[1:3]))
    made = render_report(alone, claims(alone))
    assert "Learning under GRPO" not in made
    assert "What GRPO had to learn from" not in [table.title for table in tables(alone)]


def test_it_opens_without_request_or_complaint(browser: Any, html: str, tmp_path: Path) -> None:
    path = tmp_path / "ablation.html"
    path.write_text(html)
    shown = Opened(browser, path, viewport=PHONE)
    shown.page.evaluate("document.querySelectorAll('details').forEach((details) => { details.open = true; })")
    assert shown.page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert shown.page.locator(".findings li").count() == 9 + 15
    assert shown.page.locator("figure svg:visible").count() == 4 + 6 + 4
    assert [url for url in shown.requests if not url.startswith(("data:", "file:"))] == []
    assert shown.trouble == []
