from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.statistics import Estimate, Values, holm, mean_interval, paired_difference, ratio_interval, verdict


def drawn(seed: int, families: int, pages: int, spread: float) -> tuple[list[float], list[str]]:
    """Values around 0: an effect of the family, and noise of the page."""
    rng = np.random.default_rng(seed)
    member = np.repeat(np.arange(families), pages)
    values = rng.normal(0, spread, families)[member] + rng.normal(0, 1, families * pages)
    return values.tolist(), [str(f) for f in member]


def mean_of(values: Values, families: list[str], resamples: int = 500, seed: str = "") -> Estimate:
    return mean_interval({None: values}, families, resamples, seed)


def hits(estimate: Estimate) -> bool:
    assert estimate.low is not None
    assert estimate.high is not None
    return estimate.low <= 0 <= estimate.high


def width(estimate: Estimate) -> float:
    return (estimate.high or 0) - (estimate.low or 0)


def coverage(runs: int, *, whole_families: bool) -> float:
    found = 0
    for run in range(runs):
        values, families = drawn(run, families=40, pages=10, spread=1.0)
        units = families if whole_families else [str(i) for i in range(len(values))]
        found += hits(mean_of(values, units, 400, str(run)))
    return found / runs


def test_intervals_cover_about_95_percent_because_families_are_drawn_whole() -> None:
    assert 0.89 <= coverage(400, whole_families=True) <= 0.98
    assert coverage(200, whole_families=False) < 0.75


def test_intervals_over_seeds_cover_what_the_docstring_says() -> None:
    """Five seeds whose effect is half of the families': 90 %; as if they were one seed: far less."""
    both, families_alone = 0, 0
    for run in range(300):
        rng = np.random.default_rng(run)
        member = np.repeat(np.arange(22), 4)
        page = rng.normal(0, 1, 22)[member]
        runs = {s: (page + rng.normal(0, 0.5) + rng.normal(0, 1, 88)).tolist() for s in range(5)}
        families = [str(f) for f in member]
        both += hits(mean_interval(runs, families, 400, str(run)))
        families_alone += hits(mean_of(runs[0], families, 400, str(run)))
    assert 0.85 <= both / 300 <= 0.96
    assert families_alone / 300 < 0.8


def test_wide_family_effects_widen_the_interval() -> None:
    assert width(mean_of(*drawn(0, 30, 10, 2.0), 2_000)) > 3 * width(mean_of(*drawn(0, 30, 10, 0.0), 2_000))


def test_mean_counts_pages_and_the_interval_is_that_of_the_formula() -> None:
    """Two families: both resamples of one family are a quarter each, so the ends are the families' own means."""
    values, families = [0.0, 0.0, 0.0, 1.0], ["a", "a", "a", "b"]
    assert mean_of(values, families, 2_000)[:6] == (0.25, 0.0, 1.0, 4, 2, 1)


def test_deterministic_and_independent_of_the_global_generator() -> None:
    values, families = drawn(1, 12, 5, 1.0)
    np.random.seed(1)
    first = mean_of(values, families, 1_500, "a")
    np.random.seed(2)
    assert mean_of(values, families, 1_500, "a") == first
    other = mean_of(values, families, 1_500, "b")
    assert other.mean == first.mean
    assert other.low != first.low


def test_the_order_of_pages_does_not_matter() -> None:
    values, families = drawn(3, 12, 5, 1.0)
    turned = mean_of(values[::-1], families[::-1])
    assert turned[1:] == pytest.approx(mean_of(values, families)[1:], abs=1e-12)


def test_missing_values_are_left_out_in_pairs() -> None:
    before = [0.1, None, 0.5, None, 0.2]
    after = [0.3, 0.9, None, None, 0.8]
    gap = paired_difference({None: before}, {None: after}, ["a", "a", "b", "b", "c"], 500)
    assert gap.mean == pytest.approx(0.4)
    assert (gap.n, gap.families) == (2, 2)


def test_fewer_than_two_families_have_no_interval() -> None:
    assert mean_of([0.2, 0.4], ["a", "a"]) == Estimate(pytest.approx(0.3), None, None, 2, 1)
    assert mean_of([None], ["a"]) == Estimate(None, None, None, 0, 0)
    assert verdict(mean_of([0.2, 0.4], ["a", "a"])) == "no evidence"


