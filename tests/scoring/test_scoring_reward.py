"""The composite reward and its weights."""

import math

import pytest
from scoring_pages import INSTALL, LISTS, PROSE

from tasks.records import Score, UsageError
from tasks.scoring import PARTS, PRESETS, composite_reward, score_page


def test_presets_are_those_of_the_article() -> None:
    assert list(PRESETS["v2"].values()) == [0.40, 0.25, 0.20, 0.15]
    assert list(PRESETS["v3"].values()) == [0.60, 0.15, 0.15, 0.10]


def test_total_is_the_weighted_mean_of_the_parts() -> None:
    score = composite_reward(LISTS, INSTALL)
    assert isinstance(score, Score)
    assert dict(score.parts) == score_page(LISTS, INSTALL)
    assert tuple(score.parts) == PARTS
    assert score.total == pytest.approx(sum(w * score.parts[name] for name, w in PRESETS["v2"].items()))


def test_weight_of_a_missing_part_is_shared() -> None:
    answer = PROSE.replace("lighthouse", "tower")
    parts = score_page(answer, PROSE)
    assert parts["heading_f1"] is None
    expected = (0.40 * parts["edit_similarity"] + 0.25 * parts["reading_order"] + 0.15 * parts["structure"]) / 0.80
    assert composite_reward(answer, PROSE).total == pytest.approx(expected)


def test_weights_may_be_a_mapping() -> None:
    answer = INSTALL.replace("## Upgrading", "Upgrading")
    parts = score_page(answer, INSTALL)
    assert composite_reward(answer, INSTALL, {"heading_f1": 2}).total == pytest.approx(parts["heading_f1"])
    mixed = composite_reward(answer, INSTALL, {"heading_recall": 1, "word_f1": 3, "structure": 0})
    assert mixed.total == pytest.approx((parts["heading_recall"] + 3 * parts["word_f1"]) / 4)


def test_where_no_weighted_part_applies_the_edit_similarity_stands_in() -> None:
    assert composite_reward(PROSE, PROSE, {"table_teds": 1}).total == 1
    assert 0 < composite_reward(PROSE[:300], PROSE, {"table_teds": 1}).total < 0.5
    assert composite_reward("", "", {"table_teds": 1}).total == 1


@pytest.mark.parametrize(
    ("weights", "names"),
    [
        ("v9", "v9"),
        ({"heading": 1}, "heading"),
        ({"structure": -0.1}, "structure"),
        ({"structure": math.nan}, "structure"),
        ({"structure": math.inf}, "structure"),
        ({"structure": "1"}, "structure"),
        ({"structure": 0.0}, "zero"),
        ({}, "zero"),
        (None, "NoneType"),
    ],
)
def test_bad_weights_are_named_in_one_line(weights: object, names: str) -> None:
    with pytest.raises(UsageError, match=names) as caught:
        composite_reward("a", "a", weights)
    assert "\n" not in str(caught.value)


def test_thinking_is_not_scored() -> None:
    assert composite_reward(f"<think>A page. ```\n# Plan</think>\n\n{INSTALL}", INSTALL).total == 1
    assert composite_reward(f"The page shows a list.</think>{INSTALL}", INSTALL).total == 1
    assert composite_reward(f"<think>{INSTALL}", INSTALL).total == 0


def test_a_page_about_thinking_is_compared_as_it_stands() -> None:
    page = "The model writes <think> first.\n\nThen it answers."
    assert composite_reward(page, page).total == 1
    assert composite_reward("", page).total == 0
