"""One number for one answer: the weighted score that training climbs."""

from __future__ import annotations

import math
from collections.abc import Mapping

from tasks.records import Score, UsageError
from tasks.scoring.page import PARTS, score_page
from tasks.scoring.thinking import strip_thinking

# the two weightings of the first article; v2 is the one that it trained best with
PRESETS: dict[str, dict[str, float]] = {
    "v2": {"edit_similarity": 0.40, "reading_order": 0.25, "heading_f1": 0.20, "structure": 0.15},
    "v3": {"edit_similarity": 0.60, "reading_order": 0.15, "heading_f1": 0.15, "structure": 0.10},
}


def composite_reward(prediction: str, reference: str, weights: str | Mapping[str, float] = "v2") -> Score:
    """Weighted mean of the parts of `score_page`, after the prediction's thinking is stripped.

        total = sum_k w_k s_k / sum_k w_k, over the parts k that are not None

    so the weight of a part that neither text has is shared among the others; where that leaves nothing, the total
    is the edit similarity. `weights` names a preset or maps parts to weights. `parts` holds every part, weighted
    or not. A page that itself shows a `<think>` tag outside code is compared with the answer as it stands.

    Raises UsageError for weights that name no part, are negative or not finite, or are all zero.
    """
    chosen = resolve_weights(weights)
    if isinstance(reference, str) and strip_thinking(reference) == reference:
        prediction = strip_thinking(prediction)
    parts = score_page(prediction, reference)
    present = [(weight, value) for name, weight in chosen.items() if weight and (value := parts[name]) is not None]
    if not present:
        present = [(1.0, parts["edit_similarity"] or 0.0)]
    total = sum(weight * value for weight, value in present) / sum(weight for weight, _ in present)
    return Score(total=min(1.0, total), parts=parts)


def resolve_weights(weights: str | Mapping[str, float]) -> dict[str, float]:
    """Weights by part from a preset's name or a mapping."""
    if isinstance(weights, str):
        if weights not in PRESETS:
            raise UsageError(f"unknown reward preset {weights!r}: choose one of {', '.join(PRESETS)}, or map parts")
        return dict(PRESETS[weights])
    if not isinstance(weights, Mapping):
        raise UsageError(f"reward weights are a preset's name or a mapping, not {type(weights).__name__}")
    for name, weight in weights.items():
        if name not in PARTS:
            raise UsageError(f"unknown reward part {name!r}: choose from {', '.join(PARTS)}")
        if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 <= weight < math.inf:
            raise UsageError(f"reward weight of {name} is {weight!r}: it must be a finite number of at least 0")
    if not any(weights.values()):
        raise UsageError("reward weights are all zero: give at least one part a weight above 0")
    return dict(weights)
