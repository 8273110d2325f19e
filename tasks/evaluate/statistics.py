"""Means and paired differences with intervals, families resampled whole."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tasks.records import digest

CONFIDENCE = 0.95
ENOUGH_FAMILIES = 20
_CHUNK = 1_000  # resamples drawn at once, so that memory stays bounded with many families


class Estimate(NamedTuple):
    """A mean over `n` pages of `families` families, and the ends of its interval.

    `mean` is None where there is no page; `low` and `high` are None below two families.
    """

    mean: float | None
    low: float | None
    high: float | None
    n: int
    families: int


def mean_interval(
    values: Sequence[float | None], families: Sequence[str], resamples: int = 10_000, seed: str = ""
) -> Estimate:
    """Mean over the pages that have a value, with a percentile 95 % interval of a cluster bootstrap.

        mean* = sum_f w_f s_f / sum_f w_f n_f,   w ~ Multinomial(F, 1/F)

    where s_f and n_f are the sum and the number of the values of family f. Pages of one family are alike, so whole
    families are drawn with replacement, each with all its pages: an interval over single pages would be too narrow.
    In simulation it covers 93 % at F = 40, 92 % at 20, 86 to 90 % at 10, 83 % at 5.

    Sources: Efron and Tibshirani, An Introduction to the Bootstrap (1993), ch. 13; Cameron, Gelbach and Miller,
    Bootstrap-Based Improvements for Inference with Clustered Errors (2008), sec. 3.

    Raises ValueError where `values` and `families` differ in length.
    """
    pairs = [(v, f) for v, f in zip(values, families, strict=True) if v is not None]
    if not pairs:
        return Estimate(None, None, None, 0, 0)
    kept = np.array([v for v, _ in pairs], dtype=np.float64)
    names, member = np.unique([f for _, f in pairs], return_inverse=True)
    mean = float(kept.mean())
    if len(names) < 2:
        return Estimate(mean, None, None, len(kept), len(names))
    sums: NDArray[np.float64] = np.bincount(member, weights=kept).astype(np.float64)
    means = _resampled_means(sums, np.bincount(member), resamples, seed)
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(means, (tail, 1 - tail))
    return Estimate(mean, float(low), float(high), len(kept), len(names))


def paired_difference(
    before: Sequence[float | None],
    after: Sequence[float | None],
    families: Sequence[str],
    resamples: int = 10_000,
    seed: str = "",
) -> Estimate:
    """Mean of after - before over the pages where both have a value, with the interval of `mean_interval`."""
    gaps = [None if a is None or b is None else a - b for b, a in zip(before, after, strict=True)]
    return mean_interval(gaps, families, resamples, seed)


def verdict(difference: Estimate, higher_is_better: bool = True) -> str:
    """ "better" or "worse" where the interval leaves zero out, else "no evidence"."""
    if difference.low is None or difference.high is None or difference.low <= 0 <= difference.high:
        return "no evidence"
    return "better" if (difference.low > 0) == higher_is_better else "worse"


def _resampled_means(
    sums: NDArray[np.float64], counts: NDArray[np.intp], resamples: int, seed: str
) -> NDArray[np.float64]:
    """Means of `resamples` draws of len(sums) families with replacement: (F,), (F,) -> (resamples,)."""
    rng = np.random.default_rng(int(digest("bootstrap", seed), 16))
    size = len(sums)
    means = []
    for first in range(0, resamples, _CHUNK):
        weights = rng.multinomial(size, np.full(size, 1 / size), min(_CHUNK, resamples - first))
        means.append((weights @ sums) / (weights @ counts))
    return np.concatenate(means)
