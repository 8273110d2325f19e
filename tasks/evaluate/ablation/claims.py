"""What the first article claims of training, each decided by a rule that is stated beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from tasks.evaluate.ablation.config import BASE, Arm
from tasks.evaluate.ablation.results import Results
from tasks.evaluate.ablation.words import label, number, signed, times
from tasks.intervals import Interval
from tasks.verdicts import Claim, Finding, Verdict, corrected, less, more, same, tested

COMPARED = ("edit_similarity", "heading_f1", "code_similarity", "word_f1")
"""The columns of the article's full comparison."""
BETTER = ("heading_precision", "heading_f1", "code_similarity", "code_count", "word_precision", "word_f1")
"""What the article's SFT + GRPO raises above the base."""
REWARD = "composite_v2"
MARGIN = 0.02
"""Scores that differ by less count as the same."""
FOLD = 1000.0
"""A gradient that is so many times as small counts as none; the article's was 400,000 times as small."""

Rule = Callable[[Interval], Verdict]


def claims(results: Results) -> list[Claim]:
    """Every claim of the article on training that figures could decide, in its order, and what it leaves open."""
    found = [
        _nothing_changes(results),
        _no_gradient(results),
        _diversity(results),
        _reward_climbs(results),
        _structure(results),
        _edit_falls(results),
        _longer_sft(results),
        _beats_longer(results),
        _reward_v3(results),
        _grpo_adds(results),
        _against_sft(results, "updates", "as many updates on the same pages in the same order"),
        _against_sft(results, "compute", "as much compute, as its log tells"),
        _guidance(results),
        Claim(
            "Edit similarity is too strict a measure of a conversion",
            "it penalises better formatting; word F1 is more forgiving",
            "Which of two answers is the better one would have to be asked of readers.",
            (Finding("everywhere", "not testable here", "No reader judged an answer."),),
        ),
        Claim(
            "A model of two billion parameters behaves so on whole pages",
            "Qwen3-VL-2B, QLoRA, 500 pages, an A40, about $4",
            "The base of the article, on pages of its size.",
            (Finding("everywhere", "not testable here", f"The base here is {results.study.run.model.base}."),),
        ),
    ]
    return corrected(found)


def compared(
    results: Results, pairs: Iterable[tuple[str, str]], metrics: Sequence[str], rule: Rule
) -> Iterator[Finding]:
    """The difference of each pair, metric by metric, judged by the rule; what no page has is left out."""
    for before, after in pairs:
        for metric in metrics:
            found = results.change(before, after, metric)
            if found.value is not None:
                where = f"{after} less {before}, {label(results, metric)}"
                yield Finding(where, rule(found), signed(found), found.p)


def _names(pairs: Iterable[tuple[Arm, Arm]]) -> list[tuple[str, str]]:
    return [(a.name, b.name) for a, b in pairs]


def _from_base(arms: Iterable[Arm]) -> list[tuple[str, str]]:
    return [(BASE, arm.name) for arm in arms]


def _nothing_changes(results: Results) -> Claim:
    def rule(found: Interval) -> Verdict:
        return same(found, MARGIN)

    findings = (f._replace(p=None) for f in compared(results, _from_base(results.alone), COMPARED, rule))
    return Claim(
        "GRPO alone changes nothing",
        "all four scores are the base's to the third digit",
        f"The difference from the base lies within {MARGIN:g}.",
        tested(findings),
    )


def _no_gradient(results: Results) -> Claim:
    findings = []
    for arm in results.alone:
        for warm in results.warm:
            found = results.ratio(warm.name, arm.name, "grad_norm")
            a, b = (results.logged(name, "grad_norm").value for name in (warm.name, arm.name))
            verdict = "reproduced" if a and b == 0 else more(found, FOLD)
            numbers = f"{times(found)}: {number(a)} by {number(b)}"
            findings.append(Finding(f"{warm.name} by {arm.name}", verdict, numbers))
    return Claim(
        "GRPO alone has no gradient",
        "4.7e-6, where SFT's is 1.85: 400,000 times as much",
        f"The gradient norm of SFT by that of GRPO alone, means over the updates, over seeds, above {FOLD:g}.",
        tested(findings),
    )


