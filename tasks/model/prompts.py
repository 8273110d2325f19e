"""The one place that makes what a model is asked: training, rollouts and evaluation see the same bytes."""

from __future__ import annotations

from typing import Any

Messages = list[dict[str, Any]]


def messages(prompt: str) -> Messages:
    """One user turn: an image, then the prompt."""
    return [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": prompt}]}]


def prompt_text(processor: Any, prompt: str) -> str:
    """The chat template filled in, up to and including the start of the answer. One image placeholder."""
    text = processor.apply_chat_template(messages(prompt), tokenize=False, add_generation_prompt=True)
    return str(text)
