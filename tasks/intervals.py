"""Intervals of a counting study: over images within one training seed, over training seeds, over pairs of seeds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from tasks.statistics import CONFIDENCE


class Interval(NamedTuple):
    """A value over `n` (images, seeds or pairs of seeds) and the ends of its 95 % interval; `p` is two-sided.

    `value` is None where nothing was measured, the ends where n is too small for an interval. `bound`: so many of the
    n are known as "at least" only.
    """

    value: float | None
    low: float | None
    high: float | None
    n: int
    p: float | None = None
    bound: int = 0


NOTHING = Interval(None, None, None, 0)


def wilson(count: int, n: int) -> Interval:
    """A share with its score interval: of `n` images, the model being given.

    Source: Wilson, Probable Inference, the Law of Succession, and Statistical Inference (1927).
    """
    from scipy.stats import binomtest

    if not n:
        return NOTHING
    found = binomtest(count, n).proportion_ci(CONFIDENCE, method="wilson")
    return Interval(count / n, float(found.low), float(found.high), n)


def over_seeds(values: Sequence[float], null: float = 0.0) -> Interval:
    """Mean over training seeds with Student's t interval; p is that of a mean of `null`.

        mean +- t(0.975, n - 1) s / sqrt(n)

    The seed is what varies: the images are the same for all of them, so this is about other seeds on these images. Few
    seeds make it wide (t = 4.3 at three); a bootstrap of three values would be far too narrow. Where all are equal the
    interval is a point.
    """
    from scipy.stats import t

    n = len(values)
    if not n:
        return NOTHING
    mean = float(np.mean(values))
    if n < 2:
        return Interval(mean, None, None, n)
    error = float(np.std(values, ddof=1)) / math.sqrt(n)
    half = float(t.ppf((1 + CONFIDENCE) / 2, n - 1)) * error
    p = 2 * float(t.sf(abs(mean - null) / error, n - 1)) if error else float(mean == null)
    return Interval(mean, mean - half, mean + half, n, p)


def paired(before: Mapping[int, float], after: Mapping[int, float]) -> Interval:
    """Mean of after - before over the seeds that both have, with the interval of `over_seeds`.

    Runs of one seed see the same images in the same order, so what the seed does to both cancels.
    """
    return over_seeds([after[seed] - before[seed] for seed in before if seed in after])


def times_as_long(slow: Mapping[int, int | None], fast: Mapping[int, int | None], limit: int) -> Interval:
    """Geometric mean of slow / fast over the seeds that both have, steps to some level, with a t interval of the
    logarithms; p is that of a ratio of one.

    None: not reached within `limit` steps. Where only `fast` reached it the ratio is at least limit / fast; it is taken
    as that, counted in `bound`, and there is no upper end. Where `fast` did not reach it the pair says nothing, unless
    `slow` did: then nothing can be said of the mean at all, and the value is None.
    """
    logs, bound = [], 0
    for seed in slow:
        a, b = slow[seed], fast.get(seed)
        if b is None:
            if a is not None and seed in fast:
                return NOTHING
            continue
        bound += a is None
        logs.append(math.log((limit if a is None else a) / b))
    found = over_seeds(logs)
    if found.value is None:
        return NOTHING
    low = None if found.low is None else math.exp(found.low)
    high = None if found.high is None or bound else math.exp(found.high)
    return Interval(math.exp(found.value), low, high, found.n, found.p, bound)


def steps_to(values: Sequence[float], level: float, window: int) -> int | None:
    """The first step at which the mean of the last `window` values is at least `level`; None where none is."""
    if len(values) < window:
        return None
    sums = np.convolve(np.asarray(values, float), np.ones(window), "valid")
    reached = np.flatnonzero(sums >= level * window - 1e-9)
    return int(reached[0]) + window if len(reached) else None
