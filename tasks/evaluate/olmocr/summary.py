"""What the verdicts of olmOCR's checker add up to, with intervals: families are PDFs, resampled whole."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.records import digest
from tasks.statistics import CONFIDENCE, Estimate, mean_interval

_CHUNK = 1_000  # resamples drawn at once, so that memory stays bounded with many PDFs


@dataclass(frozen=True, slots=True)
class Verdict:
    """The checker's verdict on one test. `by_nothing`: an empty answer passes it."""

    id: str
    category: str
    pdf: str
    page: int
    kind: str
    passed: bool
    by_nothing: bool
    explanation: str


def summary(verdicts: Sequence[Verdict], resamples: int, seed: int) -> dict[str, Any]:
    """Pass rates by category and by kind of test, and two headlines, each a mean of categories with equal weight:
    `official` over all of them, `hard` over those that ask for more than an empty answer or any text at all.

    Beside each rate stands that of an empty answer.
    """
    categories, kinds = _groups(verdicts, "category"), _groups(verdicts, "kind")
    easy = {name for name, group in categories.items() if is_easy(group)}
    rows = [
        {"category": name, "easy": name in easy, **_row(group, resamples, seed)} for name, group in categories.items()
    ]
    return {
        "rows": rows,
        "kinds": [{"kind": name, **_row(group, resamples, seed)} for name, group in kinds.items()],
        "official": _headline(verdicts, set(categories), resamples, seed),
        "hard": _headline(verdicts, set(categories) - easy, resamples, seed),
    }


def is_easy(group: Sequence[Verdict]) -> bool:
    """Most tests of the category only ask that something is absent, or that the page is not empty and not endless."""
    return 2 * sum(v.kind in ("absent", "baseline") for v in group) > len(group)


def mean_of_categories(verdicts: Sequence[Verdict], resamples: int, seed: int) -> Estimate:
    """Mean over categories of the share of tests passed, with a percentile 95 % interval of a stratified bootstrap.

        mean* = 1/C sum_c (sum_p w_p s_pc) / (sum_p w_p n_pc)

    where s_pc and n_pc are the tests passed and the tests of category c on PDF p. Within each stratum, the PDFs that
    have tests of the same categories, whole PDFs are drawn with replacement, as many as it has; so every category
    keeps PDFs, and a PDF with tests in several counts in all of them at once. A stratum of one PDF does not vary: with
    such the interval is too narrow. It is None where every stratum is.

    Source of the mean: olmocr.bench.benchmark, "average of per-JSONL scores". Its own interval resamples single tests.
    """
    if not verdicts:
        return Estimate(None, None, None, 0, 0)
    pdfs, row = np.unique([v.pdf for v in verdicts], return_inverse=True)
    names, column = np.unique([v.category for v in verdicts], return_inverse=True)
    passed, tests = np.zeros((2, len(pdfs), len(names)))
    np.add.at(tests, (row, column), 1)
    np.add.at(passed, (row, column), [v.passed for v in verdicts])
    mean = float((passed.sum(0) / tests.sum(0)).mean())
    _, stratum = np.unique(tests > 0, axis=0, return_inverse=True)
    strata = [np.flatnonzero(stratum.reshape(-1) == s) for s in range(int(stratum.max()) + 1)]
    if all(len(members) < 2 for members in strata):
        return Estimate(mean, None, None, len(verdicts), len(pdfs))
    rng = np.random.default_rng(int(digest("olmocr", str(seed)), 16))
    means = np.concatenate(
        [
            _resampled(rng, strata, passed, tests, min(_CHUNK, resamples - first))
            for first in range(0, resamples, _CHUNK)
        ]
    )
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(means, (tail, 1 - tail))
    return Estimate(mean, float(low), float(high), len(verdicts), len(pdfs))


def _resampled(
    rng: np.random.Generator,
    strata: Sequence[NDArray[np.intp]],
    passed: NDArray[np.float64],
    tests: NDArray[np.float64],
    count: int,
) -> NDArray[np.float64]:
    """`count` means of categories: passed, tests (P, C) -> (count,)."""
    weights = np.zeros((count, len(tests)))
    for members in strata:
        size = len(members)
        weights[:, members] = rng.multinomial(size, np.full(size, 1 / size), count)
    means: NDArray[np.float64] = ((weights @ passed) / (weights @ tests)).mean(axis=1)
    return means


def _groups(verdicts: Sequence[Verdict], name: str) -> Mapping[str, list[Verdict]]:
    groups: dict[str, list[Verdict]] = defaultdict(list)
    for verdict in verdicts:
        groups[getattr(verdict, name)].append(verdict)
    return dict(sorted(groups.items()))


def _row(group: Sequence[Verdict], resamples: int, seed: int) -> dict[str, Any]:
    rate = mean_interval({None: [float(v.passed) for v in group]}, [v.pdf for v in group], resamples, f"olmocr {seed}")
    return {
        "tests": rate.n,
        "passed": sum(v.passed for v in group),
        "rate": rate.mean,
        "low": rate.low,
        "high": rate.high,
        "pdfs": rate.families,
        "empty answer": sum(v.by_nothing for v in group) / len(group),
    }


def _headline(
    verdicts: Sequence[Verdict], categories: Collection[str], resamples: int, seed: int
) -> dict[str, float | int | None]:
    chosen = [v for v in verdicts if v.category in categories]
    rate = mean_of_categories(chosen, resamples, seed)
    by_nothing = [np.mean([v.by_nothing for v in group]) for group in _groups(chosen, "category").values()]
    return {
        "rate": rate.mean,
        "low": rate.low,
        "high": rate.high,
        "tests": rate.n,
        "pdfs": rate.families,
        "empty answer": float(np.mean(by_nothing)) if by_nothing else None,
    }
