"""A whole ablation of few steps with a real model: what it keeps, how it goes on after a stop, and its command."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from training_pages import page, write_dataset

from flows import ablation as flow
from tasks.evaluate.ablation.config import AblationConfig
from tasks.evaluate.ablation.report.stage import report_stage
from tasks.evaluate.held_out import held_out_stage
from tasks.evaluate.read import read_stage
from tasks.evaluate.stage import evaluate_stage
from tasks.records import StageRef
from tasks.stage import Stage
from tasks.store import Folder, stage_at
from tasks.train.cost import seconds_of
from tasks.train.grpo import grpo_stage
from tasks.train.pages import draw
from tasks.train.sft import sft_stage

ARMS: list[dict[str, Any]] = [
    {"name": "alone", "why": "no warm-up", "grpo": {}, "against": ["base"]},
    {"name": "sft", "why": "warm-up", "sft": {}, "against": ["base"]},
    {"name": "both", "why": "refined", "after": "sft", "grpo": {}, "against": ["base", "sft"]},
    {
        "name": "updates",
        "why": "opponent",
        "after": "sft",
        "sft": {},
        "as_long_as": {"arm": "both", "by": "updates"},
        "against": ["both"],
    },
    {
        "name": "compute",
        "why": "opponent",
        "after": "sft",
        "sft": {},
        "as_long_as": {"arm": "both", "by": "compute"},
        "against": ["both"],
    },
]


def micro(model: str, **changes: Any) -> AblationConfig:
    run = {
        "model": {"base": model, "max_new_tokens": 24},
        "lora": {"r": 4, "alpha": 8},
        "sft": {"batch": 2},
        "grpo": {"prompts": 2, "generations": 2, "temperature": 1.0, "probe": "off"},
        "evaluate": {"resamples": 200, "batch": 4},
    }
    settings = {
        "why": "Does it run?",
        "processes": 1,
        "run": run,
        "sft": {"steps": 2},
        "grpo": {"steps": 1},
        "pages": 3,
        "skip": 1,
        "seeds": [0],
        "arms": ARMS,
    }
    return AblationConfig.model_validate({**settings, **changes})


class Now:
    """A stage as the flow calls it, run at once."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage

    def submit(self, *arguments: Any) -> Callable[[], StageRef]:
        ref = self.stage(*arguments)
        return lambda: ref


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RECTO_HOME", str(tmp_path / "store"))
    return tmp_path / "store"


@pytest.fixture
def pages(tmp_path: Path) -> StageRef:
    write_dataset(tmp_path / "pages", [page(i) for i in range(12)])
    return write_dataset(tmp_path / "pages", [page(i, family=f"test{i % 3}") for i in range(60, 66)], split="test")


@pytest.fixture
def run(store: Path, pages: StageRef, monkeypatch: pytest.MonkeyPatch) -> Callable[[AblationConfig], StageRef]:
    """The flow without a Prefect server."""
    for name, stage in (("sft", sft_stage), ("grpo", grpo_stage), ("read", read_stage)):
        monkeypatch.setattr(flow, name, Now(stage))
    monkeypatch.setattr(flow, "held_out", held_out_stage)
    monkeypatch.setattr(flow, "score", evaluate_stage)
    monkeypatch.setattr(flow, "report", report_stage)
    monkeypatch.setattr(flow, "dataset_at", lambda _: pages)
    monkeypatch.setattr(flow, "get_run_logger", lambda: logging.getLogger("ablation"))
    monkeypatch.setattr(flow, "side_by_side", nullcontext)
    cells = flow._cells.fn
    monkeypatch.setattr(flow, "_cells", SimpleNamespace(with_options=lambda **_: cells))
    return lambda study: flow.ablation.fn(study, "pages")


def stages(store: Path, name: str) -> list[StageRef]:
    return [stage_at(str(path.parent)) for path in sorted(store.glob(f"{name}/*/manifest.json"))]


def started_from(ref: StageRef) -> str | None:
    """Digest of the training that this one went on from."""
    return json.loads((Path(ref.uri) / "checkpoint.json").read_text())["sft_digest"]


def warm_up(store: Path, steps: int) -> StageRef:
    """The one finished SFT of so many steps that started afresh."""
    fresh = [ref for ref in stages(store, "sft") if started_from(ref) is None]
    (found,) = (ref for ref in fresh if ref.counts["steps"] == steps)
    return found


def test_an_ablation_keeps_what_it_measured_and_goes_on_after_a_stop(
    untrained: str, store: Path, run: Callable[[AblationConfig], StageRef], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped when the third training is asked: nothing that was finished is done again."""
    study = micro(untrained)
    asked: list[str] = []
    answer = read_stage.run

    def stopped(folder: Folder, config: Any, *inputs: StageRef) -> Any:
        if len(asked) == 3:
            asked.append("stop")
            raise KeyboardInterrupt
        asked.append(config.system)
        return answer(folder, config, *inputs)

    monkeypatch.setattr(flow, "read", Now(Stage("read", 1, stopped, read_stage.environment)))
    with pytest.raises(KeyboardInterrupt):
        run(study)
    before = {path: path.stat().st_mtime_ns for path in store.glob("*/*/manifest.json")}
    assert len(stages(store, "sft")) + len(stages(store, "grpo")) >= 4
    done = run(study)
    assert asked == ["base", "alone", "sft", "stop", "both", "updates", "compute"]
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert run(study).uri == done.uri

    report = Folder(done.uri)
    html, tables = report.read("report.html").decode(), report.read("tables.md").decode()
    assert "What each step bought" in html
    assert "### The article's full comparison" in tables
    assert "| compute | " in tables
    assert "both: no evidence of a change" in report.read("summary.txt").decode()
    table = report.read_json("results.json")["table"]
    assert (table["pages"], table["systems"]) == (3, ["base", "alone", "sft", "both", "updates", "compute"])
    refined = {started_from(ref) for ref in stages(store, "grpo")}
    untouched = warm_up(store, 0).digest
    assert refined == {warm_up(store, 2).digest, untouched}, "GRPO alone goes on from an adapter that changes nothing"


def test_the_opponent_sees_what_grpo_sees_for_as_long(
    untrained: str, store: Path, run: Callable[[AblationConfig], StageRef], monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: dict[str, list[list[Any]]] = {"sft": [], "grpo": []}

    def noted(name: str) -> Any:
        def watched(pages: Any, count: int, *salt: str) -> Any:
            found = draw(pages, count, *salt)
            drawn[name].append(found)
            return found

        return watched

    for name in drawn:
        monkeypatch.setattr(f"tasks.train.{name}.draw", noted(name))
    # one update of GRPO takes as long as three of the warm-up's two
    monkeypatch.setattr(flow, "seconds_of", lambda ref: 3.0 if "/grpo/" in ref.uri else 2.0)
    run(micro(untrained, arms=ARMS[1:]))
    warm, updates, compute = drawn["sft"]
    assert drawn["grpo"][0] == updates == compute[: len(updates)]
    assert warm[: len(updates)] != updates
    assert len(compute) == 2 * 3
    measured = [seconds_of(warm_up(store, 2)), *map(seconds_of, stages(store, "grpo"))]
    assert all(seconds > 0 for seconds in measured)
