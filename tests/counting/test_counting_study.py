"""The control: measures, stage, flow."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from prefect.settings import PREFECT_LOCAL_STORAGE_PATH, temporary_settings
from prefect.testing.utilities import prefect_test_harness
from pydantic import ValidationError

from flows import counting as flow
from tasks.counting import study
from tasks.counting.config import CountingConfig
from tasks.counting.prompts import PROMPTS
from tasks.counting.scenes import draw_scene
from tasks.counting.study import counting_stage, read_rows
from tasks.counting.table import MEASURES, as_text, measure
from tasks.model.generate import Answer
from tasks.records import UsageError
from tasks.store import Folder


def answers(right: int, wrong: int, none: int, clipped: bool = False) -> list[dict[str, Any]]:
    kinds = [(5, 1.0)] * right + [(4, 0.0)] * wrong + [(None, -1.0)] * none
    return [{"truth": 5, "count": count, "reward": reward, "clipped": clipped} for count, reward in kinds]


def small(base: str, **changes: Any) -> CountingConfig:
    settings = {"images": 3, "size": 64, "batch": 2, "max_new_tokens": 4, "resamples": 200}
    return CountingConfig(base=base, **{**settings, **changes})


def test_measures() -> None:
    got = measure(answers(60, 20, 120, clipped=True), 10_000, 0)
    assert {name: (m["value"], m["n"]) for name, m in got.items()} == {
        "accuracy": (0.3, 200),
        "format_rate": (0.4, 200),
        "accuracy_given_number": (0.75, 80),
        "mean_reward": (-0.3, 200),
        "clipped_rate": (1.0, 200),
    }
    for name, share, n in (("accuracy", 0.3, 200), ("format_rate", 0.4, 200), ("accuracy_given_number", 0.75, 80)):
        half = 1.96 * np.sqrt(share * (1 - share) / n)
        assert got[name]["low"] == pytest.approx(share - half, abs=0.012)
        assert got[name]["high"] == pytest.approx(share + half, abs=0.012)
    assert got["clipped_rate"]["low"] == got["clipped_rate"]["high"] == 1.0
    assert got == measure(answers(60, 20, 120, clipped=True), 10_000, 0)
    assert got != measure(answers(60, 20, 120, clipped=True), 10_000, 1)


def test_measures_of_few_answers() -> None:
    silent = measure(answers(0, 0, 4), 200, 0)
    assert silent["accuracy_given_number"] == {"value": None, "low": None, "high": None, "n": 0}
    assert silent["mean_reward"]["value"] == -1
    # a resample without the one number is left out
    assert measure(answers(1, 0, 3), 200, 0)["accuracy_given_number"] == {"value": 1, "low": 1, "high": 1, "n": 1}
    assert measure(answers(1, 0, 0), 200, 0)["accuracy"]["n"] == 1
    with pytest.raises(ValueError, match="no answers"):
        measure([], 200, 0)


@pytest.mark.parametrize(
    "wrong",
    [
        {"images": 0},
        {"prompts": ()},
        {"prompts": ("plain", "plain")},
        {"prompts": ("other",)},
        {"domains": ("elsewhere",)},
        {"counts": (5, 3)},
        {"size": 40},
        {"unknown": 1},
    ],
)
def test_configuration_is_checked(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        CountingConfig(**wrong)


def test_untrained_model_under_every_prompt(base: str, store: Path) -> None:
    config = small(base)
    ref = counting_stage(config)
    folder = Folder(ref.uri)
    rows = folder.read_table("answers.parquet").to_pylist()
    assert ref.counts["answers"] == len(rows) == 18
    for row in rows:
        truth = draw_scene(config.seed, row["index"], row["domain"], config.size, config.counts).count
        assert row["truth"] == truth
        verdict = PROMPTS[row["prompt"]].judge(row["text"], truth)
        assert (row["count"], row["reward"]) == (verdict.count, verdict.reward)
    table = read_rows(folder)
    assert [(r["prompt"], r["domain"]) for r in table] == [
        (prompt, domain) for prompt in config.prompts for domain in config.domains
    ]
    assert all(set(MEASURES) < set(row) and row["accuracy"]["n"] == 3 for row in table)
    assert len(as_text(table).splitlines()) == 7
    assert counting_stage(config).reused


def test_a_stopped_run_goes_on_with_the_next_prompt(base: str, store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def generate(model: Any, processor: Any, images: Any, prompt: str, *_: Any) -> list[Answer]:
        if len(asked) == 5:
            asked.append("stop")
            raise KeyboardInterrupt
        asked.append(prompt)
        return [Answer(str(len(asked)), False) for _ in images]

    monkeypatch.setattr(study, "generate", generate)
    monkeypatch.setattr(study, "load_model", lambda *_: None)
    monkeypatch.setattr(study, "load_processor", lambda *_: None)
    config = small(base, domains=("in",))
    with pytest.raises(KeyboardInterrupt):
        counting_stage(config)
    folder = counting_stage.folder(counting_stage.digest(config))
    assert not folder.exists("manifest.json")
    kept = {name: folder.read(name) for name in folder.names("parts/*")}
    assert len(kept) == 2
    ref = counting_stage(config)
    # two batches a prompt: two prompts before the stop, then the third from its start
    assert len(asked) == 5 + 1 + 2
    assert all(folder.read(name) == data for name, data in kept.items())
    assert ref.counts["answers"] == 9


def test_the_model_decides_the_digest(base: str, store: Path, tmp_path: Path) -> None:
    copy = tmp_path / "model"
    shutil.copytree(base, copy)
    before = counting_stage.environment(small(str(copy)))
    assert before == counting_stage.environment(small(base))
    weights = copy / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x01")
    assert counting_stage.environment(small(str(copy))) != before
    with pytest.raises(UsageError, match="no such model"):
        counting_stage(small("./nowhere"))


def test_flow_logs_the_table(
    base: str, store: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(flow, "counting", counting_stage)
    monkeypatch.setattr(flow, "get_run_logger", lambda: logging.getLogger("test"))
    caplog.set_level(logging.INFO, "test")
    ref = flow.counting_study.fn(small(base, prompts=("direct",), domains=("in",)))
    assert as_text(read_rows(Folder(ref.uri))) in caplog.text


@pytest.mark.full
def test_flow(base: str, store: Path, tmp_path: Path) -> None:
    assert flow.counting_study.name == "counting-study"
    results = {PREFECT_LOCAL_STORAGE_PATH: tmp_path / "results"}
    with temporary_settings(results), prefect_test_harness(server_startup_timeout=120):
        ref = flow.counting_study(small(base, prompts=("direct",)))
        again = flow.counting_study(small(base, prompts=("direct",)))
    assert not ref.reused
    assert again.reused
    assert again.uri == ref.uri
