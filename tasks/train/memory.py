"""How much memory a step will take, before the first one.

An estimate that counts the large tensors only: on a CPU, with the embedded reader, 0.8 to 1.3 times what a forward
and backward pass then took. What sampling takes beside its cache is not in it: a model of two billion parameters took
gigabytes. On a GPU it was never compared.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from tasks.model.cpu import LONGEST
from tasks.records import StageError

log = logging.getLogger(__name__)

NEAR = 0.8
"""Share of the memory from which on a warning is told."""

SURE = 1.5
"""An estimate this many times the memory stops the run: it is not that far off."""

_ADVICE = {
    "weights": 'a smaller model.base, or model.load = "4bit"',
    "adapter and optimiser": "lora.r",
    "text activations": 'micro_batch, model.max_new_tokens, or set recompute = "on"',
    "vision activations": 'the size of the pages, micro_batch, or set recompute = "on"',
    "logits": "micro_batch, or model.max_new_tokens",
    "rollout cache": "grpo.generations, grpo.prompts, or model.max_new_tokens",
}


class MemoryTooSmallError(StageError):
    """A step would need far more memory than there is."""


@dataclass(frozen=True, slots=True)
class Step:
    """The sizes of a step: `answers` in a gradient's forward pass and the `images` looked at for them, `rollouts`
    sampled at once (0 in SFT), tokens of the longest prompt and answer, patches of the largest image."""

    answers: int
    images: int
    rollouts: int
    prompt: int
    completion: int
    patches: int
    recompute: bool
    plain_attention: bool
    bytes: int


def predict(model: Any, step: Step) -> dict[str, int]:
    """Bytes by what they are for.

    A layer keeps, per token, about 10 vectors of its width and 4 of its inner width, and where attention is computed
    plainly 3 rows of scores a head (after arXiv 2205.05198, section 4.1); with `recompute` only its input, and one
    layer at a time the rest and its gradients. Logits are float32, three times: themselves, their softmax, their
    gradient. While answers are sampled there are no activations, but the keys and values of all rollouts.
    """
    text = model.config.get_text_config()
    vision = getattr(model.config, "vision_config", None)
    length = step.prompt + step.completion
    heads = text.num_attention_heads
    width = getattr(text, "head_dim", None) or text.hidden_size // heads
    cache = 2 * text.num_hidden_layers * (getattr(text, "num_key_value_heads", None) or heads) * width
    scored = step.completion if step.rollouts else length
    parts = {
        "weights": sum(p.numel() * p.element_size() for p in model.parameters()),
        "adapter and optimiser": 12 * sum(p.numel() for p in model.parameters() if p.requires_grad),
        "text activations": step.answers
        * length
        * _layers(step, text.num_hidden_layers, text.hidden_size, text.intermediate_size, heads, length),
        "logits": 12 * step.answers * scored * text.vocab_size,
        "rollout cache": step.rollouts * length * cache * step.bytes,
        "vision activations": 0,
    }
    if vision is not None and hasattr(vision, "depth"):
        parts["vision activations"] = (
            step.images
            * step.patches
            * _layers(
                replace(step, plain_attention=step.plain_attention and step.patches <= LONGEST),
                vision.depth,
                vision.hidden_size,
                vision.intermediate_size,
                vision.num_heads,
                step.patches,
            )
        )
    return {name: int(value) for name, value in parts.items()}


def _layers(step: Step, depth: int, width: int, inner: int, heads: int, length: int) -> int:
    """Bytes that a token leaves in all layers of a tower."""
    whole = 10 * width + 4 * inner + (3 * heads * length if step.plain_attention else 0)
    return step.bytes * (depth * width + 2 * whole if step.recompute else depth * whole)


def at_once(parts: Mapping[str, int]) -> int:
    """Bytes at the highest: rollouts and gradients are not in memory together."""
    training = parts["text activations"] + parts["vision activations"] + parts["logits"]
    return parts["weights"] + parts["adapter and optimiser"] + max(training, parts["rollout cache"])


def available() -> int:
    """Bytes: of the GPU, or what this machine can still give together with what this process has."""
    import torch

    if torch.cuda.is_available():
        return int(torch.cuda.mem_get_info()[1])
    import psutil

    return int(psutil.virtual_memory().available + psutil.Process().memory_info().rss)


def check_memory(model: Any, step: Step, there: int) -> int:
    """The predicted bytes, told with advice where they are near what is `there`.

    Raises MemoryTooSmallError where they are far beyond it.
    """
    parts = predict(model, step)
    needed = at_once(parts)
    largest = max(parts, key=lambda name: parts[name])
    said = (
        f"a step is predicted to take {needed / 1e9:.2f} GB, {parts[largest] / 1e9:.2f} of them {largest}; there are"
        f" {there / 1e9:.2f} GB: lower {_ADVICE[largest]}"
    )
    if needed > SURE * there:
        raise MemoryTooSmallError(said)
    if needed > NEAR * there:
        log.warning("memory: %s", said)
    return needed
