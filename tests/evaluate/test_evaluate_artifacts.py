from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from evaluation_inputs import finished_read, finished_set, labelled, system_read, table_of

from tasks.config import RunConfig, ScoreRun
from tasks.evaluate.report.artifacts import as_markdown, means_table, report_link
from tasks.evaluate.report.stage import report_stage
from tasks.evaluate.stage import evaluate_stage
from tasks.records import StageRef

PROJECT = Path(__file__).parents[2]
RUN = """
import sys
from prefect import flow
from tasks.evaluate.report.artifacts import publish_artifacts
from tasks.store import stage_at

@flow
def judge():
    publish_artifacts(stage_at(sys.argv[1]), stage_at(sys.argv[2]), "held-out")

judge()
"""


def judged(*systems: str) -> dict[str, Any]:
    pages = labelled(["Only a few words\n"] * 4, list("abcd"))
    return table_of(pages, {s: ["Only a few"] * 4 if i else ["x"] * 4 for i, s in enumerate(systems)})


def test_markdown_says_the_verdict_before_the_means() -> None:
    text = as_markdown(judged("base", "sft"))
    assert text.index("**SFT is better than Base.**") < text.index("| metric | Base | SFT |")
    assert "| --- | ---: | ---: |" in text
    assert "4 pages of 4 families" in text
    assert "Only 4 families were resampled" in text


def test_a_name_that_is_markdown_stays_a_name() -> None:
    text = as_markdown(judged("a|b", "*c*"))
    assert "| metric | a\\|b | \\*c\\* |" in text


def test_one_system_has_means_and_no_comparison() -> None:
    table = judged("tesseract")
    assert as_markdown(table).startswith("## Verdict\n\n- tesseract: composite reward (v2) ")
    rows = {row["metric"]: row["tesseract"] for row in means_table(table)}
    assert rows["Empty answers"] == "0.000 [0.000, 0.000]"


def test_the_link_is_a_url(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RECTO_REPORTS_URL", raising=False)
    assert report_link(StageRef("/store/report/k", "k", {})) == "file:///store/report/k/report.html"
    assert report_link(StageRef("s3://store/report/k/", "k", {})) == "s3://store/report/k/report.html"
    monkeypatch.setenv("RECTO_REPORTS_URL", "http://127.0.0.1:4201")
    assert report_link(StageRef("/store/report/k", "k", {})) == "http://127.0.0.1:4201/report/k/report.html"


@pytest.mark.timeout(280)
def test_a_flow_leaves_its_artifacts_on_the_server(
    prefect_server: dict[str, str], store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages = labelled(["Only a few words\n"] * 3, list("abc"))
    ref = finished_set(store, pages)
    read = finished_read(store, system_read("tesseract", pages, ["Only"] * 3))
    scored = evaluate_stage(ScoreRun(resamples=100), ref, read)
    done = report_stage(RunConfig(), ref, read, scored)
    command = [sys.executable, "-c", RUN, done.uri, scored.uri]
    run = subprocess.run(
        command, env=prefect_server, cwd=PROJECT, capture_output=True, text=True, timeout=240, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr

    async def artifacts() -> Any:
        from prefect.client.orchestration import PrefectClient

        async with PrefectClient(prefect_server["PREFECT_API_URL"]) as client:
            return await client.read_artifacts()

    found = {a.key: a for a in asyncio.run(artifacts()) if a.key and a.key.startswith("held-out-")}
    assert {key: a.type for key, a in found.items()} == {
        "held-out-verdict": "markdown",
        "held-out-means": "table",
        "held-out-report": "markdown",
    }
    assert all(a.flow_run_id for a in found.values())
    assert "## Verdict" in found["held-out-verdict"].data
    assert json.loads(found["held-out-means"].data)[0]["metric"] == "Composite reward (v2)"
    assert f"({report_link(done)})" in found["held-out-report"].data
