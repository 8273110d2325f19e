"""Every claim's verdict is tripped by what was measured, in both directions, and by nothing else."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from made_up_study import IMAGES, World, results, study

from tasks.counting.claims import MARGIN, claims
from tasks.counting.evaluation import Asked
from tasks.counting.results import Results, Run
from tasks.counting.tree import as_text, tree
from tasks.intervals import Interval
from tasks.verdicts import VERDICTS, Claim, less, more, same

SPEED, FASTER_R1V = "Injection speeds learning up", "Under r1v injection speeds up much less"
TRANSFER, COUPLING = (
    "Injection costs transfer to the shifted domain",
    "Injection ties the format to the training images",
)
SPARSE, PHASES = "GRPO learns although few answers can be scored", "First the format is learned, then accuracy"
AS_GOOD, PROMPT = "Both end at the same accuracy in the training domain", "The prompt matters more than injection"
WELL, SAME = "Under r1v training transfers well either way", "Under r1v injection does not change transfer"
FORMATS = "The prompt alone decides whether answers hold a digit"


def judged(found: Results) -> dict[str, Claim]:
    return {claim.name: claim for claim in claims(found)}


def verdicts(found: Results, name: str) -> set[str]:
    return {f.verdict for f in judged(found)[name].findings}


@pytest.mark.parametrize(
    ("name", "world", "expected"),
    [
        (SPEED, World(right_at=300, right_at_with=120), "reproduced"),
        (SPEED, World(right_at=120, right_at_with=300), "not reproduced"),
        (SPEED, World(right_at=200, right_at_with=200), "no evidence"),
        (SPEED, World(right_at=2000, right_at_with=120), "reproduced"),
        (SPEED, World(right_at=120, right_at_with=2000), "no evidence"),
        (SPEED, World(right_at=2000, right_at_with=2000), "no evidence"),
        (TRANSFER, World(away=0.9, away_with=0.7), "reproduced"),
        (TRANSFER, World(away=0.7, away_with=0.9), "not reproduced"),
        (TRANSFER, World(away=0.8, away_with=0.8, spread=0.02), "no evidence"),
        (PHASES, World(digits_at=60, right_at=300), "reproduced"),
        (PHASES, World(digits_at=300, right_at=300, right_at_with=300), "no evidence"),
        (SPARSE, World(home=0.9), "reproduced"),
        (SPARSE, World(home=0.0, spread=0.001), "not reproduced"),
        (WELL, World(away_r1v=0.9), "reproduced"),
        (WELL, World(away_r1v=0.5), "not reproduced"),
        (WELL, World(away_r1v=0.7, spread=0.03), "no evidence"),
        (SAME, World(), "reproduced"),
        (SAME, World(spread=0.2), "no evidence"),
        (AS_GOOD, World(), "reproduced"),
        (AS_GOOD, World(spread=0.2), "no evidence"),
        (FASTER_R1V, World(right_at=300, right_at_with=120), "reproduced"),
        (FASTER_R1V, World(right_at=120, right_at_with=300), "not reproduced"),
        (PROMPT, World(away=0.5, away_with=0.45, away_r1v=0.95), "reproduced"),
        (PROMPT, World(away=0.9, away_with=0.3, away_r1v=0.92), "not reproduced"),
        (FORMATS, World(), "not testable here"),
    ],
)
def test_a_verdict_follows_what_was_measured(name: str, world: World, expected: str) -> None:
    assert verdicts(results(study(), world), name) == {expected}


def shifted_digits(found: Results, guidance: str, digits: int) -> Results:
    """The same results, with so many answers with a digit in the shifted domain, more or less."""

    def changed(run: Run, more: int) -> Run:
        rates = {
            asked: r._replace(digits=digits + more, right=min(r.right, digits)) if asked.domain == "shifted" else r
            for asked, r in run.rates.items()
        }
        return replace(run, rates=rates)

    runs = {c: changed(r, c.seed) if c.arm.guidance == guidance else r for c, r in found.runs.items()}
    return replace(found, runs=runs)


def test_a_format_that_stays_behind_is_seen() -> None:
    found = results(study())
    assert verdicts(found, COUPLING) == {"no evidence"}
    assert verdicts(shifted_digits(found, "all_wrong", 800), COUPLING) == {"reproduced"}
    assert verdicts(shifted_digits(found, "none", 800), COUPLING) == {"not reproduced"}


def test_a_base_that_was_not_made_here_tests_what_prompts_do() -> None:
    made_elsewhere = study(bases={"hard": {"model": "Qwen/Qwen2-VL-2B-Instruct"}})
    found = results(made_elsewhere)
    assert verdicts(found, FORMATS) == {"reproduced"}
    rates = dict(found.untrained["hard"])
    plain = Asked("plain", "in", "sampled")
    rates[plain] = rates[plain]._replace(digits=IMAGES - 50)
    assert verdicts(replace(found, untrained={"hard": rates}), FORMATS) == {"no evidence"}
    rates[plain] = rates[plain]._replace(digits=IMAGES)
    assert verdicts(replace(found, untrained={"hard": rates}), FORMATS) == {"not reproduced"}


def test_what_the_grid_leaves_out_is_not_testable() -> None:
    alone = results(study(grid=[{"base": ["hard"], "guidance": ["none"], "steps": 400}]))
    untested = {name for name, claim in judged(alone).items() if claim.verdict == "not testable here"}
    assert {SPEED, TRANSFER, COUPLING, FASTER_R1V, WELL, SAME, PROMPT} <= untested
    assert SPARSE not in untested
    nothing = judged(results(study(grid=[])))
    assert {claim.verdict for claim in nothing.values()} == {"not testable here"}


def test_bases_that_disagree_are_told_apart() -> None:
    both = study(
        bases={"hard": {"name": "hard"}, "coupled": {"name": "coupled"}},
        grid=[{"base": ["hard", "coupled"], "steps": 400}],
    )
    worlds = {"hard": World(away=0.7, away_with=0.9), "coupled": World(away=0.9, away_with=0.7)}
    claim = judged(results(both, worlds=worlds))[TRANSFER]
    assert {(f.where, f.verdict) for f in claim.findings} == {
        (f"{base} ({how})", verdict)
        for base, verdict in (("hard", "not reproduced"), ("coupled", "reproduced"))
        for how in ("greedy", "sampled")
    }
    assert claim.verdict == (
        "Reproduced: coupled (greedy); coupled (sampled). Not reproduced: hard (greedy); hard (sampled)"
    )


def test_one_seed_is_no_evidence() -> None:
    one = results(study(grid=[{"base": ["hard"], "seed": [0], "steps": 400}]), World(away=0.9, away_with=0.3))
    assert verdicts(one, TRANSFER) == verdicts(one, SPEED) == verdicts(one, SPARSE) == {"no evidence"}


def test_correction_is_over_all_that_was_tested() -> None:
    clear = judged(results(study(), World(away=0.9, away_with=0.5, spread=0.001)))[TRANSFER]
    assert all(f.holds for f in clear.findings)
    noisy = judged(results(study(), World(away=0.9, away_with=0.8, spread=0.03)))[TRANSFER]
    assert all(f.verdict == "reproduced" and not f.holds for f in noisy.findings)


@pytest.mark.parametrize(
    ("low", "high", "is_more", "is_less", "is_same"),
    [
        (0.01, 0.2, "reproduced", "not reproduced", "no evidence"),
        (-0.2, -0.01, "not reproduced", "reproduced", "no evidence"),
        (-0.01, 0.01, "no evidence", "no evidence", "reproduced"),
        (0.0, 0.01, "no evidence", "no evidence", "reproduced"),
        (0.06, 0.09, "reproduced", "not reproduced", "not reproduced"),
        (-0.3, 0.3, "no evidence", "no evidence", "no evidence"),
        (0.2, None, "reproduced", "not reproduced", "no evidence"),
        (None, None, "no evidence", "no evidence", "no evidence"),
    ],
)
def test_the_tie_is_no_evidence(low: Any, high: Any, is_more: str, is_less: str, is_same: str) -> None:
    found = Interval(0.0, low, high, 3)
    assert (more(found), less(found), same(found, MARGIN)) == (is_more, is_less, is_same)
    assert {is_more, is_less, is_same} <= set(VERDICTS)


def test_the_tree_follows_what_was_measured() -> None:
    worse = as_text(tree(results(study(), World(away=0.9, away_with=0.7))))
    better = as_text(tree(results(study(), World(away=0.7, away_with=0.9, right_at=120, right_at_with=300))))
    _, no = worse.split("No: the plain prompt")
    assert no.count("do not inject: transfers worse") == 2
    assert "inject: faster, 2." in no
    _, no = better.split("No: the plain prompt")
    assert no.count("inject: transfers better") == 2
    assert "do not inject: slower, 0." in no
    assert "no evidence either way" in as_text(tree(results(study(), World(spread=0.3))))
