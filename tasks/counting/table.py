"""Answers to a table: for each prompt and domain what was measured, with its interval and n."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tasks.statistics import CONFIDENCE, ratio_interval

Answer = Mapping[str, Any]
LEVEL = CONFIDENCE

MEASURES = ("accuracy", "format_rate", "accuracy_given_number", "mean_reward", "clipped_rate")


def measure(answers: Sequence[Answer], resamples: int, seed: int) -> dict[str, dict[str, float | int | None]]:
    """Each measure of the answers as value, low, high and n. One answer is of one image.

    - accuracy: answers that give the right count
    - format_rate: answers that give a count at all, in digits or words (`extract_count`)
    - accuracy_given_number: the right ones among these; None where there are none
    - mean_reward: mean of `count_reward`, in [-1, 1]
    - clipped_rate: answers cut off at the longest length

    low and high are a 95 % percentile bootstrap interval over images, each a family of its own (`ratio_interval`);
    None for a single image. One seed draws the same images for every prompt and measure. Where all images agree the
    interval is a point: it then says nothing of the uncertainty.
    Raises ValueError where there are no answers.
    """
    if not answers:
        raise ValueError("no answers to measure")
    right = [a["count"] == a["truth"] for a in answers]
    has = [a["count"] is not None for a in answers]
    every = [True] * len(answers)
    ratios: dict[str, tuple[Sequence[float], Sequence[float]]] = {
        "accuracy": (right, every),
        "format_rate": (has, every),
        "accuracy_given_number": (right, has),
        "mean_reward": ([a["reward"] for a in answers], every),
        "clipped_rate": ([a["clipped"] for a in answers], every),
    }
    images = [str(i) for i in range(len(answers))]
    found = {
        name: ratio_interval(_row(over), _row(under), images, resamples, str(seed))
        for name, (over, under) in ratios.items()
    }
    return {
        name: {"value": _rounded(e.mean), "low": _rounded(e.low), "high": _rounded(e.high), "n": e.n}
        for name, e in found.items()
    }


def _row(values: Sequence[float]) -> npt.NDArray[np.float64]:
    return np.array([values], float)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6)


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
    if measured["low"] is None:
        return f"{measured['value']:.3f} (n={measured['n']})"
    return f"{measured['value']:.3f} [{measured['low']:.3f}, {measured['high']:.3f}] n={measured['n']}"
