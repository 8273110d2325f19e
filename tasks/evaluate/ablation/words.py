"""Figures of an ablation in words. Nothing here presumes a sign."""

from __future__ import annotations

from tasks.evaluate.ablation.results import Results
from tasks.evaluate.metrics import METRICS
from tasks.evaluate.report import wording
from tasks.intervals import Interval

number = wording.number


def label(results: Results, metric: str) -> str:
    """A metric's label in the middle of a sentence."""
    return wording.within(wording.labels(results.table).get(metric) or METRICS[metric].label)


def mean(found: Interval) -> str:
    """0.812 [0.790, 0.834]"""
    return f"{number(found.value)}{_ends(number(found.low), number(found.high), found)}"


def percent(found: Interval) -> str:
    """81 % [79, 83]"""
    if found.value is None:
        return "–"
    low, high = (None if end is None else f"{100 * end:.0f}" for end in (found.low, found.high))
    return f"{100 * found.value:.0f} %{_ends(low, high, found)}"


def signed(found: Interval) -> str:
    """+0.041 [+0.012, +0.070]"""
    return f"{wording.signed(found.value)}{_ends(wording.signed(found.low), wording.signed(found.high), found)}"


def times(found: Interval) -> str:
    """2.4 x [1.9, 3.0]"""
    if found.value is None:
        return "–"
    low, high = (None if end is None else f"{end:.3g}" for end in (found.low, found.high))
    return f"{found.value:.3g} x{_ends(low, high, found)}"


def _ends(low: str | None, high: str | None, found: Interval) -> str:
    return "" if found.low is None or found.high is None else f" [{low}, {high}]"
