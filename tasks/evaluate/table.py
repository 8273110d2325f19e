"""The table of an evaluation: the means of every system, and what differs between each two, in all and by slice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

from tasks.config import ScoreRun
from tasks.evaluate.metrics import CHARACTERS, METRICS, Metric
from tasks.evaluate.page_set import SetPage
from tasks.statistics import CONFIDENCE, Estimate, Runs, holm, mean_interval, paired_difference, verdict

PageScores = Mapping[str, float | None]
Systems = Mapping[str, Mapping[int | None, Sequence[PageScores]]]
"""System -> training seed -> scores of each page."""

SLICE_FAMILIES = 5
"""A slice of fewer families has no interval: in simulation one of five covers 83 %, and fewer cover less."""
SLICED = ("composite_v2", "facts", "edit_similarity", "character_error_rate")
PLAIN = "none of these"
_DIGITS = 6


def build_table(pages: Sequence[SetPage], systems: Systems, config: ScoreRun) -> dict[str, Any]:
    """What `table.json` holds: the mean of each system and metric, the paired difference of each two systems, and
    both for the slices of the pages. The same families are drawn for every figure over the same pages.

    A difference is over the pages where either system has a value; a system that rightly has none counts as 1.
    It is judged twice: `verdict` by its own interval, `holds` when its p-value is at most 0.05 after
    Holm's correction for the metrics of its comparison (for its slices, if it is one of a slice).
    """
    everything = range(len(pages))
    values = {name: {m: _runs(runs, m) for m in METRICS} for name, runs in systems.items()}
    measured = [
        m for m in METRICS if any(v is not None for by in values.values() for run in by[m].values() for v in run)
    ]
    figures = _Figures(pages, values, _weights(systems), config)
    return {
        "headline": "composite_v2" if "composite_v2" in measured else "facts",
        "pages": len(pages),
        "labelled": sum(page.label is not None for page in pages),
        "families": len({page.family for page in pages}),
        "confidence": CONFIDENCE,
        "resamples": config.resamples,
        "resampled": "families and training seeds",
        "training_seeds": max(len(runs) for runs in systems.values()),
        "systems": list(systems),
        "metrics": [{"metric": m, "label": METRICS[m].label, "kind": METRICS[m].kind} for m in measured],
        "unmeasured": [m for m in METRICS if m not in measured],
        "means": figures.means(measured, everything),
        "differences": _judged(figures.differences(measured, everything), ("from", "to")),
        "slices": _slices(figures, [m for m in SLICED if m in measured], pages),
    }


def slices_of(pages: Sequence[SetPage]) -> dict[str, dict[str, list[int]]]:
    """Dimension -> value -> places of its pages, the largest first. A page may be in several slices of a feature.

    A dimension that does not divide the pages is left out.
    """
    found: dict[str, dict[str, list[int]]] = {"language": {}, "source": {}, "feature": {}}
    for place, page in enumerate(pages):
        found["language"].setdefault(page.language or "unknown", []).append(place)
        found["source"].setdefault(page.source or "unknown", []).append(place)
        for feature in page.features or (PLAIN,):
            found["feature"].setdefault(feature, []).append(place)
    return {
        dimension: dict(sorted(by.items(), key=lambda item: (-len(item[1]), item[0])))
        for dimension, by in found.items()
        if len(by) > 1
    }


def flat_metrics(table: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What `metrics.json` holds: a row for each system, metric and slice ("all", or such as "language=ja")."""
    names = ("system", "metric", "slice", "mean", "low", "high", "n", "families", "seeds")
    rows = [{**row, "slice": "all"} for row in table["means"]]
    rows += [{**row, "slice": f"{row['dimension']}={row['value']}"} for row in table["slices"]["means"]]
    return [{name: row[name] for name in names} for row in rows]