def _diversity(results: Results) -> Claim:
    findings = []
    for alone, refined in results.with_and_without_sft:
        found = results.gap(alone.name, refined.name, "reward_std")
        a, b = (number(results.logged(arm.name, "reward_std").value) for arm in (alone, refined))
        none = [number(results.logged(arm.name, "frac_reward_zero_std").value) for arm in (alone, refined)]
        numbers = f"{a} without, {b} after SFT: {signed(found)}; groups without any spread {none[0]} and {none[1]}"
        findings.append(Finding(f"{refined.name} less {alone.name}", more(found), numbers, found.p))
    return Claim(
        "SFT gives GRPO answers that differ",
        "standard deviation of the reward within a group of 4: 0.017 without SFT",
        "That of GRPO after SFT less that of GRPO alone, the same settings, over pairs of seeds, above 0.",
        tested(findings),
    )


def _reward_climbs(results: Results) -> Claim:
    findings = []
    for arm in results.better_reward:
        found = results.climb(arm.name, "reward")
        findings.append(Finding(arm.name, more(found), signed(found), found.p))
    return Claim(
        "After SFT the reward climbs under GRPO",
        "0.66 to 0.74 in 100 steps",
        "Mean reward of the last third of the updates less that of the first, over seeds, above 0.",
        tested(findings),
    )


def _structure(results: Results) -> Claim:
    return Claim(
        "SFT + GRPO is better than the base at structure and words",
        "heading precision +0.075, heading F1 +0.054, code similarity +0.180, code count +0.182, word precision "
        "+0.035, word F1 +0.016",
        "The difference is above 0.",
        tested(compared(results, _from_base(results.better_reward), BETTER, more)),
    )


def _edit_falls(results: Results) -> Claim:
    return Claim(
        "SFT + GRPO costs some edit similarity",
        "−0.018",
        "The difference from the base is below 0.",
        tested(compared(results, _from_base(results.better_reward), COMPARED[:1], less)),
    )


def _longer_sft(results: Results) -> Claim:
    pairs = _from_base(results.longer)
    findings = [
        *compared(results, pairs, ("heading_f1", "code_similarity"), less),
        *compared(results, pairs, ("edit_similarity",), more),
    ]
    return Claim(
        "More SFT alone copies better and structures worse than the base",
        "200 steps: edit similarity +0.008, heading F1 −0.033, code similarity −0.027",
        "Heading F1 and code similarity less the base's are below 0, edit similarity less the base's is above 0.",
        tested(findings),
    )


def _beats_longer(results: Results) -> Claim:
    pairs = [(longer, arm) for longer in results.longer for arm in results.better_reward]
    return Claim(
        "SFT + GRPO is better at structure and words than more SFT alone",
        "heading F1 +0.087, code similarity +0.206, word F1 +0.014, against 200 steps of SFT",
        "The difference is above 0.",
        tested(compared(results, _names(pairs), COMPARED[1:], more)),
    )


def _reward_v3(results: Results) -> Claim:
    pairs = [
        (a, b)
        for a, b in results.twins("weights")
        if (results.grpo(a).weights, results.grpo(b).weights) == ("v2", "v3")
    ]
    return Claim(
        "The reward that weighs characters more is worse across the board",
        "v3 against v2, without figures",
        "The difference, all else equal, is below 0.",
        tested(compared(results, _names(pairs), COMPARED, less)),
    )


def _grpo_adds(results: Results) -> Claim:
    pairs = [(arm.after, arm.name) for arm in results.better_reward]
    return Claim(
        "GRPO refines what SFT taught",
        "assumed: the adapter between the two was not evaluated",
        "Composite reward (v2) of GRPO after SFT less that of the SFT it goes on from, above 0.",
        tested(compared(results, pairs, (REWARD,), more)),
    )


def _against_sft(results: Results, by: str, said: str) -> Claim:
    pairs = [(sft, grpo) for grpo, sft in results.continued if sft.as_long_as and sft.as_long_as.by == by]
    return Claim(
        f"GRPO is worth more than SFT that goes on instead, at equal {by}",
        "assumed: more SFT was tried from the base alone",
        f"Composite reward (v2) of GRPO less that of SFT from the same adapter, with {said}, above 0.",
        tested(compared(results, _names(pairs), (REWARD,), more)),
    )


def _guidance(results: Results) -> Claim:
    pairs = [(a, b) for a, b in results.twins("guidance") if results.grpo(a).guidance.mode == "none"]
    return Claim(
        "Guidance injection carries over to pages",
        "an open question of the second article",
        "Composite reward (v2) of GRPO with injection less that without, all else equal, above 0.",
        tested(compared(results, _names(pairs), (REWARD,), more)),
    )
