"""Results of an ablation that never ran, with effects as a test wants them."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import Any

from tasks.evaluate.ablation.config import BASE, AblationConfig, Cell
from tasks.evaluate.ablation.results import Results
from tasks.evaluate.metrics import METRICS

METRIC_NAMES = (
    "composite_v2", "edit_similarity", "heading_precision", "heading_f1", "code_similarity", "code_count",
    "word_precision", "word_f1", "structure", "character_error_rate",
)  # fmt: skip
Effects = Mapping[str, Mapping[str, float]]
"""Arm -> metric -> its mean; "" stands for any other metric."""

ARMS: tuple[dict[str, Any], ...] = (
    {"name": "alone", "why": "no warm-up", "grpo": {}, "against": ["base"]},
    {"name": "sft", "why": "warm-up", "sft": {}, "against": ["base"]},
    {"name": "long", "why": "twice as long", "sft": {"steps": 40}, "against": ["base", "sft"]},
    {"name": "grpo", "why": "both", "after": "sft", "grpo": {"weights": "v2"}, "against": ["base", "sft"]},
    {"name": "v3", "why": "characters", "after": "sft", "grpo": {"weights": "v3"}, "against": ["grpo"]},
    {"name": "hot", "why": "hotter", "after": "sft", "grpo": {"temperature": 1.0}, "against": ["grpo"]},
    {"name": "guided", "why": "helped", "after": "sft", "grpo": {"guidance": {"mode": "all_wrong"}},
     "against": ["grpo"]},
    {"name": "updates", "why": "opponent", "after": "sft", "sft": {}, "as_long_as": {"arm": "grpo", "by": "updates"},
     "against": ["sft", "grpo"]},
    {"name": "compute", "why": "opponent", "after": "sft", "sft": {}, "as_long_as": {"arm": "grpo", "by": "compute"},
     "against": ["sft", "grpo"]},
)  # fmt: skip


def study(**changes: Any) -> AblationConfig:
    settings = {"why": "An ablation that never ran", "sft": {"steps": 20}, "grpo": {"steps": 10}, "arms": ARMS}
    return AblationConfig.model_validate({**settings, **changes})


def results(
    effects: Effects | None = None,
    half: float = 0.01,
    logs: Mapping[str, Mapping[str, float]] | None = None,
    config: AblationConfig | None = None,
) -> Results:
    """Every arm's means as `effects` say (0.5 where they say nothing), every interval `half` either way. `logs`: arm ->
    logged value, which grows a little with the seed."""
    chosen = config or study()
    means = {name: (effects or {}).get(name, {}) for name in [BASE, *(arm.name for arm in chosen.arms)]}
    value = {(name, m): of.get(m, of.get("", 0.5)) for name, of in means.items() for m in METRIC_NAMES}
    families = {"n": 100, "families": 25, "seeds": len(chosen.seeds)}
    table = {
        "headline": "composite_v2",
        "pages": 100,
        "families": 25,
        "systems": list(means),
        "metrics": [{"metric": m, "label": METRICS[m].label, "kind": METRICS[m].kind} for m in METRIC_NAMES],
        "means": [
            {"system": name, "metric": m, "mean": mean, "low": mean - half, "high": mean + half, **families}
            for (name, m), mean in value.items()
        ],
        "differences": [
            {"from": a, "to": b, "metric": m, **families, **_judged(value[b, m] - value[a, m], half)}
            for a, b in combinations(means, 2)
            for m in METRIC_NAMES
        ],
    }
    cells = {cell: _log(chosen, cell, (logs or {}).get(cell.arm, {})) for cell in chosen.cells()}
    return Results(chosen, table, cells, {cell: 2.0 * len(log) for cell, log in cells.items()})


def _judged(gap: float, half: float) -> dict[str, Any]:
    clear = abs(gap) > half
    verdict = "no evidence" if not clear else "better" if gap > 0 else "worse"
    p = 0.0001 if clear else 0.5
    return {
        "difference": gap, "low": gap - half, "high": gap + half, "p": p, "p_adjusted": p, "verdict": verdict,
        "holds": clear,
    }  # fmt: skip


def _log(config: AblationConfig, cell: Cell, given: Mapping[str, float]) -> list[dict[str, float]]:
    """A row an update; "climb" is how much the reward grows over all of them."""
    steps = config.settings(config.by_name[cell.arm]).steps or 7
    usual = {
        "grad_norm": 1.0,
        "reward_std": 0.1,
        "frac_reward_zero_std": 0.2,
        "entropy": 0.3,
        "reward": 0.5,
        "climb": 0,
    }
    values = {key: value * (1 + 0.02 * cell.seed) for key, value in {**usual, **given}.items()}
    climb = values.pop("climb")
    return [{**values, "step": step, "reward": values["reward"] + climb * step / steps} for step in range(1, steps + 1)]
