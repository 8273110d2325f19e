"""A whole study of few steps with a real model: what it keeps, how it goes on after a stop, and its flow."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import tomli_w
import torch
from counting_policy import untrained

from flows import counting as flow
from tasks.counting import evaluation
from tasks.counting.cell import cell_stage, read_log
from tasks.counting.config import StudyConfig
from tasks.counting.data import read_scenes, scenes_stage
from tasks.counting.evaluation import Asked, evaluation_stage, read_rates
from tasks.counting.prompts import PROMPTS
from tasks.counting.report.stage import report_stage
from tasks.model import tiny
from tasks.records import StageRef, UsageError
from tasks.stage import Stage
from tasks.store import Folder, stage_at

RECTO = str(Path(sys.executable).with_name("recto"))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder: Path = tmp_path_factory.mktemp("untrained")
    tiny.save(*untrained(), folder, torch.float32)
    return str(folder)


def micro(model: str, **changes: Any) -> StudyConfig:
    """Two cells of two steps."""
    settings = {
        "why": "Does it run?",
        "processes": 1,
        "bases": {"random": {"model": model, "dtype": "float32"}},
        "train": {"prompts": 1, "generations": 2, "epochs": 1},
        "tokens": {"plain": 3, "direct": 4},
        "images": {"size": 64, "counts": [1, 3], "train": 4, "test": 4, "other": 2},
        "batch": 3,
        "grid": [{"base": ["random"], "seed": [0], "steps": 2}],
        "window": 1,
    }
    return StudyConfig.model_validate({**settings, **changes})


class Now:
    """A stage as the flow calls it, run at once."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage

    def submit(self, *arguments: Any) -> Callable[[], StageRef]:
        ref = self.stage(*arguments)
        return lambda: ref


@pytest.fixture
def run(store: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[StudyConfig], StageRef]:
    """The flow without a Prefect server."""
    monkeypatch.setattr(flow, "scenes", scenes_stage)
    monkeypatch.setattr(flow, "cell", Now(cell_stage))
    monkeypatch.setattr(flow, "evaluation", Now(evaluation_stage))
    monkeypatch.setattr(flow, "report", report_stage)
    monkeypatch.setattr(flow, "get_run_logger", lambda: logging.getLogger("study"))
    monkeypatch.setattr(flow, "side_by_side", nullcontext)
    cells = flow._cells.fn
    monkeypatch.setattr(flow, "_cells", SimpleNamespace(with_options=lambda **_: cells))
    return flow.counting_study.fn


def stages(store: Path, name: str) -> dict[str, StageRef]:
    return {path.parent.name: stage_at(str(path.parent)) for path in sorted(store.glob(f"{name}/*/manifest.json"))}


def test_a_study_keeps_what_it_measured(
    model: str, store: Path, run: Callable[[StudyConfig], StageRef], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "study")
    study = micro(model)
    done = run(study)
    assert caplog.text.index("CPU-hours") < caplog.text.index("trained 1 of 2"), "the cells are listed first"
    report = Folder(done.uri)
    assert "What we found" in report.read("report.html").decode()
    assert "no evidence" in report.read("summary.txt").decode()
    assert "| random, injection |" in report.read("tables.md").decode()
    kept = report.read_json("results.json")
    assert [len(r["rates"]) for r in kept["trained"]] == [2 * 2 + 1] * 2
    cells = stages(store, "counting-cell")
    assert [len(read_log(ref)) for ref in cells.values()] == [2, 2]
    assert all((Path(ref.uri) / "model" / "config.json").is_file() for ref in cells.values())
    assert len(stages(store, "counting-evaluation")) == 1 + 2


def test_answers_are_judged_as_in_training(model: str, store: Path, run: Callable[[StudyConfig], StageRef]) -> None:
    run(micro(model, grid=[]))
    (ref,) = stages(store, "counting-evaluation").values()
    rows = Folder(ref.uri).read_table("answers.parquet").to_pylist()
    assert len(rows) == 2 * 2 * 2 * 4
    images = {r.uri: r for r in stages(store, "scenes").values()}
    truths = sorted(tuple(e.count for e in read_scenes(r)) for r in images.values())
    asked = {}
    for row in rows:
        verdict = PROMPTS[row["prompt"]].judge(row["text"], row["truth"])
        assert (row["count"], row["verdict"], row["reward"]) == (verdict.count, verdict.verdict, verdict.reward)
        asked.setdefault((row["prompt"], row["domain"], row["decoding"]), []).append(row["truth"])
    assert len(asked) == 8
    assert all(tuple(found) in truths for found in asked.values()), "every question is about the same images"
    rates = read_rates(ref)
    for asked_of, found in rates.items():
        mine = [r for r in rows if (r["prompt"], r["domain"], r["decoding"]) == asked_of]
        assert found.right == sum(r["count"] == r["truth"] for r in mine)
        assert found.digits == sum(r["count"] is not None for r in mine)
    assert rates[Asked("plain", "in", "greedy")].n == 4


