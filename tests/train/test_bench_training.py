from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from training_pages import grpo_run, sft_run

from infra import bench_training
from infra.bench_training import QWEN3_VL_2B, WARM, Timed, bench, random_2b, table
from tasks.model import tiny
from tasks.model.load import load_model, load_processor
from tasks.records import StageRef


@pytest.mark.parametrize(
    ("config", "more"), [(sft_run, []), (grpo_run, [] if torch.cuda.is_available() else ["recto, CPU shortcuts"])]
)
def test_the_trainers_do_the_same_work(
    home: Path, untrained: str, dataset: StageRef, config: Callable[..., Any], more: list[str]
) -> None:
    runs = bench(config(untrained, steps=5), dataset, 1)
    assert list(runs) == ["bare", "recto", *more]
    assert {len(run.seconds) for (run,) in runs.values()} == {5 - WARM - 1}
    assert len({run.tokens for (run,) in runs.values()}) == 1
    assert runs["recto"][0].tokens > 0


def test_what_a_row_says() -> None:
    bare = [Timed([1.0, 1.0, 9.0], 330, 10**9, 2 * 10**9), Timed([2.0, 2.0, 2.0], 330, 3 * 10**9, 2 * 10**9)]
    slower = [run._replace(seconds=[1.1 * s for s in run.seconds]) for run in bare]
    assert table("sft", {"bare": bare, "recto": slower}) == [
        "| sft | bare | 1.414 |  | 39 | 3.0 |  |",
        "| sft | recto | 1.556 | +10.0 [+10.0, +10.0] | 35 | 3.0 | 2.0 |",
    ]


def test_what_follows_an_update_is_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    from infra.bench.ticks import Ticks

    ticks, clock = Ticks(2), iter([0.0, 50.0, 60.0, 61.0, 64.0])
    monkeypatch.setattr("time.perf_counter", lambda: next(clock))
    for _ in range(5):
        ticks.on_step_begin(None, None, None)
    assert ticks.seconds == [1.0, 3.0]


def test_the_2b_has_the_parameters_of_qwens() -> None:
    with torch.device("meta"):
        model = tiny.build_model(tiny.build_tokenizer(), shape=QWEN3_VL_2B)
    assert sum(p.numel() for p in model.parameters()) == 2_127_532_032
    assert model.lm_head.weight is model.get_input_embeddings().weight


def test_a_random_model_is_saved_tied_and_sees_a_whole_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    thin = {
        "vision_width": 32,
        "vision_inner": 32,
        "vision_heads": 2,
        "width": 32,
        "inner": 32,
        "heads": 2,
        "groups": 1,
    }
    small = {name: getattr(QWEN3_VL_2B, name) for name in ("patch", "positions", "context", "rotary_base")}
    monkeypatch.setattr(bench_training, "QWEN3_VL_2B", tiny.Shape(**thin, **small, rotary=(2, 3, 3), vocabulary=1000))
    base = random_2b(tmp_path / "2b", ["# Title\n\nsome text of a label"] * 3)
    assert "lm_head.weight" not in safe_open(f"{base}/model.safetensors", "pt").keys()  # noqa: SIM118
    config = json.loads(Path(base, "config.json").read_text())
    assert (config["text_config"]["vocab_size"], config["text_config"]["max_position_embeddings"]) == (1000, 262_144)
    model, processor = load_model(base), load_processor(base)
    from PIL import Image

    inputs = processor(images=[[Image.new("RGB", (1240, 1754), "white")]], text=["<|image_pad|>"], return_tensors="pt")
    assert inputs["image_grid_thw"].tolist() == [[1, 110, 78]]
    assert model.get_output_embeddings().weight is model.get_input_embeddings().weight
