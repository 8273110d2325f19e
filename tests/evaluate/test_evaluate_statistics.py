from __future__ import annotations

import numpy as np
import pytest

from tasks.evaluate.statistics import Estimate, mean_interval, paired_difference, verdict


def drawn(seed: int, families: int, pages: int, spread: float) -> tuple[list[float], list[str]]:
    """Values around 0: an effect of the family, and noise of the page."""
    rng = np.random.default_rng(seed)
    member = np.repeat(np.arange(families), pages)
    values = rng.normal(0, spread, families)[member] + rng.normal(0, 1, families * pages)
    return values.tolist(), [str(f) for f in member]


def coverage(runs: int, *, whole_families: bool) -> float:
    hits = 0
    for run in range(runs):
        values, families = drawn(run, families=40, pages=10, spread=1.0)
        units = families if whole_families else [str(i) for i in range(len(values))]
        _, low, high, _, _ = mean_interval(values, units, 400, str(run))
        assert low is not None
        assert high is not None
        hits += low <= 0 <= high
    return hits / runs


def test_intervals_cover_about_95_percent_because_families_are_drawn_whole() -> None:
    assert 0.89 <= coverage(400, whole_families=True) <= 0.98
    assert coverage(200, whole_families=False) < 0.75


def test_wide_family_effects_widen_the_interval() -> None:
    def width(spread: float) -> float:
        _, low, high, _, _ = mean_interval(*drawn(0, 30, 10, spread), 2_000)
        return (high or 0) - (low or 0)

    assert width(2.0) > 3 * width(0.0)


def test_mean_counts_pages_and_the_interval_is_that_of_the_formula() -> None:
    """Two families: both resamples of one family are a quarter each, so the ends are the families' own means."""
    values, families = [0.0, 0.0, 0.0, 1.0], ["a", "a", "a", "b"]
    assert mean_interval(values, families, 2_000) == Estimate(0.25, 0.0, 1.0, 4, 2)


def test_deterministic_and_independent_of_the_global_generator() -> None:
    values, families = drawn(1, 12, 5, 1.0)
    np.random.seed(1)
    first = mean_interval(values, families, 1_500, "a")
    np.random.seed(2)
    assert mean_interval(values, families, 1_500, "a") == first
    other = mean_interval(values, families, 1_500, "b")
    assert other.mean == first.mean
    assert other.low != first.low


def test_missing_values_are_left_out_in_pairs() -> None:
    before = [0.1, None, 0.5, None, 0.2]
    after = [0.3, 0.9, None, None, 0.8]
    gap = paired_difference(before, after, ["a", "a", "b", "b", "c"], 500)
    assert gap.mean == pytest.approx(0.4)
    assert (gap.n, gap.families) == (2, 2)


def test_fewer_than_two_families_have_no_interval() -> None:
    assert mean_interval([0.2, 0.4], ["a", "a"]) == Estimate(pytest.approx(0.3), None, None, 2, 1)
    assert mean_interval([None], ["a"]) == Estimate(None, None, None, 0, 0)
    assert verdict(mean_interval([0.2, 0.4], ["a", "a"])) == "no evidence"


def test_lengths_must_agree() -> None:
    with pytest.raises(ValueError, match="zip"):
        mean_interval([0.1], ["a", "b"])


@pytest.mark.parametrize(
    ("low", "high", "up", "down"),
    [
        (0.1, 0.2, "better", "worse"),
        (-0.2, -0.1, "worse", "better"),
        (-0.1, 0.1, "no evidence", "no evidence"),
        (0.0, 0.2, "no evidence", "no evidence"),
        (0.0, 0.0, "no evidence", "no evidence"),
    ],
)
def test_verdict_follows_the_interval(low: float, high: float, up: str, down: str) -> None:
    estimate = Estimate((low + high) / 2, low, high, 10, 5)
    assert verdict(estimate) == up
    assert verdict(estimate, higher_is_better=False) == down
