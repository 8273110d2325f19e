"""What the second article claims, each decided by a rule that is stated beside it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Literal

from tasks.counting.config import ALL_WRONG, DECODINGS, NONE, Arm
from tasks.counting.evaluation import Asked
from tasks.counting.prompts import PromptName
from tasks.counting.results import Results, share
from tasks.counting.words import arm_name, percent, points, steps, times
from tasks.intervals import Interval, over_seeds
from tasks.verdicts import Claim, Finding, corrected, less, more, same, tested

MARGIN = 0.05
"""Accuracies that differ by less count as the same: 5 points."""


def claims(results: Results) -> list[Claim]:
    """Every claim of the article, in its order."""
    found = [
        _formats(results),
        _sparse(results),
        _phases(results),
        _faster(results),
        _as_good(results),
        _transfer(results),
        _coupling(results),
        _strong_speed(results),
        _strong_transfer(results),
        _strong_same(results),
        _prompt_first(results),
        Claim(
            "Other tasks and larger models behave alike",
            "named as a limitation",
            "One task is studied here.",
            (Finding("everywhere", "not testable here", "Counting alone, and the bases of this study."),),
        ),
    ]
    return corrected(found)


def _untrained(results: Results, base: str, prompt: PromptName) -> Interval:
    return share(results.untrained[base][Asked(prompt, "in", "sampled")], "digit rate")


def _formats(results: Results) -> Claim:
    findings = []
    for base in results.untrained:
        if not {"plain", "r1v"} <= set(results.study.tokens):
            continue
        plain, r1v = (_untrained(results, base, prompt) for prompt in ("plain", "r1v"))
        numbers = f"plain {percent(plain)}, r1v {percent(r1v)}"
        if results.study.checkpoint(base) is None:
            findings.append(Finding(base, "not testable here", f"{numbers}: the base was made to answer so."))
            continue
        apart = Interval(None, _less(r1v.low, plain.high), _less(r1v.high, plain.low), plain.n)
        findings.append(Finding(base, more(apart), numbers))
    return Claim(
        "The prompt alone decides whether answers hold a digit",
        "14.5 % under the plain prompt, 99 % under r1v",
        "Wilson intervals of the untrained digit rates, sampled, do not overlap.",
        tested(findings),
    )


def _less(a: float | None, b: float | None) -> float | None:
    return None if a is None or b is None else a - b


def _sparse(results: Results) -> Claim:
    findings = []
    for arm in results.arms_of("plain", NONE):
        found = results.gain(arm, "accuracy", "in", "sampled")
        start = _untrained(results, arm.base, "plain")
        numbers = f"accuracy {points(found)}, from a digit rate of {percent(start)}"
        findings.append(Finding(arm_name(results, arm), more(found), numbers, found.p))
    return Claim(
        "GRPO learns although few answers can be scored",
        "from 14 % of answers with a digit to 93 % right, without injection",
        "What training adds to held-out accuracy, sampled, under the plain prompt without injection.",
        tested(findings),
    )


def _phases(results: Results) -> Claim:
    findings = []
    for arm in results.arms_of("plain", NONE):
        lag, sharp = results.lag(arm), results.sharpened(arm)
        first, second = (steps([*results.reached(arm, key).values()]) for key in ("policy/digit", "policy/right"))
        numbers = (
            f"digits at step {first}, accuracy at step {second}: {times(lag)} as late; "
            f"from then on accuracy given a digit {points(sharp)}"
        )
        findings.append(Finding(arm_name(results, arm), more(lag, 1), numbers, lag.p))
    return Claim(
        "First the format is learned, then accuracy",
        "digit rate 14 % to nearly 100 % first, then accuracy",
        f"Steps until {results.study.level:.0%} of the policy's own answers are right, by steps until as many have a "
        "digit, above 1.",
        tested(findings),
    )


def _faster(results: Results) -> Claim:
    return Claim(
        "Injection speeds learning up",
        "90 % after about 470 steps instead of 1,490: 3.2 x",
        "Steps without injection by steps with it, over pairs of seeds, under the plain prompt, above 1.",
        tested(_speed_ups(results, "plain")),
    )


def _speed_ups(results: Results, prompt: Literal["plain", "r1v"]) -> Iterable[Finding]:
    for slow, fast in results.pairs(prompt):
        found = results.speed_up(slow, fast)
        a, b = (steps([*results.reached(arm).values()]) for arm in (slow, fast))
        numbers = f"{times(found)}; without: step {a}; with: {b}"
        yield Finding(arm_name(results, slow), more(found, 1), numbers, found.p)


def _as_good(results: Results) -> Claim:
    findings = []
    for slow, fast in results.pairs("plain"):
        for how in DECODINGS:
            found = results.change(slow, fast, "accuracy", "in", how)
            a, b = (percent(results.mean(arm, "accuracy", "in", how)) for arm in (slow, fast))
            numbers = f"without {a}, with {b}: {points(found)}"
            findings.append(Finding(f"{arm_name(results, slow)} ({how})", same(found, MARGIN), numbers))
    return Claim(
        "Both end at the same accuracy in the training domain",
        "93 % with and without injection",
        f"The difference lies within {100 * MARGIN:.0f} points.",
        tested(findings),
    )


def _shifted(results: Results, measure: Literal["accuracy", "digit rate"]) -> Iterable[Finding]:
    for slow, fast in results.pairs("plain"):
        for how in DECODINGS:
            found = results.change(slow, fast, measure, "shifted", how)
            a, b = (percent(results.mean(arm, measure, "shifted", how)) for arm in (slow, fast))
            numbers = f"without {a}, with {b}: {points(found)}"
            yield Finding(f"{arm_name(results, slow)} ({how})", less(found), numbers, found.p)


def _transfer(results: Results) -> Claim:
    return Claim(
        "Injection costs transfer to the shifted domain",
        "30 % with injection, 48 % without: −18 points",
        "Accuracy in the shifted domain with injection less that without, under the plain prompt, below 0.",
        tested(_shifted(results, "accuracy")),
    )


def _coupling(results: Results) -> Claim:
    return Claim(
        "Injection ties the format to the training images",
        "the article's explanation of the loss; not measured there",
        "Digit rate in the shifted domain with injection less that without, below 0.",
        tested(_shifted(results, "digit rate")),
    )


def _strong_speed(results: Results) -> Claim:
    findings = []
    for slow, fast in results.pairs("r1v"):
        plain = [pair for pair in results.pairs("plain") if pair[0].base == slow.base]
        there = results.speed_up(slow, fast)
        count, _ = results.injected(fast)
        for pair in plain:
            gaps = _gaps(results, pair, (slow, fast))
            numbers = (
                f"plain {times(results.speed_up(*pair))}, r1v {times(there)}, {count:.0f} groups helped: ratio of the "
                f"two {times(gaps)}"
            )
            findings.append(Finding(arm_name(results, pair[0]), more(gaps, 1), numbers, gaps.p))
    return Claim(
        "Under r1v injection speeds up much less",
        "both start at 68 to 70 % and converge quickly",
        "The speed-up under the plain prompt by that under r1v, over seeds, above 1.",
        tested(findings),
    )


def _gaps(results: Results, plain: tuple[Arm, Arm], r1v: tuple[Arm, Arm]) -> Interval:
    """The speed-up under plain by that under r1v."""
    logs, bound = [], 0
    for seed in results.reached(plain[0]):
        a, b = (results.reached(arm).get(seed) for arm in plain)
        c, d = (results.reached(arm).get(seed) for arm in r1v)
        if b and c and d:
            bound += a is None
            logs.append(math.log((a or plain[0].steps) / b) - math.log(c / d))
    found = over_seeds(logs)
    if found.value is None:
        return found
    low, high = (None if x is None else math.exp(x) for x in (found.low, found.high))
    return Interval(math.exp(found.value), low, None if bound else high, found.n, found.p, bound)


def _strong_transfer(results: Results) -> Claim:
    findings = []
    for guidance in (NONE, ALL_WRONG):
        for arm in results.arms_of("r1v", guidance):
            for how in DECODINGS:
                found = results.mean(arm, "accuracy", "shifted", how)
                where = f"{arm_name(results, arm, guidance=True)} ({how})"
                findings.append(Finding(where, more(found, 0.7), percent(found)))
    return Claim(
        "Under r1v training transfers well either way",
        "71.5 % without, 74.5 % with injection; above 70 %",
        "Accuracy in the shifted domain above 70 %.",
        tested(findings),
    )


def _strong_same(results: Results) -> Claim:
    findings = []
    for slow, fast in results.pairs("r1v"):
        for how in DECODINGS:
            found = results.change(slow, fast, "accuracy", "shifted", how)
            findings.append(Finding(f"{arm_name(results, slow)} ({how})", same(found, MARGIN), points(found)))
    return Claim(
        "Under r1v injection does not change transfer",
        "+3 points, after different numbers of steps",
        f"The difference in the shifted domain lies within {100 * MARGIN:.0f} points.",
        tested(findings),
    )


def _prompt_first(results: Results) -> Claim:
    findings = []
    for slow, fast in results.pairs("plain"):
        strong = [arm for arm in results.arms_of("r1v", NONE) if arm.base == slow.base]
        for how in DECODINGS:
            plain, guided = (results.by_seed(arm, "accuracy", "shifted", how) for arm in (slow, fast))
            for arm in strong:
                r1v = results.by_seed(arm, "accuracy", "shifted", how)
                seeds = [s for s in plain if s in guided and s in r1v]
                found = over_seeds([abs(r1v[s] - plain[s]) - abs(guided[s] - plain[s]) for s in seeds])
                numbers = (
                    f"prompt {points(results.change(slow, arm, 'accuracy', 'shifted', how))}, injection "
                    f"{points(results.change(slow, fast, 'accuracy', 'shifted', how))}: sizes differ by {points(found)}"
                )
                findings.append(Finding(f"{arm_name(results, slow)} ({how})", more(found), numbers, found.p))
    return Claim(
        "The prompt matters more than injection",
        "r1v adds 23 points to transfer, injection takes 18",
        "Size of the change from plain to r1v less size of the change by injection, shifted domain, above 0.",
        tested(findings),
    )