def test_a_stopped_study_goes_on(
    model: str, store: Path, run: Callable[[StudyConfig], StageRef], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped in the first question to the second policy: nothing that was finished is done again."""
    asked: list[str] = []
    ask = evaluation._ask

    def counted(model: Any, processor: Any, config: Any, question: Any, examples: Any) -> Any:
        if len(asked) == 8 + 5 + 2:
            asked.append("stop")
            raise KeyboardInterrupt
        asked.append(question.prompt)
        return ask(model, processor, config, question, examples)

    monkeypatch.setattr(evaluation, "_ask", counted)
    study = micro(model)
    with pytest.raises(KeyboardInterrupt):
        run(study)
    before = {
        path: path.stat().st_mtime_ns
        for path in store.rglob("*")
        if path.is_file() and "counting-report" not in str(path)
    }
    assert len(stages(store, "counting-cell")) == 2
    assert len(stages(store, "counting-evaluation")) == 2
    done = run(study)
    assert len(asked) == 8 + 5 + 2 + 1 + 3, "the three questions that were left"
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert run(study).reused
    assert run(study).uri == done.uri
    more = micro(model, grid=[{"base": ["random"], "seed": [0, 1], "steps": 2}])
    assert not run(more).reused
    assert len(stages(store, "counting-cell")) == 4
    assert {path: path.stat().st_mtime_ns for path in before} == before, "a larger grid re-uses a smaller one's cells"


def test_the_same_cell_gives_the_same_weights(model: str, store: Path, run: Callable[[StudyConfig], StageRef]) -> None:
    study = micro(model, grid=[{"base": ["random"], "guidance": ["all_wrong"], "seed": [0], "steps": 2}])
    run(study)
    (first,) = stages(store, "counting-cell").values()
    weights, log = (Path(first.uri) / "model" / "model.safetensors").read_bytes(), read_log(first)
    Folder(first.uri).delete()
    torch.manual_seed(99)
    run(study)
    (second,) = stages(store, "counting-cell").values()
    assert second.digest == first.digest
    assert (Path(second.uri) / "model" / "model.safetensors").read_bytes() == weights
    assert read_log(second) == log
    assert weights != (Path(model) / "model.safetensors").read_bytes(), "it learned"


def test_a_model_that_is_not_there_is_said(store: Path, run: Callable[[StudyConfig], StageRef]) -> None:
    with pytest.raises(UsageError, match="no such model"):
        run(micro("./nowhere"))


@pytest.mark.full
def test_a_killed_command_goes_on(model: str, store: Path, tmp_path: Path) -> None:
    """The command in two processes, killed without warning after its first cell."""
    study = micro(model, processes=2, grid=[{"base": ["random"], "seed": [0, 1], "steps": 30}])
    file = tmp_path / "micro.toml"
    file.write_text(tomli_w.dumps(study.model_dump(mode="json", exclude_none=True)))
    command = [RECTO, "counting", "--run", str(file), "--out", str(tmp_path / "out")]
    env = {**os.environ, "RECTO_HOME": str(store)}
    with (tmp_path / "log").open("wb") as log:
        started = subprocess.Popen(command, env=env, stdout=log, stderr=subprocess.STDOUT, start_new_session=True)
        while not stages(store, "counting-cell") and started.poll() is None:
            time.sleep(0.1)
        os.killpg(started.pid, signal.SIGKILL)
        started.wait(30)
    kept = stages(store, "counting-cell")
    assert kept
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.strip().splitlines()[-1] == str(tmp_path / "out" / "report.html")
    assert len(stages(store, "counting-cell")) == 4
    assert all("re-used" in done.stderr for _ in kept)
