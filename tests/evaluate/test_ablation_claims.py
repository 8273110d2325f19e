"""Every claim's verdict is tripped by what was measured, in both directions, and by nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_up_ablation import ARMS, METRIC_NAMES, results, study

from tasks.evaluate.ablation.claims import claims
from tasks.evaluate.ablation.results import Results
from tasks.verdicts import VERDICTS, Claim

NOTHING, GRADIENT = "GRPO alone changes nothing", "GRPO alone has no gradient"
DIVERSE, CLIMBS = "SFT gives GRPO answers that differ", "After SFT the reward climbs under GRPO"
STRUCTURE = "SFT + GRPO is better than the base at structure and words"
EDIT, LONGER = (
    "SFT + GRPO costs some edit similarity",
    "More SFT alone copies better and structures worse than the base",
)
BEATS = "SFT + GRPO is better at structure and words than more SFT alone"
V3 = "The reward that weighs characters more is worse across the board"
ADDS, GUIDED = "GRPO refines what SFT taught", "Guidance injection carries over to pages"
UPDATES, COMPUTE = (f"GRPO is worth more than SFT that goes on instead, at equal {by}" for by in ("updates", "compute"))
OPEN = {
    "Edit similarity is too strict a measure of a conversion",
    "A model of two billion parameters behaves so on whole pages",
}
HIGH, LOW, BOTH = {"": 0.6}, {"": 0.4}, ("grpo", "hot")


def judged(found: Results) -> dict[str, Claim]:
    return {claim.name: claim for claim in claims(found)}


def verdicts(found: Results, name: str) -> set[str]:
    return {finding.verdict for finding in judged(found)[name].findings}


@pytest.mark.parametrize(
    ("name", "high", "expected"),
    [
        (STRUCTURE, BOTH, "reproduced"),
        (STRUCTURE, ("base",), "not reproduced"),
        (EDIT, BOTH, "not reproduced"),
        (EDIT, ("base",), "reproduced"),
        (BEATS, BOTH, "reproduced"),
        (BEATS, ("long",), "not reproduced"),
        (V3, ("v3",), "not reproduced"),
        (V3, ("grpo",), "reproduced"),
        (ADDS, BOTH, "reproduced"),
        (ADDS, ("sft",), "not reproduced"),
        (UPDATES, ("grpo",), "reproduced"),
        (UPDATES, ("updates",), "not reproduced"),
        (COMPUTE, ("grpo",), "reproduced"),
        (COMPUTE, ("compute",), "not reproduced"),
        (GUIDED, ("guided",), "reproduced"),
        (GUIDED, ("grpo",), "not reproduced"),
        (NOTHING, ("sft",), "reproduced"),
        (NOTHING, ("alone",), "not reproduced"),
    ],
)
def test_a_verdict_follows_what_was_measured(name: str, high: tuple[str, ...], expected: str) -> None:
    assert verdicts(results(dict.fromkeys(high, HIGH)), name) == {expected}


@pytest.mark.parametrize("name", [STRUCTURE, EDIT, LONGER, BEATS, V3, ADDS, UPDATES, COMPUTE, GUIDED])
def test_a_tie_is_no_evidence(name: str) -> None:
    assert verdicts(results(), name) == {"no evidence"}
    assert verdicts(results(dict.fromkeys(("grpo", "long", "guided"), HIGH), half=0.2), name) == {"no evidence"}


def test_more_sft_is_judged_metric_by_metric() -> None:
    found = results({"long": {"edit_similarity": 0.6, "heading_f1": 0.4, "code_similarity": 0.6}})
    assert {f.where: f.verdict for f in judged(found)[LONGER].findings} == {
        "long less base, heading F1": "reproduced",
        "long less base, code block similarity": "not reproduced",
        "long less base, edit similarity": "reproduced",
    }


def test_no_change_needs_a_narrow_interval() -> None:
    assert verdicts(results(half=0.03), NOTHING) == {"no evidence"}
    assert all(f.p is None for f in judged(results())[NOTHING].findings), "no test of a tie was made"


def test_what_training_logged_decides_what_is_claimed_of_training() -> None:
    assert verdicts(results(logs={"alone": {"grad_norm": 1e-5}}), GRADIENT) == {"reproduced"}
    assert verdicts(results(logs={"alone": {"grad_norm": 0.5}}), GRADIENT) == {"not reproduced"}
    assert verdicts(results(logs={"alone": {"grad_norm": 0.0}}), GRADIENT) == {"reproduced"}
    assert verdicts(results(logs={"alone": {"reward_std": 0.02}}), DIVERSE) == {"reproduced"}
    assert verdicts(results(logs={"alone": {"reward_std": 0.3}}), DIVERSE) == {"not reproduced"}
    assert verdicts(results(), DIVERSE) == {"no evidence"}
    assert verdicts(results(logs={arm: {"climb": 0.1} for arm in BOTH}), CLIMBS) == {"reproduced"}
    assert verdicts(results(logs={arm: {"climb": -0.1} for arm in BOTH}), CLIMBS) == {"not reproduced"}
    assert verdicts(results(), CLIMBS) == {"no evidence"}


def test_arms_are_compared_by_their_settings_not_by_their_names() -> None:
    renamed = [
        {**arm, "name": f"x{arm['name']}", "after": f"x{arm['after']}" if "after" in arm else ""} for arm in ARMS
    ]
    for arm in renamed:
        arm["against"] = []
        if "as_long_as" in arm:
            arm["as_long_as"] = {**arm["as_long_as"], "arm": "xgrpo"}
    found = judged(results(config=study(arms=renamed)))
    usual = judged(results())
    assert {n: len(c.findings) for n, c in found.items()} == {n: len(c.findings) for n, c in usual.items()}
    assert [f.where for f in usual[GUIDED].findings] == ["guided less grpo, composite reward (v2)"]
    assert [f.where for f in usual[DIVERSE].findings] == ["grpo less alone"]
    assert usual[V3].findings[0].where == "v3 less grpo, edit similarity"


def test_what_the_grid_leaves_out_is_not_testable() -> None:
    only = judged(results(config=study(arms=ARMS[1:2])))
    assert {claim.verdict for claim in only.values()} == {"not testable here"}
    every = judged(results())
    assert {name for name, claim in every.items() if claim.verdict == "not testable here"} == OPEN


def test_one_seed_says_nothing_of_training() -> None:
    one = results(config=study(seeds=[4]), logs={"alone": {"grad_norm": 1e-5, "reward_std": 0.01}})
    assert verdicts(one, GRADIENT) == verdicts(one, DIVERSE) == {"no evidence"}


@given(
    st.dictionaries(
        st.sampled_from(["base", *(str(arm["name"]) for arm in ARMS)]),
        st.dictionaries(st.sampled_from(METRIC_NAMES), st.floats(0, 1)),
    ),
    st.floats(0.001, 0.3),
)
def test_whatever_was_measured_a_verdict_never_contradicts_its_interval(
    effects: dict[str, dict[str, float]], half: float
) -> None:
    found = results(effects, half)
    for claim in claims(found):
        assert claim.findings
        assert {f.verdict for f in claim.findings} <= set(VERDICTS)
    for finding in judged(found)[ADDS].findings:
        after, _, rest = finding.where.partition(" less ")
        gap = found.change(rest.partition(",")[0], after, "composite_v2")
        assert (finding.verdict == "reproduced") == (gap.low is not None and gap.low > 0)
        assert (finding.verdict == "not reproduced") == (gap.high is not None and gap.high < 0)


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0.001, 0.3))
def test_a_difference_has_the_same_interval_from_either_side(a: float, b: float, half: float) -> None:
    found = results({"sft": {"": a}, "grpo": {"": b}}, half)
    there, back = found.change("sft", "grpo", "word_f1"), found.change("grpo", "sft", "word_f1")
    assert there.value is not None
    assert there.low is not None
    assert there.high is not None
    assert (back.value, back.low, back.high, back.n) == (-there.value, -there.high, -there.low, there.n)
