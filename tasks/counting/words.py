"""Figures of a counting study in words, for its report and the terminal. Nothing here presumes a sign."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tasks.counting.config import ALL_WRONG, NONE, Arm
from tasks.counting.results import Results
from tasks.intervals import Interval

_GUIDANCE = {NONE: "no injection", ALL_WRONG: "injection"}


def guidance_name(guidance: str) -> str:
    return _GUIDANCE.get(guidance, guidance)


def arm_name(results: Results, arm: Arm, guidance: bool = False) -> str:
    """Base, and what else tells an arm from the others of its base and prompt."""
    alike = [a for a in results.arms if (a.base, a.prompt) == (arm.base, arm.prompt)]
    name = arm.base
    if len({a.learning_rate for a in alike}) > 1:
        name += f" at lr {arm.learning_rate:g}".replace("e-0", "e-")
    if len({a.steps for a in alike if a.learning_rate == arm.learning_rate}) > 1:
        name += f" for {arm.steps} steps"
    return f"{name}, {guidance_name(arm.guidance)}" if guidance else name


def percent(found: Interval) -> str:
    """94.2 % [90.1, 98.3]"""
    if found.value is None:
        return "–"
    return f"{100 * found.value:.1f} %{_ends(found, lambda x: f'{100 * x:.1f}')}"


def points(found: Interval) -> str:
    """+12.3 points [+2.1, +22.5]"""
    if found.value is None:
        return "–"
    return f"{_signed(100 * found.value)} points{_ends(found, lambda x: _signed(100 * x))}"


def times(found: Interval) -> str:
    """2.4 x [1.9, 3.0]; at least 2.4 x [1.9, –] where some runs never got there."""
    if found.value is None:
        return "–"
    least = "at least " if found.bound else ""
    return f"{least}{found.value:.2f} x{_ends(found, lambda x: f'{x:.2f}')}"


def steps(reached: Sequence[int | None]) -> str:
    """136, 152, not reached"""
    return ", ".join("not reached" if step is None else str(step) for step in reached)


def _ends(found: Interval, write: Callable[[float], str]) -> str:
    if found.low is None:
        return ""
    return f" [{write(found.low)}, {'–' if found.high is None else write(found.high)}]"


def _signed(value: float) -> str:
    text = f"{value:+.1f}".replace("-", "−")
    return text if text.strip("+−0.") else text[1:]
