"""Intervals over images, seeds and pairs of seeds."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from tasks.intervals import Interval, over_seeds, paired, steps_to, times_as_long, wilson


def test_a_share_has_wilsons_interval() -> None:
    found = wilson(14, 100)
    z, p, n = 1.959964, 0.14, 100
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    assert found.value == 0.14
    assert (found.low, found.high) == pytest.approx((centre - half, centre + half), abs=1e-6)
    assert wilson(0, 1000).high == pytest.approx(0.00383, abs=1e-4), "not a point where all agree"
    assert wilson(0, 0).value is None


def test_a_mean_over_seeds_has_students_interval() -> None:
    values = [0.91, 0.84, 0.88, 0.95]
    found = over_seeds(values, null=0.8)
    expected = stats.ttest_1samp(values, 0.8)
    assert found[:3] == pytest.approx((np.mean(values), *expected.confidence_interval(0.95)))
    assert found.p == pytest.approx(expected.pvalue)
    assert found.n == 4
    assert over_seeds([0.5]) == Interval(0.5, None, None, 1)
    assert over_seeds([]).value is None
    assert over_seeds([0.0, 0.0, 0.0])[1:] == (0.0, 0.0, 3, 1.0, 0), "runs that are the same are a tie"


def test_the_interval_of_three_seeds_covers_the_mean() -> None:
    rng = np.random.default_rng(0)
    covered = 0
    for values in rng.normal(0.3, 0.1, (1000, 3)):
        found = over_seeds([*values])
        assert found.low is not None
        assert found.high is not None
        covered += found.low <= 0.3 <= found.high
    assert 930 <= covered <= 970  # a bootstrap of three values covers about 750


def test_differences_are_paired_by_seed() -> None:
    before, after = {0: 0.5, 1: 0.7, 2: 0.9, 9: 0.1}, {2: 0.95, 1: 0.75, 0: 0.56}
    expected = stats.ttest_rel([0.56, 0.75, 0.95], [0.5, 0.7, 0.9])
    found = paired(before, after)
    assert found.n == 3
    assert (found.low, found.high) == pytest.approx(tuple(expected.confidence_interval(0.95)))
    assert found.p == pytest.approx(expected.pvalue)


def test_a_speed_up_is_a_ratio_over_pairs() -> None:
    found = times_as_long({0: 200, 1: 400}, {0: 100, 1: 100}, 450)
    assert found.value == pytest.approx(math.sqrt(8))
    assert found.low is not None
    assert found.high is not None
    assert found.low * found.high == pytest.approx(8), "symmetric in the logarithm"
    assert times_as_long({0: 200, 1: 200, 2: 200}, {0: 100, 1: 100, 2: 100}, 450)[:3] == pytest.approx((2, 2, 2))


def test_what_never_got_there_bounds_a_speed_up() -> None:
    least = times_as_long({0: None, 1: 400}, {0: 100, 1: 100}, 450)
    assert least.value == pytest.approx(math.sqrt(4.5 * 4))
    assert (least.high, least.bound) == (None, 1)
    assert least.low is not None
    assert times_as_long({0: None, 1: 300}, {0: None, 1: 100}, 450)[:1] == pytest.approx((3,)), "no pair"
    assert times_as_long({0: 100, 1: 300}, {0: None, 1: 100}, 450).value is None, "slower, nobody knows how much"
    assert times_as_long({0: None}, {0: None}, 450).value is None
    assert times_as_long({0: 100}, {1: 100}, 450).n == 0


@given(st.lists(st.integers(0, 32), max_size=40), st.integers(1, 8), st.sampled_from([0.25, 0.5, 0.9]))
def test_steps_to_a_level(right: list[int], window: int, level: float) -> None:
    values = [count / 32 for count in right]
    means = [(end, sum(values[end - window : end]) / window) for end in range(window, len(values) + 1)]
    assert steps_to(values, level, window) == next((end for end, mean in means if mean >= level - 1e-9), None)
