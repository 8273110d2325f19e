"""GRPO from scratch (arXiv 2402.03300, section 4.1; article 004): one file to learn it from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from tasks.counting.grpo_config import CountingGrpoConfig

if TYPE_CHECKING:
    from tasks.counting.data import Example
    from tasks.counting.prompts import Prompt

Row = dict[str, float]


def train(
    model: Any,
    processor: Any,
    examples: Sequence[Example],
    prompt: Prompt,
    config: CountingGrpoConfig,
    on_step: Callable[[Row], None] | None = None,
) -> list[Row]:
    """Teach `model` in place; all parameters that require a gradient are trained. Returns the log, a row a step.

    A row holds: step (from 1); of the policy's own answers, before any guidance, policy/reward, policy/right,
    policy/digit (share that give a count), policy/signal, length (tokens), entropy (nats a token); guidance/injected,
    guidance/signal, guidance/all_right, guidance/all_wrong (`guidance.summary`); and means over the epochs: loss,
    grad_norm (before clipping), clip (share of tokens whose ratio is clipped). Where no group has a signal no
    optimizer step is made, and loss, grad_norm and clip are 0.

    The same model, examples and configuration give the same log and weights, on one kind of CPU and number of
    threads. Raises StageError for a guided answer that is longer than `max_new_tokens`.
    """
    raise NotImplementedError
