"""The training curves of a report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from tasks.evaluate.report.plots import curve

Log = Sequence[Mapping[str, Any]]


def training_curves(logs: Mapping[str, Log]) -> list[tuple[str, list[tuple[str, Markup]]]]:
    """Training stage -> (caption, plot) of each curve that was logged."""
    sft, grpo = logs.get("sft", ()), logs.get("grpo", ())
    drawn = [
        ("sft", "Loss", curve(sft, "loss", "SFT loss by step")),
        ("sft", "Gradient norm", curve(sft, "grad_norm", "SFT gradient norm by step")),
        (
            "grpo",
            "Mean reward, with one standard deviation within groups",
            curve(grpo, "reward", "GRPO reward by step", "reward_std"),
        ),
        (
            "grpo",
            "Share of groups without signal",
            curve(grpo, "frac_reward_zero_std", "GRPO groups without signal by step", share=True),
        ),
        ("grpo", "Gradient norm", curve(grpo, "grad_norm", "GRPO gradient norm by step")),
        ("grpo", "Entropy, nats a token", curve(grpo, "entropy", "GRPO entropy by step")),
    ]
    return [
        (stage, plots)
        for stage in ("sft", "grpo")
        if (plots := [(caption, Markup(svg)) for owner, caption, svg in drawn if owner == stage and svg])
    ]
