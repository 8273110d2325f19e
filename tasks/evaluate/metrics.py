"""What is measured of an answer to a page, and what the measures are called."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, get_args, get_type_hints

from tasks.evaluate.page_set import SetPage
from tasks.evaluate.systems.reader import Reading
from tasks.scoring import PARTS, PRESETS, answer_to, composite_reward, repetition_rate, weighted_mean
from tasks.scoring.errors import character_error_rate, visible, word_error_rate
from tasks.scoring.facts import Fact, mine, pass_rate, score

CHARACTERS = "reference_characters"
FACT_KINDS: tuple[str, ...] = get_args(get_type_hints(Fact)["kind"])


class Metric(NamedTuple):
    """`kind`: "score" (in [0, 1], more is better) or "rate" (less is better). `weighted`: a page counts by the
    characters of its reference, so that the mean is the total of the set."""

    label: str
    kind: str = "score"
    part: str = ""
    weighted: bool = False

    @property
    def higher_is_better(self) -> bool:
        return self.kind == "score"


_LABELS = {
    "edit_similarity": "Edit similarity",
    "edit_similarity_raw": "Edit similarity, not normalised",
    "word_f1": "Word F1",
    "heading_f1": "Heading F1",
    "code_similarity": "Code block similarity",
    "code_count": "Code block count",
    "code_language": "Code block language",
    "table_teds": "Tables (TEDS)",
    "table_structure": "Table structure (TEDS-S)",
    "list_f1": "List F1",
    "math_similarity": "Formula similarity",
}

MAIN = (
    "composite_v2",
    "facts",
    "edit_similarity",
    "word_f1",
    "heading_f1",
    "list_f1",
    "code_similarity",
    "table_teds",
    "math_similarity",
    "reading_order",
    "structure",
    "character_error_rate",
    "character_error_rate_total",
    "empty",
    "clipped",
    "failed",
)
"""Shown first; the others are their halves, their variants, or finer."""


def _beside(parts: Sequence[str]) -> list[str]:
    """The parts, those of one kind beside each other."""
    kinds = list(dict.fromkeys(part.partition("_")[0] for part in parts))
    return sorted(parts, key=lambda part: kinds.index(part.partition("_")[0]))


METRICS: dict[str, Metric] = {
    **{f"composite_{name}": Metric(f"Composite reward ({name})") for name in PRESETS},
    "facts": Metric("Facts that hold"),
    **{f"facts_{kind}": Metric(f"Facts that hold: {kind}") for kind in FACT_KINDS if kind != "absent"},
    **{part: Metric(_LABELS.get(part, part.replace("_", " ").capitalize())) for part in _beside(PARTS)},
    "character_error_rate": Metric("Character error rate", "rate"),
    "character_error_rate_total": Metric("Character error rate, in all", "rate", "character_error_rate", True),
    "word_error_rate": Metric("Word error rate", "rate"),
    "unwanted": Metric("Text that should not be there", "rate"),
    "empty": Metric("Empty answers", "rate"),
    "clipped": Metric("Clipped answers", "rate"),
    "repeated": Metric("Repeated 8-word runs", "rate"),
    "failed": Metric("Pages that could not be read", "rate"),
}


def facts_of(page: SetPage) -> Sequence[Fact]:
    """The page's own facts, else those that its label holds, the same ones whoever answers."""
    if page.facts or page.label is None:
        return page.facts
    return mine(page.label, page.language, seed=page.page_id)


def page_scores(reading: Reading, label: str | None, facts: Sequence[Fact] = ()) -> dict[str, float | None]:
    """Every part of `score_page`, the composite under each preset, the facts that hold, and the rates, of one answer:
    "facts" counts what holds beyond a blank answer's, "facts_<kind>" is the plain share of one kind.
    "unwanted" is the share of absent facts that fail.

    The answer's thinking is stripped first. A value is None where there is nothing to measure: with a label, where
    neither text has it; without one, everything but facts and the rates that need none.
    """
    text = answer_to(label or "", reading.text)
    found: dict[str, float | None] = dict.fromkeys((*PARTS, *(f"composite_{name}" for name in PRESETS)))
    if label is not None:
        parts = composite_reward(reading.text, label).parts
        found |= {**parts, **{f"composite_{name}": weighted_mean(parts, weights) for name, weights in PRESETS.items()}}
    kinds = {kind: [fact for fact in facts if fact.kind == kind] for kind in FACT_KINDS}
    unwanted = pass_rate(kinds.pop("absent"), text)
    return {
        **found,
        "facts": score(facts, text),
        **{f"facts_{kind}": pass_rate(some, text) for kind, some in kinds.items()},
        "unwanted": None if unwanted is None else 1 - unwanted,
        "word_error_rate": None if label is None else word_error_rate(text, label),
        "character_error_rate": None if label is None else character_error_rate(text, label),
        CHARACTERS: None if label is None else float(len(visible(label))),
        "empty": float(not text.strip()),
        "clipped": float(reading.clipped),
        "repeated": repetition_rate(text),
        "failed": float(bool(reading.error)),
    }