def test_lengths_must_agree() -> None:
    with pytest.raises(ValueError, match="for 2 pages"):
        mean_of([0.1], ["a", "b"])
    with pytest.raises(ValueError, match="each needs a value for every page"):
        mean_interval({0: [0.1], 1: [0.1, 0.2]}, ["a", "b"])
    with pytest.raises(ValueError, match="runs of"):
        mean_interval({}, ["a"])


def test_seeds_that_agree_add_nothing() -> None:
    values, families = drawn(5, 12, 5, 1.0)
    one, three = mean_of(values, families), mean_interval(dict.fromkeys(range(3), values), families, 500)
    assert three.seeds == 3
    assert three[:3] == pytest.approx(one[:3])


def test_seeds_that_differ_widen_the_interval() -> None:
    values, families = drawn(5, 12, 5, 1.0)
    apart = {s: [v + 3 * s for v in values] for s in range(3)}
    assert width(mean_interval(apart, families, 500)) > 2 * width(mean_of(values, families))


def test_the_same_seeds_are_compared_with_each_other() -> None:
    """Runs that differ much, but by the same step: paired by seed nothing but the step is left."""
    values, families = drawn(6, 12, 5, 1.0)
    before = {s: [v + 3 * s for v in values] for s in range(3)}
    after = {s: [v + 0.5 for v in run] for s, run in before.items()}
    paired = paired_difference(before, after, families, 500)
    assert paired[:3] == pytest.approx((0.5, 0.5, 0.5))
    others = paired_difference(before, {s + 7: run for s, run in after.items()}, families, 500)
    assert others.mean == pytest.approx(0.5)
    assert hits(others)
    assert others.seeds == 3


def test_one_run_is_compared_with_each_of_several() -> None:
    values, families = drawn(6, 12, 5, 1.0)
    after = {s: [v + 1 + 0.1 * s for v in values] for s in range(3)}
    gap = paired_difference({None: values}, after, families, 500)
    assert (gap.mean, gap.low, gap.high) == pytest.approx((1.1, 1.0, 1.2))
    assert (gap.n, gap.seeds) == (60, 3)


def test_weights_make_a_total_of_a_mean() -> None:
    edits, lengths = [1.0, 9.0, 4.0], [10.0, 10.0, 80.0]
    rates = [e / n for e, n in zip(edits, lengths, strict=True)]
    families = ["a", "b", "c"]
    total = mean_interval({None: rates}, families, 500, weights=lengths)
    assert total.mean == pytest.approx(14 / 100)
    ratio = ratio_interval(np.array([edits]), np.array([lengths]), families, 500)
    assert total[:3] == pytest.approx(ratio[:3])


@given(st.lists(st.floats(-1, 1), min_size=4, max_size=12), st.integers(0, 5))
def test_a_difference_turns_with_its_sides(values: list[float], seed: int) -> None:
    families = [str(i % 3) for i in range(len(values))]
    zero: Values = [0.0] * len(values)
    there = paired_difference({None: zero}, {None: values}, families, 200, str(seed))
    back = paired_difference({None: values}, {None: zero}, families, 200, str(seed))
    assert (there.low, there.high) == pytest.approx((-(back.high or 0), -(back.low or 0)))
    assert there.p == back.p
    assert 0 < (there.p or 0) <= 1


def test_the_p_value_agrees_with_the_interval() -> None:
    for seed in range(40):
        values, families = drawn(seed, 22, 4, 1.0)
        found = mean_of([v + 0.4 for v in values], families, 2_000)
        assert ((found.p or 0) < 0.05) == (not hits(found)) or abs((found.p or 0) - 0.05) < 0.003


def test_holm_is_that_of_the_paper() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([None, 0.02, None, 0.9]) == [None, 0.04, None, 0.9]
    assert holm([]) == []


@given(st.lists(st.one_of(st.none(), st.floats(0, 1)), max_size=12))
def test_correction_never_helps_and_keeps_the_order(values: list[float | None]) -> None:
    adjusted = holm(values)
    known = sorted((p, a) for p, a in zip(values, adjusted, strict=True) if p is not None and a is not None)
    assert all(p <= a <= 1 for p, a in known)
    assert [a for _, a in known] == sorted(a for _, a in known)


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
