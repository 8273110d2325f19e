"""Answers to a table: for each prompt and domain what was measured, with its interval and n."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Answer = Mapping[str, Any]
Floats = npt.NDArray[np.float64]
LEVEL = 0.95
CHUNK = 2_000_000  # drawn weights held at a time

MEASURES = ("accuracy", "format_rate", "accuracy_given_number", "mean_reward", "clipped_rate")


def measure(answers: Sequence[Answer], resamples: int, seed: int) -> dict[str, dict[str, float | int | None]]:
    """Each measure of the answers as value, low, high and n. One answer is of one image.

    - accuracy: answers that give the right count
    - format_rate: answers that give a count at all, in digits or words (`extract_count`)
    - accuracy_given_number: the right ones among these; None where there are none
    - mean_reward: mean of `count_reward`, in [-1, 1]
    - clipped_rate: answers cut off at the longest length

    low and high are a 95 % percentile bootstrap interval over images. One seed draws the same images for every
    prompt. Where all images agree the interval is a point: it then says nothing of the uncertainty.
    Raises ValueError where there are no answers.
    """
    if not answers:
        raise ValueError("no answers to measure")
    right = np.array([a["count"] == a["truth"] for a in answers], float)
    has = np.array([a["count"] is not None for a in answers], float)
    reward = np.array([a["reward"] for a in answers], float)
    clipped = np.array([a["clipped"] for a in answers], float)
    every = np.ones(len(answers))
    over = np.stack([right, has, right, reward, clipped], 1)
    under = np.stack([every, every, has, every, every], 1)
    low, high = _interval(over, under, resamples, seed)
    n, total = under.sum(0), over.sum(0)
    return {
        name: {
            "value": _rounded(total[i] / n[i]) if n[i] else None,
            "low": _rounded(low[i]) if n[i] else None,
            "high": _rounded(high[i]) if n[i] else None,
            "n": int(n[i]),
        }
        for i, name in enumerate(MEASURES)
    }


def _interval(over: Floats, under: Floats, resamples: int, seed: int) -> tuple[Floats, Floats]:
    """Percentile bootstrap of ratios of sums: (images, measures) twice -> (measures,) low and high.

    A resample in which a ratio's denominator is zero says nothing about it and is left out.
    """
    rng = np.random.default_rng(seed)
    n = len(over)
    rows = max(1, CHUNK // n)
    parts: list[Floats] = []
    for first in range(0, resamples, rows):
        drawn = rng.multinomial(n, np.full(n, 1 / n), size=min(rows, resamples - first)).astype(float)
        below = drawn @ under
        parts.append(np.divide(drawn @ over, below, out=np.full_like(below, np.nan), where=below > 0))
    ratios = np.concatenate(parts)
    tail = (1 - LEVEL) / 2
    low, high = (np.array([_quantile(column, q) for column in ratios.T]) for q in (tail, 1 - tail))
    return low, high


def _quantile(values: Floats, q: float) -> float:
    known = values[~np.isnan(values)]
    return float(np.quantile(known, q)) if len(known) else float("nan")


def _rounded(value: float) -> float:
    return round(float(value), 6)


def as_text(rows: Sequence[Mapping[str, Any]]) -> str:
    """The rows of a table as lines of text, a row a prompt and domain."""
    lines = [f"{'prompt':8}{'domain':9}{'n':>5}  " + "".join(f"{name:29}" for name in MEASURES)]
    for row in rows:
        cells = "".join(f"{_cell(row[name]):29}" for name in MEASURES)
        lines.append(f"{row['prompt']:8}{row['domain']:9}{row['accuracy']['n']:5d}  {cells}")
    return "\n".join(line.rstrip() for line in lines)


def _cell(measured: Mapping[str, Any]) -> str:
    if measured["value"] is None:
        return "- (n=0)"
    return f"{measured['value']:.3f} [{measured['low']:.3f}, {measured['high']:.3f}] n={measured['n']}"