class _Figures:
    """Means and differences over some of the pages."""

    def __init__(
        self,
        pages: Sequence[SetPage],
        values: Mapping[str, Mapping[str, Runs]],
        weights: Sequence[float],
        config: ScoreRun,
    ) -> None:
        self.families = [page.family for page in pages]
        self.values = values
        self.weights = weights
        self.resamples, self.seed = config.resamples, str(config.seed)

    def means(self, metrics: Sequence[str], places: Sequence[int]) -> list[dict[str, Any]]:
        def row(system: str, name: str) -> dict[str, Any]:
            runs = _some(self.values[system][name], places)
            found = _row(mean_interval(runs, **self._given(METRICS[name], places)), "mean")
            found.pop("p")
            return {"system": system, "metric": name, **found}

        # metric by metric: the values of one are known for the same families, whose draws are kept
        by_metric = [[row(system, name) for system in self.values] for name in metrics]
        return [row for rows in zip(*by_metric, strict=True) for row in rows]

    def differences(self, metrics: Sequence[str], places: Sequence[int]) -> list[dict[str, Any]]:
        def row(before: str, after: str, name: str) -> dict[str, Any]:
            a, b = (_some(self.values[system][name], places) for system in (before, after))
            if METRICS[name].kind == "score":
                a, b = _rightly_absent(a, b)
            gap = paired_difference(a, b, **self._given(METRICS[name], places))
            return {"from": before, "to": after, "metric": name, **_row(gap, "difference")}

        pairs = list(combinations(self.values, 2))
        by_metric = [[row(before, after, name) for before, after in pairs] for name in metrics]
        return [row for rows in zip(*by_metric, strict=True) for row in rows]

    def _given(self, metric: Metric, places: Sequence[int]) -> dict[str, Any]:
        weights = [self.weights[i] for i in places] if metric.weighted else None
        families = [self.families[i] for i in places]
        return {"families": families, "resamples": self.resamples, "seed": self.seed, "weights": weights}


def _rightly_absent(a: Runs, b: Runs) -> tuple[Runs, Runs]:
    """Where only some of the answers to a page have what is measured, and the page has not, the others are right: 1.

    Without this an answer's invented tables would cost it nothing in a comparison.
    """
    some = [any(v is not None for v in values) for values in zip(*a.values(), *b.values(), strict=True)]

    def filled(runs: Runs) -> Runs:
        return {
            seed: [1.0 if value is None and there else value for value, there in zip(values, some, strict=True)]
            for seed, values in runs.items()
        }

    return filled(a), filled(b)


def _slices(figures: _Figures, metrics: Sequence[str], pages: Sequence[SetPage]) -> dict[str, Any]:
    means: list[dict[str, Any]] = []
    differences: list[dict[str, Any]] = []
    for dimension, by in slices_of(pages).items():
        for value, places in by.items():
            slice_ = {"dimension": dimension, "value": value}
            means += [slice_ | _enough(row) for row in figures.means(metrics, places)]
            differences += [slice_ | _enough(row) for row in figures.differences(metrics, places)]
    judged = _judged(differences, ("from", "to", "metric"))
    return {"minimum_families": SLICE_FAMILIES, "metrics": list(metrics), "means": means, "differences": judged}


def _enough(row: dict[str, Any]) -> dict[str, Any]:
    return row if row["families"] >= SLICE_FAMILIES else row | dict.fromkeys({"low", "high", "p"} & row.keys())


def _judged(rows: list[dict[str, Any]], keys: Sequence[str]) -> list[dict[str, Any]]:
    """The rows with their verdicts; those with the same `keys` are corrected for their number together."""
    groups: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault(tuple(row[key] for key in keys), []).append(row)
    for group in groups.values():
        for row, adjusted in zip(group, holm([row["p"] for row in group]), strict=True):
            found = Estimate(row["difference"], row["low"], row["high"], row["n"], row["families"])
            row["verdict"] = verdict(found, METRICS[row["metric"]].higher_is_better)
            row["p_adjusted"] = None if adjusted is None else round(adjusted, _DIGITS)
            row["holds"] = row["verdict"] != "no evidence" and adjusted is not None and adjusted <= 1 - CONFIDENCE
    return rows


def _runs(runs: Mapping[int | None, Sequence[PageScores]], metric: str) -> Runs:
    part = METRICS[metric].part or metric
    return {seed: [parts[part] for parts in per_page] for seed, per_page in runs.items()}


def _weights(systems: Systems) -> list[float]:
    """Characters of each page's reference, which are the same for every system."""
    runs = next(iter(systems.values()))
    return [parts[CHARACTERS] or 0.0 for parts in next(iter(runs.values()))]


def _some(runs: Runs, places: Sequence[int]) -> Runs:
    return {seed: [values[i] for i in places] for seed, values in runs.items()}


def _row(estimate: Estimate, name: str) -> dict[str, Any]:
    rounded = {k: None if v is None else round(v, _DIGITS) for k, v in estimate._asdict().items()}
    rounded[name] = rounded.pop("mean")
    return rounded
