from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.guidance_config import GuidanceConfig
from tasks.train.guidance import choose, share_at, summary

REWARDS = st.sampled_from([-1.0, 0.0, 0.5, 0.9, 1.0])
GROUPS = st.integers(2, 6).flatmap(
    lambda size: st.lists(st.lists(REWARDS, min_size=size, max_size=size), min_size=1, max_size=6)
)
CONFIGS = st.builds(
    GuidanceConfig,
    mode=st.sampled_from(["none", "all_wrong", "share"]),
    tau=st.sampled_from([0.9, 1.0]),
    share=st.floats(0, 1),
    schedule=st.sampled_from(["constant", "linear"]),
    until=st.floats(0.01, 1),
)
STEPS = st.integers(1, 500).flatmap(lambda steps: st.tuples(st.integers(0, steps - 1), st.just(steps)))


@settings(max_examples=50)
@given(CONFIGS, GROUPS, st.integers(0, 99), STEPS)
def test_who_is_helped(config: GuidanceConfig, groups: list[list[float]], seed: int, at: tuple[int, int]) -> None:
    chosen = choose(config, groups, seed, *at)
    assert chosen == choose(config, groups, seed, *at)
    assert all(0 <= place < len(groups[group]) for group, place in chosen.items())
    wrong = {i for i, group in enumerate(groups) if max(group) < config.tau}
    if config.mode == "none":
        assert not chosen
    if config.mode == "all_wrong":
        assert chosen.keys() <= wrong
        if share_at(config, *at) == 1:
            assert chosen.keys() == wrong
    if config.mode == "share" and share_at(config, *at) == 1:
        assert chosen.keys() == set(range(len(groups)))


@settings(max_examples=50)
@given(CONFIGS, GROUPS, st.integers(0, 99), STEPS, st.floats(0, 1))
def test_a_larger_share_helps_the_same_and_more(
    config: GuidanceConfig, groups: list[list[float]], seed: int, at: tuple[int, int], factor: float
) -> None:
    smaller = config.model_copy(update={"share": config.share * factor})
    assert choose(smaller, groups, seed, *at).items() <= choose(config, groups, seed, *at).items()


@settings(max_examples=50)
@given(CONFIGS, GROUPS, STEPS)
def test_groups_do_not_depend_on_their_neighbours(
    config: GuidanceConfig, groups: list[list[float]], at: tuple[int, int]
) -> None:
    whole = choose(config, groups, 0, *at)
    first = choose(config, groups[:1], 0, *at)
    assert first == {group: place for group, place in whole.items() if group == 0}


@settings(max_examples=50)
@given(CONFIGS, STEPS)
def test_the_share_never_rises(config: GuidanceConfig, at: tuple[int, int]) -> None:
    step, steps = at
    share = share_at(config, step, steps)
    assert 0 <= share_at(config, step + 1, steps) <= share <= config.share
    if config.schedule == "linear" and step >= config.until * steps:
        assert share == 0


def test_the_articles_question_of_tapering() -> None:
    config = GuidanceConfig(mode="all_wrong", share=0.8, schedule="linear", until=0.7)
    shares = [share_at(config, step, 100) for step in (0, 35, 69, 70, 99)]
    assert shares == pytest.approx([0.8, 0.4, 0.8 / 70, 0, 0])
    helped = [len(choose(config, [[-1.0] * 8] * 4000, 0, step, 100)) / 4000 for step in (0, 35, 70)]
    assert helped == pytest.approx([*shares[:2], 0], abs=0.03)


def test_any_answer_of_a_group_may_give_way() -> None:
    places = choose(GuidanceConfig(mode="share"), [[0.0] * 8] * 800, 0, 3, 10).values()
    assert {place: list(places).count(place) for place in range(8)} == pytest.approx(
        dict.fromkeys(range(8), 100), abs=40
    )


@settings(max_examples=50)
@given(CONFIGS, GROUPS, st.integers(0, 99), STEPS)
def test_what_is_logged(config: GuidanceConfig, groups: list[list[float]], seed: int, at: tuple[int, int]) -> None:
    chosen = choose(config, groups, seed, *at)
    after = [
        [1.0 if chosen.get(i) == place else reward for place, reward in enumerate(group)]
        for i, group in enumerate(groups)
    ]
    row = summary(config, groups, after, chosen)
    own = [reward for group in groups for reward in group]
    assert row["policy/reward"] == pytest.approx(sum(own) / len(own))
    assert row["policy/right"] == pytest.approx(sum(reward >= config.tau for reward in own) / len(own))
    assert row["policy/signal"] == sum(len(set(group)) > 1 for group in groups) / len(groups)
    assert row["guidance/injected"] == len(chosen) / len(groups)
    parts = row["guidance/signal"] + row["guidance/all_right"] + row["guidance/all_wrong"]
    assert parts == pytest.approx(1)
    if config.mode == "all_wrong" and share_at(config, *at) == 1:
        assert row["guidance/all_wrong"] == 0


def test_rewards_that_a_float_of_32_bits_rounds() -> None:
    config = GuidanceConfig(mode="all_wrong", tau=0.9)
    assert choose(config, [[0.8999999762, 0.0]], 0, 0, 1) == {}
    assert choose(config, [[0.89, 0.0]], 0, 0, 1).keys() == {0}
