"""The figures of a counting study, numbered as in the second article."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle
from typing import Any, NamedTuple

import numpy as np
from markupsafe import Markup

from tasks.counting.config import ALL_WRONG, DECODINGS, NONE, Arm, Decoding
from tasks.counting.evaluation import DOMAINS, Asked
from tasks.counting.prompts import PromptName
from tasks.counting.results import DIGIT, RIGHT, Results, share
from tasks.counting.words import arm_name, guidance_name
from tasks.html.svg import ACCENT, AXIS, BETTER, INK, QUIET, WORSE, svg
from tasks.intervals import Interval

_CURVE, _WIDTH, _ROW = (3.7, 2.5), 4.4, 0.22  # inches
_DOMAIN = {"in": "training domain", "shifted": "shifted domain"}


class Line(NamedTuple):
    """A curve: what is drawn of which arm's log."""

    arm: Arm
    label: str
    colour: str
    over: str
    under: str | None = None
    dashed: bool = False


class Row(NamedTuple):
    """A value with its interval and, as dots, the seeds it is made of."""

    label: str
    found: Interval
    dots: Sequence[float] = ()
    colour: str = ACCENT
    head: bool = False


Figure = tuple[str, Markup]
Figures = list[Figure]


def colours(results: Results) -> dict[str, str]:
    """Guidance -> colour. As in the article: blue without injection, red with it."""
    others = cycle((BETTER, QUIET, INK))
    fixed = {NONE: ACCENT, ALL_WRONG: WORSE}
    return {name: fixed.get(name) or next(others) for name in dict.fromkeys(a.guidance for a in results.arms)}


def curves(results: Results, lines: Sequence[Line], label: str) -> Markup:
    """Means over seeds of a moving average, each seed as a faint line; a mark where the study's level is reached."""
    window = results.study.window

    def draw(axes: Any) -> None:
        for line in lines:
            runs = results.seeds(line.arm).values()
            seeds = [
                _smooth(run.course(line.over), run.course(line.under) if line.under else None, window) for run in runs
            ]
            seeds = [seed for seed in seeds if len(seed)]
            if not seeds:
                continue
            steps = np.arange(window, window + len(seeds[0]))
            style = {"linestyle": "--"} if line.dashed else {}
            if len(seeds) > 1:
                for seed in seeds:
                    axes.plot(steps, seed, color=line.colour, linewidth=0.5, alpha=0.45, **style)
            axes.plot(
                steps, np.ma.masked_invalid(seeds).mean(0), color=line.colour, linewidth=1.5, label=line.label, **style
            )
        axes.axhline(results.study.level, color=AXIS, linewidth=0.7, linestyle=":")
        axes.set_ylim(-0.03, 1.03)
        axes.set_xlabel("step")
        axes.legend(frameon=False, fontsize=8, loc="lower right")

    return Markup(svg(draw, _CURVE, label))


def _smooth(over: Sequence[float], under: Sequence[float] | None, window: int) -> Any:
    """Moving average, or ratio of moving averages (NaN where there is nothing to divide by)."""
    if len(over) < window:
        return np.array([])
    ones = np.ones(window)
    top = np.convolve(over, ones, "valid")
    below = np.convolve(under, ones, "valid") if under is not None else np.full(len(top), float(window))
    return np.divide(top, below, out=np.full(len(top), np.nan), where=below > 0)


def rows(found: Sequence[Row], label: str, tie: float | None = None, share_axis: bool = False) -> Markup:
    """Values with intervals, one below the other, beside a line where there is no difference; shares as bars."""

    def draw(axes: Any) -> None:
        if tie is not None:
            axes.axvline(tie, color=AXIS, linewidth=1)
        for y, row in enumerate(found):
            value, low, high = row.found[:3]
            if share_axis and value is not None:
                axes.barh(y, value, height=0.62, color=row.colour, alpha=0.16)
            if row.dots:
                axes.plot(row.dots, [y] * len(row.dots), "o", markersize=2.6, color=row.colour, alpha=0.55, mew=0)
            if low is not None:
                axes.plot([low, low if high is None else high], [y, y], color=row.colour, linewidth=1.6)
            if high is None and low is not None and value is not None:  # no upper end is known
                axes.plot([low, value], [y, y], color=row.colour, linewidth=1.6)
                axes.plot([value], [y], marker=">", markersize=6, color=row.colour)
            elif value is not None:
                hollow = {"markerfacecolor": "none"} if low is None else {}
                axes.plot([value], [y], marker="D", markersize=4, color=row.colour, **hollow)
        axes.set_yticks(range(len(found)), [row.label for row in found])
        for tick, row in zip(axes.get_yticklabels(), found, strict=True):
            tick.set_fontweight("bold" if row.head else "normal")
        axes.set_ylim(len(found) - 0.4, -0.6)
        if share_axis:
            axes.set_xlim(0, 1.03)
        axes.locator_params(axis="x", nbins=5)
        axes.grid(axis="y", visible=False)
        axes.spines["left"].set_visible(False)
        axes.tick_params(axis="y", length=0)

    return Markup(svg(draw, (_WIDTH, 0.55 + _ROW * max(1, len(found))), label))


_NO = Interval(None, None, None, 0)


def heading(text: str) -> Row:
    return Row(text, _NO, head=True)


def baselines(results: Results) -> Figures:
    """Figure 1: untrained bases under every prompt, sampled, in the training domain; Wilson intervals over images."""
    digit, right = [], []
    for base, rates in results.untrained.items():
        digit.append(heading(base))
        right.append(heading(base))
        for prompt in results.study.tokens:
            asked = rates[Asked(prompt, "in", "sampled")]
            digit.append(Row(prompt, share(asked, "digit rate")))
            right.append(Row(prompt, share(asked, "accuracy")))
    return [
        ("Answers with a digit", rows(digit, "Untrained digit rates", share_axis=True)),
        ("Right answers", rows(right, "Untrained accuracies", share_axis=True)),
    ]


