"""Supervised steps that teach a tiny model to answer about scenes. What a step sees depends on (seed, step) only."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from tasks.counting.answers import Habits, answer
from tasks.counting.data import Example
from tasks.counting.prompts import PROMPTS, PromptName
from tasks.counting.scenes import Domain
from tasks.model.prompts import prompt_text
from tasks.train.bootstrap_data import patches

DIGIT_WEIGHT = 6.0
"""Of a digit in the loss. Not where an answer begins with it: that would change how often it does."""
WARMUP = 100
IGNORED = -100


@dataclass(frozen=True, slots=True)
class Lesson:
    """So many steps, on the prompts in turn."""

    prompts: tuple[PromptName, ...]
    steps: int


def teach(
    model: Any,
    processor: Any,
    lessons: Sequence[Lesson],
    habits: Habits,
    examples: Mapping[Domain, Sequence[Example]],
    counts: tuple[int, int],
    batch: int,
    learning_rate: float,
    seed: int,
) -> float:
    """Train all of `model`, in place, on one thread; return the mean loss of the last steps, in nats a token.

    The learning rate warms up, then falls as a cosine to 5 % over all lessons.
    """
    images = {domain: np.stack([np.asarray(e.image) for e in found]) for domain, found in examples.items()}
    optimiser = torch.optim.AdamW(
        model.parameters(), lr=learning_rate, betas=(0.9, 0.98), weight_decay=0.01, fused=True
    )
    turns = [lesson.prompts[step % len(lesson.prompts)] for lesson in lessons for step in range(lesson.steps)]
    recent: list[float] = []
    model.train()
    with _one_thread():
        for step, prompt in enumerate(turns):
            rng = random.Random(f"{seed} {step}")
            drawn = [(domain, rng.randrange(len(images[domain]))) for domain in rng.choices(list(images), k=batch)]
            wanted = [answer(rng, prompt, domain, examples[domain][i], habits, counts) for domain, i in drawn]
            pixels = np.stack([images[domain][i] for domain, i in drawn])
            fall = max(0.05, 0.5 * (1 + math.cos(math.pi * step / len(turns))))
            optimiser.param_groups[0]["lr"] = learning_rate * fall * min(1.0, (step + 1) / WARMUP)
            loss = _loss(model, processor, prompt, pixels, wanted)
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
            optimiser.zero_grad()
            recent = [*recent[-59:], float(loss.detach())]
    model.eval()
    return round(sum(recent) / max(1, len(recent)), 4)


def _loss(
    model: Any, processor: Any, prompt: PromptName, pixels: np.ndarray[Any, Any], wanted: Sequence[str]
) -> Tensor:
    """Cross-entropy of the answers' tokens, digits weighted."""
    tokenizer, vision = processor.tokenizer, model.config.vision_config
    patch, merge = vision.patch_size, vision.spatial_merge_size
    height, width = pixels.shape[1] // patch, pixels.shape[2] // patch
    text = prompt_text(processor, PROMPTS[prompt].text)
    asked = tokenizer(text.replace(processor.image_token, processor.image_token * (height * width // merge**2)))[
        "input_ids"
    ]
    rows = [tokenizer(t)["input_ids"] + [tokenizer.eos_token_id] for t in wanted]
    longest = max(map(len, rows))
    ids = torch.tensor([asked + row + [tokenizer.pad_token_id] * (longest - len(row)) for row in rows])
    labels = torch.tensor([row + [IGNORED] * (longest - len(row)) for row in rows])
    logits = model(
        input_ids=ids,
        pixel_values=patches(pixels, patch),
        image_grid_thw=torch.tensor([[1, height, width]] * len(rows)),
        mm_token_type_ids=(ids == processor.image_token_id).int(),
        use_cache=False,
        logits_to_keep=longest + 1,
    ).logits[:, :-1]
    digits = torch.tensor(tokenizer.convert_tokens_to_ids(list("0123456789")))
    weights = (labels != IGNORED).float() + (DIGIT_WEIGHT - 1) * torch.isin(labels, digits)
    weights[:, 0] = 1.0
    losses = cross_entropy(logits.flatten(0, 1), labels.flatten(), ignore_index=IGNORED, reduction="none")
    return (losses * weights.flatten()).sum() / weights.sum()


@contextmanager
def _one_thread() -> Iterator[None]:
    """The sums of several threads are added in an order of their own."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
