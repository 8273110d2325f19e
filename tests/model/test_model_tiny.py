from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from model_inputs import draw, inputs_of

from tasks.model import tiny
from tasks.model.load import load_model, load_processor
from tasks.model.prompts import prompt_text


def test_is_qwen3_vl_of_three_and_a_half_million(model: Any) -> None:
    assert type(model).__name__ == "Qwen3VLForConditionalGeneration"
    assert 3.4e6 < sum(p.numel() for p in model.parameters()) < 3.6e6


def test_every_text_survives_the_tokenizer(processor: Any) -> None:
    tokenizer = processor.tokenizer
    for text in (
        "# Title\n\n- a\n- b",
        "  indented\n\ttab  two",
        "naïve — “quoted” ✓ 日本語 😀",
        "Convert to Markdown.",
        "",
    ):
        ids = tokenizer(text, add_special_tokens=False)["input_ids"]
        assert tokenizer.decode(ids) == text


def test_a_byte_is_a_token_and_the_prompt_is_one(processor: Any) -> None:
    encode = processor.tokenizer
    assert len(encode("naïve", add_special_tokens=False)["input_ids"]) == 6
    assert len(encode("Convert to Markdown.", add_special_tokens=False)["input_ids"]) == 1
    assert len(encode("<|im_start|>assistant\n", add_special_tokens=False)["input_ids"]) == 1


def test_the_prompt_is_the_one_of_qwen3_vl(processor: Any) -> None:
    assert prompt_text(processor, "Read.") == (
        "<|im_start|>user\n<|vision_start|><|image_pad|><|vision_end|>Read.<|im_end|>\n<|im_start|>assistant\n"
    )


def test_a_prompt_continues_into_its_answer(processor: Any) -> None:
    """What a trainer tokenises as prompt and answer begins with the tokens of the prompt alone."""
    from tasks.model.prompts import messages

    asked = prompt_text(processor, "Convert to Markdown.")
    chat = [*messages("Convert to Markdown."), {"role": "assistant", "content": "# A\n\nb"}]
    whole = processor.apply_chat_template(chat, tokenize=False)
    assert whole == asked + "# A\n\nb<|im_end|>\n"
    ids = processor.tokenizer(asked)["input_ids"]
    assert processor.tokenizer(whole)["input_ids"][: len(ids)] == ids


def test_a_page_is_not_resized(processor: Any) -> None:
    inputs = inputs_of(processor, [draw("x", 256, 96)])
    assert inputs["image_grid_thw"].tolist() == [[1, 12, 32]]
    assert int((inputs["input_ids"] == processor.image_token_id).sum()) == 6 * 16


def test_auto_classes_load_what_is_saved(base: str) -> None:
    model, processor = load_model(base), load_processor(base)
    assert type(processor).__name__ == "Qwen3VLProcessor"
    assert type(model).__name__ == "Qwen3VLForConditionalGeneration"
    with torch.inference_mode():
        logits = model(**inputs_of(processor, [draw("hello")])).logits
    assert torch.isfinite(logits).all()


def test_saved_weights_are_the_model_rounded(tmp_path: Path, model: Any, processor: Any) -> None:
    tiny.save(model, processor, tmp_path)
    assert (tmp_path / "model.safetensors").stat().st_size < 7.5e6
    loaded = load_model(str(tmp_path))
    assert loaded.dtype == torch.float32
    for (name, a), (_, b) in zip(model.state_dict().items(), loaded.state_dict().items(), strict=True):
        assert torch.equal(a.bfloat16().float(), b), name
    assert model.dtype == torch.float32
