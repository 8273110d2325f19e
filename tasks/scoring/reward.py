"""One number for one answer: the weighted score that training climbs."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from functools import lru_cache

from tasks.records import Score, UsageError
from tasks.scoring.fact_check import Fact, score
from tasks.scoring.facts_mining import mine
from tasks.scoring.page import PARTS, score_page
from tasks.scoring.thinking import answer_to

# the two weightings of the first article; v2 is the one that it trained best with
PRESETS: dict[str, dict[str, float]] = {
    "v2": {"edit_similarity": 0.40, "reading_order": 0.25, "heading_f1": 0.20, "structure": 0.15},
    "v3": {"edit_similarity": 0.60, "reading_order": 0.15, "heading_f1": 0.15, "structure": 0.10},
}

REWARD_PARTS = (*PARTS, "facts")

_KANA = re.compile("[\u3040-\u30ff]")


def composite_reward(prediction: str, reference: str, weights: str | Mapping[str, float] = "v2") -> Score:
    """Weighted mean of the parts of `score_page`, after the prediction's thinking is stripped.

        total = sum_k w_k s_k / sum_k w_k, over the parts k that are not None

    so the weight of a part that neither text has is shared among the others; where that leaves nothing, the total
    is the edit similarity. `weights` names a preset or maps parts to weights. `parts` holds every part, weighted
    or not, but "facts" (see `facts_score`) only where it is weighted: to mine a page takes longer than to score an
    answer. A page that itself shows a `<think>` tag outside code is compared with the answer as it stands.

    Raises UsageError for weights that name no part, are negative or not finite, or are all zero.
    """
    chosen = resolve_weights(weights)
    prediction = answer_to(reference, prediction)
    parts = score_page(prediction, reference)
    if chosen.get("facts"):
        parts["facts"] = facts_score(prediction, reference)
    return Score(total=weighted_mean(parts, chosen), parts=parts)


def weighted_mean(parts: Mapping[str, float | None], weights: Mapping[str, float]) -> float:
    """The total of `composite_reward`."""
    present = [(weight, value) for name, weight in weights.items() if weight and (value := parts[name]) is not None]
    if not present:
        present = [(1.0, parts["edit_similarity"] or 0.0)]
    return min(1.0, sum(weight * value for weight, value in present) / sum(weight for weight, _ in present))


def facts_score(prediction: str, reference: str) -> float | None:
    """The facts mined from the reference that hold in the prediction, as `tasks.scoring.facts.score` counts them."""
    return score(_mined(reference), prediction)


@lru_cache(maxsize=1024)
def _mined(reference: str) -> tuple[Fact, ...]:
    return tuple(mine(reference, "ja" if _KANA.search(reference) else "en"))


def resolve_weights(weights: str | Mapping[str, float]) -> dict[str, float]:
    """Weights by part from a preset's name or a mapping."""
    if isinstance(weights, str):
        if weights not in PRESETS:
            raise UsageError(f"unknown reward preset {weights!r}: choose one of {', '.join(PRESETS)}, or map parts")
        return dict(PRESETS[weights])
    if not isinstance(weights, Mapping):
        raise UsageError(f"reward weights are a preset's name or a mapping, not {type(weights).__name__}")
    for name, weight in weights.items():
        if name not in REWARD_PARTS:
            raise UsageError(f"unknown reward part {name!r}: choose from {', '.join(REWARD_PARTS)}")
        if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 <= weight < math.inf:
            raise UsageError(f"reward weight of {name} is {weight!r}: it must be a finite number of at least 0")
    if not any(weights.values()):
        raise UsageError("reward weights are all zero: give at least one part a weight above 0")
    return dict(weights)
