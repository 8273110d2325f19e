"""What the log of a run says of its health while it goes: warnings, each with its numbers."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

WINDOW = 16
"""Steps that a value is compared with."""

FEWEST = 8

LASTS = 3
"""Steps of which most have to leap: a single batch of hard pages is no instability."""

SEEN = WINDOW + LASTS + 1
"""Rows at the end of a log that its newest warnings are made of."""

CLIPPED_STEPS, MOST_CLIPPED = 5, 0.5
FLAT_STEPS, MOST_FLAT = 10, 0.8


class Kind(StrEnum):
    """What a log can warn of. The list is closed."""

    LOSS_SPIKE = "loss_spike"
    GRADIENT_SPIKE = "gradient_spike"
    CLIPPED = "clipped"
    NO_SPREAD = "no_spread"


@dataclass(frozen=True, slots=True)
class Warned:
    kind: Kind
    step: int
    says: str


def warnings_of(log: Sequence[Mapping[str, Any]]) -> list[Warned]:
    """All warnings of a log, by step: those that were told while it grew row by row."""
    ends = range(1, len(log) + 1)
    return [warned for end in ends for warned in newest_warnings(log[max(0, end - SEEN) : end])]


def newest_warnings(log: Sequence[Mapping[str, Any]]) -> list[Warned]:
    """What the last row of a log warns of."""
    found = []
    # GRPO's loss is near 0 by construction and has either sign: there the gradient tells
    spikes = (("grad_norm", Kind.GRADIENT_SPIKE), *(() if "reward" in log[-1] else (("loss", Kind.LOSS_SPIKE),)))
    for name, kind in spikes:
        values = [row[name] for row in log[-SEEN:] if name in row]
        # told once, when it has come
        if name in log[-1] and (leap := _leap(values)) and not _leap(values[:-1]):
            says = f"{name} {leap[1]:.3g}, usually {leap[0]:.3g}; lower the learning rate if this comes again"
            found.append(Warned(kind, log[-1]["step"], says))
    for name, steps, most, kind, says in (
        (
            "completions/clipped_ratio",
            CLIPPED_STEPS,
            MOST_CLIPPED,
            Kind.CLIPPED,
            "of answers end at the limit; raise model.max_new_tokens",
        ),
        (
            "frac_reward_zero_std",
            FLAT_STEPS,
            MOST_FLAT,
            Kind.NO_SPREAD,
            "of groups have equal rewards, and teach nothing; raise grpo.temperature or grpo.generations",
        ),
    ):
        if log[-1]["step"] % steps == 0 and all(name in row for row in log[-steps:]):
            share = statistics.fmean(row[name] for row in log[-steps:])
            if share >= most:
                found.append(Warned(kind, log[-1]["step"], f"over the last {steps} steps {share:.0%} {says}"))
    return found


def _leap(values: Sequence[float]) -> tuple[float, float] | None:
    """What is usual, and what the last steps have come to where that leaps out of it."""
    before, last = values[:-LASTS][-WINDOW:], values[-LASTS:]
    usual = spike(before, now := statistics.median(last)) if before else None
    return None if usual is None else (usual, now)


def spike(before: Sequence[float], value: float) -> float | None:
    """The median of `before` where `value` leaps out of it, else None.

    It does where it lies more than 8 robust standard deviations (1.4826 times the median absolute deviation; Iglewicz
    and Hoaglin 1993) above the median, and is more than twice the median: so neither a trend nor a plateau without
    noise makes an ordinary value a spike. Fewer than 8 values say nothing.
    """
    finite = [v for v in before if math.isfinite(v)]
    if len(finite) < FEWEST:
        return None
    middle = statistics.median(finite)
    deviation = 1.4826 * statistics.median(abs(v - middle) for v in finite)
    return middle if value > middle + 8 * deviation and value > 2 * abs(middle) else None
