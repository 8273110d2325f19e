"""The plots of a report."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from tasks.evaluate.metrics import MAIN
from tasks.evaluate.report.wording import Table, labels, system_name
from tasks.html.svg import ACCENT, AXIS, BETTER, INK, QUIET, WORSE, svg
from tasks.html.text import plural

_VERDICTS = {"better": BETTER, "worse": WORSE, "no evidence": QUIET}
_LINES = [(colour, dashes) for dashes in ("-", "--", ":") for colour in (ACCENT, BETTER, WORSE, QUIET)]
_CURVE, _WIDTH, _ROW = (3.5, 2.1), 3.9, 0.24  # inches
_LONGEST = 30  # characters of a name beside a plot


class Bar(NamedTuple):
    """A line of an interval plot; without `low` and `high` only its point is drawn. `head`: a new group begins."""

    label: str
    value: float | None
    low: float | None
    high: float | None
    colour: str
    head: bool = False


def curve(
    rows: Sequence[Mapping[str, Any]], key: str, label: str, band: str | None = None, share: bool = False
) -> str | None:
    """A logged value over the optimiser's steps, with plus and minus `band` around it; None where it was not logged.

    `share`: the value lies in [0, 1], and so does the axis.
    """
    points = [(float(r["step"]), float(r[key]), float(r.get(band) or 0) if band else 0.0) for r in rows if key in r]
    if not points:
        return None
    steps, values, widths = zip(*points, strict=True)

    def draw(axes: Any) -> None:
        if band:
            low, high = ([v + s * w for v, w in zip(values, widths, strict=True)] for s in (-1, 1))
            axes.fill_between(steps, low, high, color=ACCENT, alpha=0.15, linewidth=0)
        axes.plot(steps, values, color=ACCENT, linewidth=1.3, marker="o", markersize=1.8)
        axes.set_xlabel("step")
        if share:
            axes.set_ylim(-0.03, 1.03)

    return svg(draw, _CURVE, label)


def curves(rows: Sequence[Mapping[str, Any]], keys: Mapping[str, str], label: str, share: bool = False) -> str | None:
    """Several logged values, key -> name, over the optimiser's steps; those that were not logged are left out."""
    lines = [
        (name, [(float(r["step"]), float(r[key])) for r in rows if key in r])
        for key, name in keys.items()
        if any(key in r for r in rows)
    ]
    if not lines:
        return None

    def draw(axes: Any) -> None:
        for (name, points), (colour, dashes) in zip(lines, itertools.cycle(_LINES), strict=False):
            axes.plot(*zip(*points, strict=True), color=colour, linewidth=1.3, linestyle=dashes, label=name)
        axes.set_xlabel("step")
        axes.legend(frameon=False, fontsize=7, ncols=2)
        if share:
            axes.set_ylim(-0.03, 1.03)

    return svg(draw, _CURVE, label)


def forest(table: Table, before: str, after: str) -> str:
    """The difference of each main score with its interval, beside the line of no difference."""
    scores = {m["metric"] for m in table["metrics"] if m["kind"] == "score" and m["metric"] in MAIN}
    names = labels(table)
    bars = [
        Bar(names[r["metric"]], r["difference"], r["low"], r["high"], _VERDICTS[r["verdict"]])
        for r in table["differences"]
        if (r["from"], r["to"]) == (before, after) and r["metric"] in scores and r["difference"] is not None
    ]
    return intervals(bars, f"Differences from {system_name(before)} to {system_name(after)}", zero=True)


def slice_forest(table: Table, before: str, after: str) -> str | None:
    """The headline's difference in each slice, grouped by language, source and feature; None without slices."""
    key = (before, after, table["headline"])
    rows = [r for r in table["slices"]["differences"] if (r["from"], r["to"], r["metric"]) == key]
    bars: list[Bar] = []
    for dimension in dict.fromkeys(r["dimension"] for r in rows):
        bars.append(Bar(dimension.capitalize(), None, None, None, INK, head=True))
        bars += [
            Bar(
                f"{_short(r['value'])} ({plural(r['families'], 'family', 'families')})",
                r["difference"],
                r["low"],
                r["high"],
                _VERDICTS[r["verdict"]],
            )
            for r in rows
            if r["dimension"] == dimension
        ]
    label = f"Differences from {system_name(before)} to {system_name(after)} by slice"
    return intervals(bars, label, zero=True) if bars else None


def standings(table: Table) -> str:
    """The headline mean of each system with its interval."""
    rows = [r for r in table["means"] if r["metric"] == table["headline"]]
    bars = [Bar(_short(system_name(r["system"])), r["mean"], r["low"], r["high"], ACCENT) for r in rows]
    return intervals(bars, f"{labels(table)[table['headline']]} of each system")


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…"


def intervals(bars: Sequence[Bar], label: str, zero: bool = False) -> str:
    """Values with their intervals, one below the other; `zero`: beside the line of no difference."""

    def draw(axes: Any) -> None:
        if zero:
            axes.axvline(0, color=AXIS, linewidth=1)
        for y, bar in enumerate(bars):
            if bar.low is not None:
                axes.plot([bar.low, bar.high], [y, y], color=bar.colour, linewidth=1.6, solid_capstyle="butt")
            if bar.value is not None:
                hollow = {"markerfacecolor": "none"} if bar.low is None else {}
                axes.plot([bar.value], [y], marker="o", markersize=4, color=bar.colour, **hollow)
        axes.set_yticks(range(len(bars)), [bar.label for bar in bars])
        for tick, bar in zip(axes.get_yticklabels(), bars, strict=True):
            tick.set_fontweight("bold" if bar.head else "normal")
        axes.set_ylim(len(bars) - 0.4, -0.6)
        axes.grid(axis="y", visible=False)
        axes.spines["left"].set_visible(False)
        axes.tick_params(axis="y", length=0)

    return svg(draw, (_WIDTH, 0.55 + _ROW * max(1, len(bars))), label)
