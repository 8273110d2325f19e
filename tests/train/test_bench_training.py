from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from training_pages import grpo_run, sft_run

from infra import bench_training
from infra.bench_training import QWEN3_VL_2B, bench, random_2b
from tasks.model import tiny
from tasks.model.load import load_model, load_processor
from tasks.records import StageRef


@pytest.mark.parametrize(("config", "trainers"), [(sft_run, ["recto"]), (grpo_run, ["recto", "recto, CPU shortcuts"])])
def test_a_row_compares_a_trainer_with_bare_trl(
    home: Path, untrained: str, dataset: StageRef, config: Callable[..., Any], trainers: list[str]
) -> None:
    rows = [row.strip("| ").split(" | ") for row in bench(config(untrained, steps=4), dataset, 2)]
    assert [row[1] for row in rows] == trainers
    for _, _, updates, rounds, *seconds, more, tokens, peak in rows:
        assert (updates, rounds) == ("4", "2")
        assert min(float(x.replace(",", "")) for x in (*seconds, tokens, peak)) > 0
        middle, low, high = (float(x) for x in re.findall(r"[-+.\d]+", more))
        assert low <= middle <= high


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
