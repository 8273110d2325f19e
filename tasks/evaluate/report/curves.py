"""The training curves of a report."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from tasks.evaluate.metrics import METRICS
from tasks.evaluate.report.plots import curve, curves
from tasks.html.svg import ACCENT
from tasks.scoring import PRESETS

Log = Sequence[Mapping[str, Any]]

_SHOWN = (*PRESETS["v2"], "code_similarity")  # the last is where formats are slowest to come


def training_curves(logs: Mapping[str, Log]) -> list[tuple[str, list[tuple[str, Markup]]]]:
    """Training stage -> (caption, plot) of each curve that was logged."""
    sft, grpo = logs.get("sft", ()), logs.get("grpo", ())
    drawn = [
        ("sft", "Loss", curve(sft, "loss", "SFT loss by step")),
        ("sft", "Gradient norm, by part of the adapter", curves(sft, _norms(sft), "SFT gradient norm by step")),
        (
            "grpo",
            "Mean reward, with one standard deviation within groups",
            curve(grpo, "reward", "GRPO reward by step", "reward_std"),
        ),
        ("grpo", "Parts of the reward, means", curves(grpo, _parts(grpo), "GRPO reward parts by step", share=True)),
        (
            "grpo",
            "Share of groups without signal",
            curve(grpo, "frac_reward_zero_std", "GRPO groups without signal by step", share=True),
        ),
        ("grpo", "Gradient norm, by part of the adapter", curves(grpo, _norms(grpo), "GRPO gradient norm by step")),
        ("grpo", "Entropy, nats a token", curve(grpo, "entropy", "GRPO entropy by step")),
        ("grpo", "Length of answers, tokens", curve(grpo, "completions/mean_length", "GRPO answer length by step")),
        (
            "grpo",
            "Share of answers that end at the limit",
            curve(grpo, "completions/clipped_ratio", "GRPO clipped answers by step", share=True),
        ),
    ]
    return [
        (stage, plots)
        for stage in ("sft", "grpo")
        if (plots := [(caption, Markup(svg)) for owner, caption, svg in drawn if owner == stage and svg])
    ]


def training_image(logs: Mapping[str, Log]) -> bytes | None:
    """SFT's loss and GRPO's mean reward by step, as a PNG; None where neither was logged."""
    from matplotlib.figure import Figure

    wanted = (("sft", "loss", "SFT: loss"), ("grpo", "reward", "GRPO: mean reward"))
    points = {title: [(r["step"], r[key]) for r in logs.get(stage, ()) if key in r] for stage, key, title in wanted}
    drawn = {title: line for title, line in points.items() if line}
    if not drawn:
        return None
    figure = Figure(figsize=(4.0 * len(drawn), 2.6), dpi=110, layout="constrained")
    for axes, (title, line) in zip(figure.subplots(1, len(drawn), squeeze=False)[0], drawn.items(), strict=True):
        axes.plot(*zip(*line, strict=True), color=ACCENT, linewidth=1.2)
        axes.set(title=title, xlabel="step")
        axes.grid(alpha=0.3)
    file = io.BytesIO()
    figure.savefig(file, format="png")
    return file.getvalue()


def _norms(log: Log) -> dict[str, str]:
    """The logged gradient norms, key -> name: of all weights together where the parts are not known."""
    parts = {key: key.partition("/")[2] for row in log[:1] for key in row if key.startswith("grad_norm/")}
    return parts or {"grad_norm": "all"}


def _parts(log: Log) -> dict[str, str]:
    """The logged parts of the reward that are shown, key -> name."""
    return {f"reward/{part}": METRICS[part].label for part in _SHOWN if any(f"reward/{part}" in row for row in log)}
