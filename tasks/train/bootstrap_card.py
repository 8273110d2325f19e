"""What stands beside a reader for people: the curve of its training, and its model card."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

Entries = Sequence[Mapping[str, Any]]
"""Lines of log.jsonl."""


def draw_curve(entries: Entries, path: Path) -> None:
    """A PNG: losses (nats) and character error on held-out cards (%) over steps, the phases named at their ends."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import LogFormatter

    figure = Figure(figsize=(8, 5), dpi=80, layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True)
    for axes, name, label, factor in (
        (above, "characters", "character head, nats a slot", 1),
        (above, "text", "answer, nats a token", 1),
        (below, "card_error", "held-out cards, % of characters", 100),
    ):
        points = [(entry["total"], factor * entry[name]) for entry in entries if name in entry]
        if points:
            axes.plot(*zip(*points, strict=True), label=label, marker="." if factor > 1 else "")
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_formatter(LogFormatter(minor_thresholds=(1, 0.5)))  # over a decade only some are named
    ends = {entry["phase"]: entry["total"] for entry in entries}
    for axes in (above, below):
        axes.grid(alpha=0.3)
        for end in list(ends.values())[:-1]:
            axes.axvline(end, color="grey", linewidth=0.6)
        if axes.lines:
            axes.legend(loc="lower left")
    for name, end in ends.items():
        above.annotate(name, (end, 1), xycoords=("data", "axes fraction"), ha="right", va="bottom")
    below.set_xlabel("steps")
    figure.savefig(path, metadata={"Software": None})


def model_card(entries: Entries, found: Mapping[str, Mapping[str, Any]], heights: Sequence[int]) -> str:
    """README.md of the reader, with what was measured: `found` as in metrics.json; `heights` of what it saw, in px."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), undefined=StrictUndefined, keep_trailing_newline=True
    )
    return environment.get_template("reader_card.md.j2").render(
        steps=entries[-1]["total"],
        minutes=round(sum(entry["cpu_seconds"] for entry in entries) / 60),
        found=found,
        heights=sorted(heights),
    )
