from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from model_inputs import draw, inputs_of

from tasks.model.load import TEXT_LAYERS, TINY, VISION_LAYERS, load_model, load_processor, resolve
from tasks.records import UsageError


def test_names() -> None:
    assert resolve("Qwen/Qwen3-VL-2B-Instruct") == "Qwen/Qwen3-VL-2B-Instruct"
    if TINY.joinpath("config.json").exists():
        assert resolve("tiny") == str(TINY)


@pytest.mark.parametrize("base", ["/no/such/folder", "./nowhere", "~/nowhere-at-all", "a/b/c", ""])
def test_a_missing_folder_is_a_usage_error(base: str) -> None:
    with pytest.raises(UsageError, match="no such model folder"):
        resolve(base)


def test_a_folder_without_a_model_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no config\.json"):
        resolve(str(tmp_path))


@pytest.mark.parametrize("config", [{}, {"model_type": "bert"}, {"model_type": "unheard-of"}])
def test_a_folder_with_another_model_is_a_usage_error(tmp_path: Path, config: dict[str, str]) -> None:
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(UsageError, match="not a loadable model"):
        load_model(str(tmp_path))
    with pytest.raises(UsageError):
        load_processor(str(tmp_path))


def test_a_hub_name_without_network_is_a_usage_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    for load in (load_model, load_processor):
        with pytest.raises(UsageError, match="cannot be fetched from the Hub") as e:
            load("recto-nobody/nothing-here")
        assert "\n" not in str(e.value)


def test_dtype_and_mode(base: str) -> None:
    assert load_model(base).dtype == torch.float32
    model = load_model(base, "bfloat16", trainable=True)
    assert model.dtype == torch.bfloat16
    assert model.training


def test_an_adapter_is_loaded(tmp_path: Path, base: str) -> None:
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(r=2, target_modules=f"({TEXT_LAYERS})|({VISION_LAYERS})", init_lora_weights=False)
    get_peft_model(load_model(base), config).save_pretrained(tmp_path)
    adapted: Any = load_model(base, adapter=tmp_path)
    trainable: Any = load_model(base, adapter=tmp_path, trainable=True)
    assert not any(p.requires_grad for p in adapted.parameters())
    assert sum(p.requires_grad for p in trainable.parameters()) == 2 * (28 + 4 * 4 + 3 * 2)
    inputs = inputs_of(load_processor(base), [draw("x")])
    with torch.inference_mode():
        assert (adapted(**inputs).logits - load_model(base)(**inputs).logits).abs().max() > 1e-2


def test_a_folder_that_is_no_adapter_is_a_usage_error(tmp_path: Path, base: str) -> None:
    with pytest.raises(UsageError, match="not an adapter"):
        load_model(base, adapter=tmp_path)
