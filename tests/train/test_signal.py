from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.train.signal import Gradient, Group, Sampled, Verdict, findings, measure, summary

NORMS = {"text": 0.5, "vision": 0.1, "merger": 0.2}
VOCABULARY = 400


def group(
    totals: Sequence[float],
    texts: Sequence[str] | None = None,
    clipped: bool = False,
    headings: Sequence[float] | None = None,
) -> Group:
    texts = texts or [f"answer {i}" for i in range(len(totals))]
    parts = headings or totals
    answers = [
        Sampled(text, clipped, total, {"heading_f1": part, "table_teds": None})
        for text, total, part in zip(texts, totals, parts, strict=True)
    ]
    return Group(answers, frozenset({"heading_f1"}))


def verdicts(groups: Sequence[Group], entropy: float = 0.5, norms: dict[str, float] | None = None) -> list[Verdict]:
    gradient = Gradient("policy", entropy, norms or NORMS)
    signal = measure(groups, ["heading_f1", "table_teds"], (320, 320), gradient)
    assert summary(signal).startswith(f"{len(groups)} pages, ")
    return [finding.verdict for finding in findings(signal, VOCABULARY)]


VARIED = [group([0.1 * i, 0.5, 0.6, 0.7]) for i in range(1, 5)]


def test_a_policy_that_can_learn() -> None:
    assert verdicts(VARIED) == []


@given(st.floats(1e-6, 1), st.floats(0.01, 0.9))
def test_a_small_spread_is_no_disease(scale: float, middle: float) -> None:
    """Advantages are divided by it."""
    assert verdicts([group([middle, middle + 0.01 * scale, middle, middle + 0.02 * scale])] * 4) == []


def test_identical_answers() -> None:
    same = group([0.4] * 4, ["same"] * 4)
    assert verdicts([same] * 15 + VARIED[:1]) == [Verdict.IDENTICAL_ANSWERS]
    signal = measure([same] * 15 + VARIED[:1], ["heading_f1"], (1, 1), Gradient("policy", 0.5, NORMS))
    (finding,) = findings(signal, VOCABULARY)
    assert finding.says == "all 4 answers identical in 94% of groups, rewards equal in 94%"
    assert verdicts([same] * 3 + VARIED[:2]) == [], "some groups may be alike"


def test_equal_rewards_of_different_answers() -> None:
    equal = group([0.4] * 4, headings=[0.2, 0.4, 0.6, 0.8])
    assert verdicts([equal] * 4 + VARIED[:1]) == [Verdict.EQUAL_REWARDS]


def test_a_part_that_is_never_sampled() -> None:
    never = [group([0.1, 0.2, 0.3, 0.4], headings=[0.0] * 4)] * 3
    assert verdicts(never) == [Verdict.NEVER_SAMPLED]
    assert verdicts(never[:2]) == [], "two pages say nothing"
    signal = measure(never, ["heading_f1"], (1, 1), Gradient("policy", 0.5, NORMS))
    assert findings(signal, VOCABULARY)[0].says.startswith("heading_f1 constant 0 on the 3 pages that have it")


def test_a_part_that_only_wrong_answers_have() -> None:
    """No label has a heading: that answers do not is right."""
    wrong = [Group(g.answers, frozenset()) for g in [group([0.1, 0.2, 0.3, 0.4], headings=[0.0] * 4)] * 3]
    assert verdicts(wrong) == []


def test_a_part_that_does_not_vary() -> None:
    constant = [group([0.1, 0.2, 0.3, 0.4], headings=[level] * 4) for level in (0.2, 0.4, 0.6)]
    assert verdicts(constant) == [Verdict.PART_CONSTANT]
    learned = [group([0.1, 0.2, 0.3, 0.4], headings=[1.0] * 4)] * 3
    assert verdicts(learned) == [], "what is learned need not vary"


def test_answers_that_do_not_end() -> None:
    cut = [group([0.1, 0.2, 0.3, 0.4], clipped=True)]
    assert verdicts(VARIED + cut * 4) == [Verdict.CLIPPED]
    assert verdicts(VARIED + cut * 3) == []


def test_entropy() -> None:
    assert verdicts(VARIED, 5.5) == [Verdict.NOISE]
    assert verdicts([group([0.4] * 4, ["same"] * 4)] * 4, 0.001) == [Verdict.IDENTICAL_ANSWERS, Verdict.COLLAPSED]
    assert verdicts(VARIED, 0.001) == [], "answers that are nearly sure may still differ enough"


@pytest.mark.parametrize(
    ("norm", "verdict"),
    [(0.0, Verdict.NO_GRADIENT), (float("nan"), Verdict.GRADIENT_NOT_FINITE), (1e-12, None)],
)
def test_gradients(norm: float, verdict: Verdict | None) -> None:
    assert verdicts(VARIED, norms=NORMS | {"vision": norm}) == ([verdict] if verdict else [])


def test_a_certain_choice_has_no_gradient_anywhere() -> None:
    assert verdicts(VARIED, 0.0, dict.fromkeys(NORMS, 0.0)) == []
    assert verdicts(VARIED, 0.5, dict.fromkeys(NORMS, 0.0)) == [Verdict.NO_GRADIENT] * 3


@given(
    st.lists(
        st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from([0.0, 0.5, 1.0])), min_size=2, max_size=2),
        min_size=1,
        max_size=6,
    )
)
def test_shares_are_shares(rows: list[list[tuple[str, float]]]) -> None:
    groups = [group([total for _, total in row], [text for text, _ in row]) for row in rows]
    signal = measure(groups, ["heading_f1"], (1, 1), Gradient("policy", 0.5, NORMS))
    assert 0 <= signal.flat <= 1 <= signal.distinct <= 2
    assert signal.identical == pytest.approx(2 - signal.distinct), "of two answers"
    assert all(finding.says and finding.remedy for finding in findings(signal, VOCABULARY))
