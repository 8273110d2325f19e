"""From answers to the table: scores of each page, their means, and what one system adds to another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any, NamedTuple

import pyarrow as pa
from rapidfuzz.distance import Levenshtein

from tasks.config import EvaluateConfig
from tasks.evaluate.statistics import CONFIDENCE, Estimate, mean_interval, paired_difference, verdict
from tasks.markdown import visible_text
from tasks.model.generate import Answer
from tasks.scoring import PRESETS, composite_reward, repetition_rate, strip_thinking
from tasks.scoring.text import normalise
from tasks.train.pages import DatasetPage

PageScores = Mapping[str, float | None]
_DIGITS = 6


class Metric(NamedTuple):
    """`kind`: "score" (in [0, 1], more is better) or "rate" (less is better)."""

    label: str
    kind: str = "score"

    @property
    def higher_is_better(self) -> bool:
        return self.kind == "score"


METRICS = {
    "composite_v2": Metric("Composite reward (v2)"),
    "edit_similarity": Metric("Edit similarity"),
    "word_precision": Metric("Word precision"),
    "word_f1": Metric("Word F1"),
    "heading_precision": Metric("Heading precision"),
    "heading_f1": Metric("Heading F1"),
    "code_similarity": Metric("Code block similarity"),
    "code_count": Metric("Code block count"),
    "reading_order": Metric("Reading order"),
    "structure": Metric("Structure"),
    "character_error_rate": Metric("Character error rate", "rate"),
    "empty": Metric("Empty answers", "rate"),
    "clipped": Metric("Clipped answers", "rate"),
    "repeated": Metric("Repeated 8-word runs", "rate"),
}

SCORES = pa.schema(
    [
        ("system", pa.string()),
        ("doc_id", pa.string()),
        ("page_num", pa.int32()),
        ("family", pa.string()),
        ("part", pa.string()),
        ("value", pa.float64()),
    ]
)


def page_scores(answer: Answer, reference: str) -> dict[str, float | None]:
    """Every part of `score_page`, the composite under each preset, and the rates, of one answer.

    The answer's thinking is stripped first. A value is None where neither text has what it measures.
    """
    text = strip_thinking(answer.text)
    totals = {name: composite_reward(answer.text, reference, name) for name in PRESETS}
    return {
        **next(iter(totals.values())).parts,
        **{f"composite_{name}": score.total for name, score in totals.items()},
        "character_error_rate": character_error_rate(text, reference),
        "empty": float(not text.strip()),
        "clipped": float(answer.clipped),
        "repeated": repetition_rate(text),
    }


def character_error_rate(prediction: str, reference: str) -> float | None:
    """Levenshtein(a, b) / |b| of the visible texts, white space as one space; insertions count, so it may exceed 1.

    None where the reference shows no text.
    """
    a, b = _plain(prediction), _plain(reference)
    return Levenshtein.distance(a, b) / len(b) if b else None


def _plain(markdown: str) -> str:
    try:
        return normalise(visible_text(markdown))
    except RecursionError:  # an answer in a loop of ">": its marks are all there is
        return normalise(markdown)


def score_all(
    references: Sequence[str], answers: Mapping[str, Sequence[Answer]]
) -> dict[str, list[dict[str, float | None]]]:
    """System -> scores of each page, in the pages' order."""
    return {
        system: [page_scores(a, r) for a, r in zip(given, references, strict=True)] for system, given in answers.items()
    }


def score_table(pages: Sequence[DatasetPage], scores: Mapping[str, Sequence[PageScores]]) -> pa.Table:
    """One row for each system, page and part."""
    rows = [
        {
            "system": system,
            "doc_id": page.doc_id,
            "page_num": page.page_num,
            "family": page.family,
            "part": part,
            "value": value,
        }
        for system, per_page in scores.items()
        for page, parts in zip(pages, per_page, strict=True)
        for part, value in parts.items()
    ]
    return pa.Table.from_pylist(rows, SCORES)


def build_table(
    families: Sequence[str], scores: Mapping[str, Sequence[PageScores]], config: EvaluateConfig
) -> dict[str, Any]:
    """What `table.json` holds: the mean of each system and metric, and the paired difference of each two systems."""
    values = {(s, m): [parts[m] for parts in per_page] for s, per_page in scores.items() for m in METRICS}
    means = [
        {"system": s, "metric": m, **_row(mean_interval(v, families, config.resamples, _seed(config, m)), "mean")}
        for (s, m), v in values.items()
    ]
    differences = []
    for before, after in combinations(scores, 2):
        for name, metric in METRICS.items():
            gap = paired_difference(
                values[before, name], values[after, name], families, config.resamples, _seed(config, name)
            )
            row = _row(gap, "difference") | {"verdict": verdict(gap, metric.higher_is_better)}
            differences.append({"from": before, "to": after, "metric": name, **row})
    return {
        "pages": len(families),
        "families": len(set(families)),
        "confidence": CONFIDENCE,
        "resamples": config.resamples,
        "resampled": "families",
        "training_seeds": 1,
        "systems": list(scores),
        "metrics": [{"metric": name, **metric._asdict()} for name, metric in METRICS.items()],
        "means": means,
        "differences": differences,
    }


def _seed(config: EvaluateConfig, metric: str) -> str:
    return f"{config.seed} {metric}"


def _row(estimate: Estimate, name: str) -> dict[str, Any]:
    rounded = {k: None if v is None else round(v, _DIGITS) for k, v in estimate._asdict().items()}
    rounded[name] = rounded.pop("mean")
    return rounded
