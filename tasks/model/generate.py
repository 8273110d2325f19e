"""Answers of a vision-language model to page images, in batches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from PIL import Image

from tasks.model.prompts import prompt_text


class Answer(NamedTuple):
    """`clipped`: the model had not ended its answer after `max_new_tokens`."""

    text: str
    clipped: bool


def generate(
    model: Any,
    processor: Any,
    images: Sequence[Image.Image],
    prompt: str,
    max_new_tokens: int,
    batch: int = 32,
    temperature: float = 0.0,
    seed: int = 0,
    on_batch: Callable[[int], None] | None = None,
) -> list[Answer]:
    """One answer an image, in order. Greedy at temperature 0, else sampled from the whole distribution.

    Images may differ in size: prompts are padded on the left. `on_batch` is told how many images are done.
    The model's mode is left as it was found.
    """
    import torch

    text = prompt_text(processor, prompt)
    tokenizer = processor.tokenizer
    settings = model.generation_config
    ends = torch.tensor(settings.eos_token_id, device=model.device).flatten()
    choice: dict[str, Any] = {"do_sample": False, "temperature": None, "top_k": None, "top_p": None}
    if temperature > 0:
        choice = {"do_sample": True, "temperature": temperature, "top_k": 0, "top_p": 1.0}
    training = model.training
    model.eval()
    answers: list[Answer] = []
    try:
        for first in range(0, len(images), batch):
            part = [image.convert("RGB") for image in images[first : first + batch]]
            inputs = processor(
                images=[[image] for image in part],
                text=[text] * len(part),
                padding=True,
                padding_side="left",
                return_tensors="pt",
            ).to(model.device, model.dtype)
            with torch.random.fork_rng(enabled=temperature > 0), torch.inference_mode():
                if temperature > 0:
                    torch.manual_seed(seed + first)
                ids = model.generate(**inputs, max_new_tokens=max_new_tokens, repetition_penalty=1.0, **choice)
            ids = ids[:, inputs["input_ids"].shape[1] :]
            ended = torch.isin(ids, ends).any(1).tolist()
            texts = tokenizer.batch_decode(ids, skip_special_tokens=True)
            answers += [Answer(t.strip(), not e) for t, e in zip(texts, ended, strict=True)]
            if on_batch:
                on_batch(len(answers))
    finally:
        model.train(training)
    return answers
