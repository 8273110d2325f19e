"""`make serve`, used as an operator would: schedules, the start form, what a rebuild triggers, and what it may not."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from flow_documents import write_documents
from served import PROJECT, Served, serve, wait_until

pytestmark = pytest.mark.timeout(900)
TINY: dict[str, Any] = {
    "workers": 1,
    "split": {"test_pages": 8},
    "small": {
        "width": 256,
        "height": 96,
        "dpi": 96,
        "font_sizes": [14],
        "margins": [4, 8],
        "fonts_en": ["Liberation Sans"],
        "links": "text",
        "look": "plain",
        "scan": {"share": 0},
        "languages": ["en"],
    },
    "render": {"width": 640, "height": 400, "look": "plain", "scan": {"share": 0}, "languages": ["en"]},
    "model": {"max_new_tokens": 140},
    "pages": {"max_label_chars": 120},
    "sft": {"steps": 1, "batch": 2},
    # so hot that answers differ: without a difference there is no gradient
    "grpo": {"steps": 1, "prompts": 2, "generations": 4, "temperature": 2.0, "probe": "off"},
    "evaluate": {"pages": 2, "batch": 2, "resamples": 100},
}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("served")
    with serve(folder) as running:
        write_documents(folder / "first", 3)
        for name in ("dataset-rebuild", "evaluate"):
            running.by_default(name, {"run": of(folder / "first")})
        without_base = {**TINY["evaluate"], "base": False}
        running.by_default("train", {"run": of(folder / "first", evaluate=without_base)})
        yield running


def of(source: Path, **more: Any) -> dict[str, Any]:
    """The smallest run, on the documents of a folder."""
    return {**TINY, "collect": {"sources": ["folder"], "folder": str(source)}, **more}


def manifests(served: Served, stage: str) -> dict[Path, int]:
    """The finished folders of a stage, and when each was finished."""
    return {p: p.stat().st_mtime_ns for p in (served.home / stage).glob("*/manifest.json")}


def test_the_four_deployments_show_typed_parameters_with_help(served: Served) -> None:
    deployments = {d["name"]: d for d in served.post("/deployments/filter", {})}
    assert set(deployments) == {"dataset-rebuild", "train", "evaluate", "counting-study"}
    schedules = {s["slug"]: s for s in deployments["dataset-rebuild"]["schedules"]}
    assert {slug: s["active"] for slug, s in schedules.items()} == {"weekly": True, "monthly-full": False}
    assert schedules["monthly-full"]["parameters"] == {"full": True}
    assert all("recto" in d["tags"] and d["description"] for d in deployments.values())
    for name, deployment in deployments.items():
        schema = deployment["parameter_openapi_schema"]
        assert all("description" in parameter for parameter in schema["properties"].values() if "$ref" not in parameter)
        for model, described in schema["definitions"].items():
            helpless = {k for k, v in described["properties"].items() if not {"description", "$ref", "const"} & set(v)}
            assert helpless <= {"kind"}, (name, model, helpless)
    assert '"maximum": 600' in json.dumps(deployments["train"]["parameter_openapi_schema"])


def test_a_second_bootstrap_changes_nothing(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    from prefect.settings import PREFECT_API_URL, temporary_settings

    from infra.bootstrap import bootstrap

    monkeypatch.setenv("GITHUB_TOKEN", "ghp_never_shown")
    with temporary_settings({PREFECT_API_URL: f"{served.ui}/api"}):
        first, second = list(bootstrap()), list(bootstrap())
    assert first == second
    assert [line.partition(": ")[2] for line in first[:3]] == ["is there"] * 3
    assert "ghp_never_shown" not in "".join(first)


@dataclass(frozen=True)
class Cycle:
    """Two rebuilds, one by a schedule, one by hand while the first runs, and the trainings that followed."""

    rebuilds: list[dict[str, Any]]
    published: list[dict[str, Any]]
    trainings: list[dict[str, Any]]


@pytest.fixture(scope="module")
def cycle(served: Served, tmp_path_factory: pytest.TempPathFactory) -> Cycle:
    rebuild = served.deployment("dataset-rebuild")["id"]
    often = {"interval": 45, "anchor_date": datetime.now(UTC).isoformat()}
    (made,) = served.post(f"/deployments/{rebuild}/schedules", [{"schedule": often, "active": True}])
    due, *_ = wait_until(
        lambda: served.runs("dataset-rebuild", "PENDING", "RUNNING", "COMPLETED"), "the schedule fires"
    )
    served.ask("DELETE", f"/deployments/{rebuild}/schedules/{made['id']}")
    second = write_documents(tmp_path_factory.mktemp("second"), 4)
    by_hand = served.start("dataset-rebuild", run=of(second, publish={"name": "second"}))
    rebuilds = [served.completed(run_id) for run_id in (due["id"], by_hand)]
    return Cycle(rebuilds, served.published(2), served.trained(2))


def test_a_schedule_fires_and_a_run_started_by_hand_has_its_own_parameters(cycle: Cycle) -> None:
    assert [run["auto_scheduled"] for run in cycle.rebuilds] == [True, False]
    assert [run["name"] for run in cycle.rebuilds] == ["dataset-rebuild recto-pages", "dataset-rebuild second"]


def test_what_a_rebuild_published_is_trained_on(served: Served, cycle: Cycle) -> None:
    assert len({event["dataset"] for event in cycle.published}) == 2
    assert [run["parameters"]["dataset"] for run in cycle.trainings] == [event["dataset"] for event in cycle.published]
    keys = [event["dataset"].rsplit("/", 1)[1] for event in cycle.published]
    assert [run["name"] for run in cycle.trainings] == [f"train tiny @ {key[:7]}" for key in keys]
    checkpoints = [json.loads(p.read_text()) for p in (served.home / "grpo").glob("*/checkpoint.json")]
    assert {c["dataset_digest"] for c in checkpoints} == {event["digest"] for event in cycle.published}


def test_two_in_a_row_run_one_at_a_time(cycle: Cycle) -> None:
    for runs in (cycle.rebuilds, cycle.trainings):
        (_, first), (second, _) = sorted((run["start_time"], run["end_time"]) for run in runs)
        assert first <= second


def test_the_pages_of_the_runs_show_dataset_progress_curves_and_report(served: Served, cycle: Cycle) -> None:
    table = {row["pages of"]: row for row in json.loads(served.artifacts(cycle.rebuilds[0]["id"])["dataset-pages"])}
    assert table["all"]["pages"] == table["en x folder"]["pages"] > 0
    shown = served.artifacts(cycle.trainings[0]["id"])
    assert shown["training-curves"].startswith("data:image/png;base64,")
    assert {key: shown[key] for key in ("progress-sft", "progress-grpo")} == {"progress-sft": 100, "progress-grpo": 100}
    link = shown["evaluation-report"].partition("(")[2].rstrip(")")
    assert link.startswith(served.reports)
    assert "<html" in httpx.get(link).text[:400]
    assert link.removeprefix(served.reports) in httpx.get(served.reports).text
    stolen = [f"{served.reports}/prefect/prefect.db", f"{served.reports}/report/../prefect/prefect.db"]
    assert [httpx.get(url).status_code for url in stolen] == [404, 404]


def test_a_rebuild_that_changes_nothing_trains_nothing(served: Served, cycle: Cycle) -> None:
    served.completed(served.start("dataset-rebuild"))
    time.sleep(3)  # an event would be there by then
    served.published(2)
    assert len(served.runs("train")) == len(cycle.trainings)


def test_an_event_that_comes_twice_trains_once(served: Served, cycle: Cycle) -> None:
    before = {stage: manifests(served, stage) for stage in ("sft", "grpo", "read", "evaluate", "report")}
    payload = cycle.published[-1]
    again = {
        "occurred": datetime.now(UTC).isoformat(),
        "event": "dataset.published",
        "resource": {"prefect.resource.id": "recto.dataset.second", "prefect.resource.name": "second"},
        "payload": payload,
        "id": "0f0e0d0c-0b0a-4908-8706-050403020100",
    }
    served.post("/events", [again])
    *_, run = served.trained(3)
    assert run["parameters"]["dataset"] == payload["dataset"]
    assert {stage: manifests(served, stage) for stage in before} == before


def test_wrong_parameters_are_refused_and_the_answer_says_which(served: Served) -> None:
    path = f"{served.ui}/api/deployments/{served.deployment('dataset-rebuild')['id']}/create_flow_run"
    runs = len(served.runs("dataset-rebuild"))
    for wrong, said in (
        ({"render": {"dpi": 9}}, "9 is less than the minimum of 36"),
        ({"render": {"dpy": 90}}, "dpy"),
        ({"grpo": {"loss_type": "ppo"}}, "'ppo' is not one of ['dapo'"),
    ):
        answer = httpx.post(path, json={"parameters": {"run": wrong}})
        assert answer.status_code in (409, 422), answer.text
        assert said in answer.text
    assert len(served.runs("dataset-rebuild")) == runs


def test_the_form_starts_an_evaluation_whose_report_opens_from_its_page(
    served: Served, cycle: Cycle, browser: Any
) -> None:
    page = browser.new_context(viewport={"width": 1200, "height": 900}).new_page()
    page.set_default_timeout(90_000)
    page.goto(f"{served.ui}/deployments")
    page.get_by_role("link", name="evaluate").first.click()
    page.get_by_role("button", name="Run", exact=True).click()
    page.get_by_text("Custom run").click()
    for label, text in (("dataset", cycle.published[0]["dataset"]), ("Why", "Asked for by hand")):
        named = page.get_by_text(f"{label} (Optional)", exact=True)
        page.locator(".schema-form-property", has=named).last.locator("textarea").fill(text)
    page.get_by_role("button", name="Submit").click()
    (run,) = wait_until(lambda: served.runs("evaluate"), "the form starts a run")
    assert run["parameters"]["run"]["why"] == "Asked for by hand"
    served.completed(run["id"])
    page.goto(f"{served.ui}/runs/flow-run/{run['id']}")
    page.get_by_text("Completed", exact=True).first.wait_for()
    page.get_by_text("Artifacts", exact=True).last.click()
    page.get_by_role("link", name="evaluation-report").click()
    with page.context.expect_page() as opened:
        page.get_by_role("link", name="Report", exact=True).click()
    assert opened.value.title() == "recto: Asked for by hand"
    assert opened.value.url.startswith(served.reports)


def test_the_deployments_run_what_the_demo_runs() -> None:
    import yaml

    from tasks.config import RUNS, RunConfig, load_run

    wanted = load_run(RUNS / "demo.toml").model_dump(exclude={"why"})
    for deployment in yaml.safe_load((PROJECT / "prefect.yaml").read_text())["deployments"]:
        if run := deployment.get("parameters", {}).get("run"):
            assert RunConfig.model_validate(run).model_dump(exclude={"why"}) == wanted, deployment["name"]


def test_a_port_that_is_taken_is_named(served: Served) -> None:
    taken = served.ui.rpartition(":")[2]
    command = [sys.executable, "-m", "infra.serve", "--port", taken]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 2
    assert (
        done.stderr == f"recto: port {taken}: Address already in use; stop what listens there, or 'make serve PORT=N'\n"
    )


def test_stopping_leaves_no_process(served: Served, tmp_path: Path) -> None:
    run = served.start("dataset-rebuild", run=of(write_documents(tmp_path / "last", 8)))
    wait_until(lambda: served.get(f"/flow_runs/{run}")["state_type"] == "RUNNING", "the run is under way")
    assert len(served.processes()) > 4
    served.process.send_signal(signal.SIGTERM)
    assert served.process.wait(90) == 0, served.said()
    assert served.processes() == []
    shutil.rmtree(served.home)
