"""The figures of an ablation."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import cycle
from typing import Any

import numpy as np
from markupsafe import Markup

from tasks.evaluate.ablation.claims import COMPARED, REWARD
from tasks.evaluate.ablation.config import BASE, Cell
from tasks.evaluate.ablation.results import Results
from tasks.evaluate.ablation.words import label
from tasks.evaluate.report.plots import Bar, intervals
from tasks.html.svg import ACCENT, BETTER, INK, QUIET, WORSE, svg
from tasks.intervals import Interval

Figures = list[tuple[str, Markup]]
_CURVE = (3.7, 2.5)  # inches
_COURSES = {
    "reward": "Mean reward",
    "frac_reward_zero_std": "Share of groups without spread",
    "grad_norm": "Gradient norm",
    "reward/code_similarity": "Code block similarity of the answers",
}
_WINDOW = 5
"""Updates of a moving average."""


def standings(results: Results) -> Figures:
    """The composite reward of every arm, and what the article compares."""
    names = [BASE, *(arm.name for arm in results.study.arms)]
    found = []
    for metric in (REWARD, *COMPARED, "code_count"):
        means = {name: results.mean(name, metric) for name in names}
        bars = [Bar(name, of.value, of.low, of.high, ACCENT) for name, of in means.items() if of.value is not None]
        if bars:
            caption = label(results, metric)
            found.append((caption[0].upper() + caption[1:], Markup(intervals(bars, f"Every arm: {caption}"))))
    return found


def opponents(results: Results) -> Figures:
    """Every arm less its opponents."""
    found = []
    for metric in (REWARD, "heading_f1", "code_similarity", "word_f1"):
        bars = []
        for arm in results.study.arms:
            changes = [(other, results.change(other, arm.name, metric)) for other in arm.against]
            if known := [(other, of) for other, of in changes if of.value is not None]:
                bars.append(Bar(arm.name, None, None, None, INK, head=True))
                bars += [Bar(f"less {other}", of.value, of.low, of.high, _sign(of)) for other, of in known]
        if bars:
            caption = label(results, metric)
            plot = intervals(bars, f"Differences of arms: {caption}", zero=True)
            found.append((caption[0].upper() + caption[1:], Markup(plot)))
    return found


def _sign(found: Interval) -> str:
    if found.low is None or found.high is None or found.low <= 0 <= found.high:
        return QUIET
    return BETTER if found.low > 0 else WORSE


def courses(results: Results) -> Figures:
    """What GRPO logged, update by update: moving averages of the mean over seeds."""
    arms = [arm.name for arm in results.study.arms if arm.grpo is not None]
    found = []
    for key, caption in _COURSES.items():
        lines = {name: _course(results, name, key) for name in arms}
        if drawn := {name: line for name, line in lines.items() if len(line)}:
            found.append((caption, Markup(svg(partial(_draw, drawn), _CURVE, caption))))
    return found


def _course(results: Results, arm: str, key: str) -> Any:
    logs = [results.logs[Cell(arm, seed)] for seed in results.study.seeds]
    values = [[float(row.get(key, np.nan)) for row in log] for log in logs]
    shortest = min(map(len, values))
    means = np.ma.masked_invalid([run[:shortest] for run in values]).mean(0).filled(np.nan)
    if shortest < _WINDOW or bool(np.isnan(means).all()):
        return np.array([])
    known, window = ~np.isnan(means), np.ones(_WINDOW)
    count = np.convolve(known, window, "valid")
    sums = np.convolve(np.nan_to_num(means), window, "valid")
    return np.divide(sums, count, out=np.full_like(sums, np.nan), where=count > 0)


def _draw(lines: dict[str, Sequence[float]], axes: Any) -> None:
    styles = cycle([(colour, dash) for dash in ("-", "--") for colour in (ACCENT, WORSE, BETTER, INK, QUIET)])
    for (name, line), (colour, dash) in zip(lines.items(), styles, strict=False):
        steps = range(_WINDOW, _WINDOW + len(line))
        axes.plot(steps, line, color=colour, linestyle=dash, linewidth=1.3, label=name)
    axes.set_xlabel("update")
    axes.legend(frameon=False, fontsize=6.5, ncols=2)
