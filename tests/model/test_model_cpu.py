from __future__ import annotations

from typing import Any

import pytest
import torch
from model_inputs import draw, inputs_of

from tasks.model.cpu import restore, speed_up

SIZES = {"equal": [(256, 96)] * 3, "unequal": [(256, 96), (256, 64), (128, 32)], "one": [(224, 64)]}


def logits_and_gradient(model: Any, inputs: Any) -> tuple[torch.Tensor, torch.Tensor]:
    model.zero_grad()
    logits = model(**inputs).logits
    logits[inputs["attention_mask"].bool()].pow(2).mean().backward()
    return logits.detach(), model.model.visual.patch_embed.proj.weight.grad.clone()


@pytest.mark.parametrize("sizes", SIZES.values(), ids=SIZES)
@pytest.mark.parametrize("longest", [1024, 100])
def test_fast_equals_stock(
    model: Any, processor: Any, monkeypatch: pytest.MonkeyPatch, longest: int, sizes: list[tuple[int, int]]
) -> None:
    """Where some images, or all, are long too."""
    monkeypatch.setattr("tasks.model.cpu.LONGEST", longest)
    inputs = inputs_of(processor, [draw(f"page {i}", *size) for i, size in enumerate(sizes)])
    stock, stock_gradient = logits_and_gradient(model, inputs)
    fast, fast_gradient = logits_and_gradient(speed_up(model), inputs)
    shown = inputs["attention_mask"].bool()
    assert (stock - fast)[shown].abs().max() < 1e-4
    torch.testing.assert_close(fast_gradient, stock_gradient, rtol=1e-3, atol=1e-6)


def test_restore_takes_every_patch_back(model: Any) -> None:
    before = {name: module.forward.__func__ for name, module in model.named_modules()}
    speed_up(model)
    changed = [name for name, module in model.named_modules() if module.forward.__func__ is not before[name]]
    assert len(changed) > 20
    restore(model)
    assert {name: module.forward.__func__ for name, module in model.named_modules()} == before


def test_an_adapter_is_seen_by_the_fast_way(model: Any, processor: Any) -> None:
    from peft import LoraConfig, get_peft_model

    from tasks.model.load import TEXT_LAYERS, VISION_LAYERS

    inputs = inputs_of(processor, [draw("a"), draw("b")])
    config = LoraConfig(r=4, target_modules=f"({TEXT_LAYERS})|({VISION_LAYERS})", init_lora_weights=False)
    adapted = get_peft_model(model, config).eval()
    with torch.inference_mode():
        stock = adapted(**inputs).logits
        speed_up(adapted)
        fast = adapted(**inputs).logits
        with adapted.disable_adapter():
            plain = adapted(**inputs).logits
    assert (fast - stock).abs().max() < 1e-4
    assert (fast - plain).abs().max() > 1e-2
