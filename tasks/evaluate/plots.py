"""Plots as inline SVG: the same bytes for the same numbers, text left as text."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tasks.evaluate.wording import Table, labels, system_name

_STYLE = {
    "svg.hashsalt": "recto",
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 9.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#8a8f98",
    "axes.linewidth": 0.7,
    "axes.labelcolor": "#3c4149",
    "xtick.color": "#3c4149",
    "ytick.color": "#3c4149",
    "axes.grid": True,
    "grid.color": "#e6e8eb",
    "grid.linewidth": 0.7,
}
_BLUE, _GREY = "#1f5fa8", "#8a8f98"
_COLOURS = {"better": "#1b7a4b", "worse": "#b3401f", "no evidence": "#6b7079"}
_CURVE, _FOREST_WIDTH, _ROW = (3.5, 2.1), 3.7, 0.24  # inches


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
            axes.fill_between(steps, low, high, color=_BLUE, alpha=0.15, linewidth=0)
        axes.plot(steps, values, color=_BLUE, linewidth=1.3, marker="o", markersize=1.8)
        axes.set_xlabel("step")
        if share:
            axes.set_ylim(-0.03, 1.03)

    return _svg(draw, _CURVE, label)


def forest(table: Table, before: str, after: str) -> str:
    """Each score's difference with its interval, beside the line of no difference."""
    scores = [metric["metric"] for metric in table["metrics"] if metric["kind"] == "score"]
    rows = [r for r in table["differences"] if (r["from"], r["to"]) == (before, after) and r["metric"] in scores]
    rows = [r for r in rows if r["difference"] is not None]

    names = labels(table)

    def draw(axes: Any) -> None:
        axes.axvline(0, color=_GREY, linewidth=1)
        for y, row in enumerate(rows):
            colour = _COLOURS[row["verdict"]]
            if row["low"] is not None:
                axes.plot([row["low"], row["high"]], [y, y], color=colour, linewidth=1.6, solid_capstyle="butt")
            axes.plot([row["difference"]], [y], marker="o", markersize=4, color=colour)
        axes.set_yticks(range(len(rows)), [names[r["metric"]] for r in rows])
        axes.set_ylim(len(rows) - 0.4, -0.6)
        axes.grid(axis="y", visible=False)
        axes.spines["left"].set_visible(False)
        axes.tick_params(axis="y", length=0)

    label = f"Differences from {system_name(before)} to {system_name(after)}"
    return _svg(draw, (_FOREST_WIDTH, 0.55 + _ROW * len(rows)), label)


def _svg(draw: Callable[[Any], None], size: tuple[float, float], label: str) -> str:
    """An `<svg>` element without prolog, date or metadata."""
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=size, layout="constrained")
        draw(figure.subplots())
        file = io.StringIO()
        figure.savefig(file, format="svg", transparent=True, metadata={"Date": None})
    text = file.getvalue()
    text = re.sub(r"<metadata>.*?</metadata>", "", text[text.index("<svg") :], flags=re.DOTALL)
    return text.replace("<svg", f'<svg role="img" aria-label="{label}"', 1)