def phases(results: Results) -> Figures:
    """Figure 3: the policy's own answers while it learns, plain prompt, no injection."""
    found = []
    for arm in results.arms_of("plain", NONE):
        name = arm_name(results, arm)
        lines = [
            Line(arm, "digit", ACCENT, DIGIT),
            Line(arm, "right", WORSE, RIGHT),
            Line(arm, "right, of those with a digit", QUIET, RIGHT, DIGIT, dashed=True),
        ]
        found.append((name, curves(results, lines, f"Phases of learning, {name}")))
    return found


def learning(results: Results, prompt: PromptName) -> Figures:
    """Figures 4 (plain) and 6 (r1v): right answers of the policy's own by step, by guidance; dashed: digit rates."""
    by_guidance, found = colours(results), []
    for arm in results.arms_of(prompt, NONE):
        arms = [a for a in results.arms if a._replace(guidance=NONE) == arm and a.guidance in (NONE, ALL_WRONG)]
        name = arm_name(results, arm)
        lines = [Line(a, guidance_name(a.guidance), by_guidance[a.guidance], RIGHT) for a in arms]
        lines += [
            Line(a, f"digit, {guidance_name(a.guidance)}", by_guidance[a.guidance], DIGIT, dashed=True) for a in arms
        ]
        found.append((name, curves(results, lines, f"Learning under {prompt}, {name}")))
    return found


def transfer(results: Results, prompt: PromptName = "plain") -> Figures:
    """Figure 5: accuracy in both domains, with and without injection."""
    by_guidance, found = colours(results), []
    for decoding in DECODINGS:
        bars: list[Row] = []
        for arm in results.arms_of(prompt, NONE):
            arms = [a for a in results.arms if a._replace(guidance=NONE) == arm and a.guidance in (NONE, ALL_WRONG)]
            bars.append(heading(arm_name(results, arm)))
            for domain in DOMAINS:
                for a in arms:
                    dots = [*results.by_seed(a, "accuracy", domain, decoding).values()]
                    mean = results.mean(a, "accuracy", domain, decoding)
                    bars.append(
                        Row(f"{_DOMAIN[domain]}, {guidance_name(a.guidance)}", mean, dots, by_guidance[a.guidance])
                    )
        if bars:
            found.append((decoding.capitalize(), rows(bars, f"Transfer, {decoding}", share_axis=True)))
    return found


def injection_effect(results: Results) -> Figures:
    """Figure 7: what injection changes in the shifted domain, by prompt."""
    found = []
    for decoding in DECODINGS:
        bars = []
        for prompt in results.study.tokens:
            for slow, fast in results.pairs(prompt):
                a, b = (results.by_seed(arm, "accuracy", "shifted", decoding) for arm in (slow, fast))
                change = results.change(slow, fast, "accuracy", "shifted", decoding)
                dots = [b[s] - a[s] for s in a if s in b]
                bars.append(Row(f"{prompt}, {arm_name(results, slow)}", change, dots, _sign(change)))
        if bars:
            found.append((decoding.capitalize(), rows(bars, f"Injection effect, {decoding}", tie=0)))
    return found


def _sign(change: Interval) -> str:
    if change.low is None or change.high is None or change.low <= 0 <= change.high:
        return QUIET
    return BETTER if change.low > 0 else WORSE


def summary_bars(results: Results) -> Figures:
    """Figure 9: accuracy in the shifted domain of every configuration, beside the untrained bases."""
    return [
        (how.capitalize(), rows(_summary(results, how), f"Shifted domain, {how}", share_axis=True)) for how in DECODINGS
    ]


def _summary(results: Results, decoding: Decoding) -> list[Row]:
    by_guidance, bars = colours(results), []
    for base, rates in results.untrained.items():
        bars.append(heading(base))
        for prompt in results.study.tokens:
            start = share(rates[Asked(prompt, "shifted", decoding)], "accuracy")
            bars.append(Row(f"{prompt}, untrained", start, colour=INK))
        for arm in [a for a in results.arms if a.base == base]:
            extra = arm_name(results, arm, guidance=True).removeprefix(base).removeprefix(",").strip()
            dots = [*results.by_seed(arm, "accuracy", "shifted", decoding).values()]
            mean = results.mean(arm, "accuracy", "shifted", decoding)
            bars.append(Row(f"{arm.prompt}, {extra}", mean, dots, by_guidance[arm.guidance]))
    return bars


def speed_ups(results: Results) -> Figures:
    """Speed-up by injection, by prompt, base and learning rate; an arrow where it is a lower bound."""
    bars = []
    for prompt in results.study.tokens:
        for slow, fast in results.pairs(prompt):
            found = results.speed_up(slow, fast)
            bars.append(Row(f"{prompt}, {arm_name(results, slow)}", found, colour=INK))
    return [("Steps without injection by steps with it", rows(bars, "Speed-up by injection", tie=1))] if bars else []


def signal(results: Results) -> Figures:
    """Groups that teach nothing, and why; and how many were helped."""
    found = []
    for slow, fast in results.pairs("plain"):
        name = arm_name(results, slow)
        lines = [
            Line(slow, "all wrong alike, no injection", ACCENT, "guidance/all_wrong"),
            Line(slow, "all right, no injection", ACCENT, "guidance/all_right", dashed=True),
            Line(fast, "helped, injection", WORSE, "guidance/injected"),
            Line(fast, "all right, injection", WORSE, "guidance/all_right", dashed=True),
        ]
        found.append((name, curves(results, lines, f"Groups without signal, {name}")))
    return found
