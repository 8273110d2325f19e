"""The tables of a counting study, once for its report and its Markdown."""

from __future__ import annotations

from tasks.counting.config import ALL_WRONG, DECODINGS, NONE, Arm, Decoding
from tasks.counting.evaluation import DOMAINS, Asked
from tasks.counting.prompts import PromptName
from tasks.counting.results import MEASURES, Results, share
from tasks.counting.words import arm_name, guidance_name, percent, points, steps, times
from tasks.html.tables import Table
from tasks.intervals import over_seeds


def tables(results: Results) -> list[Table]:
    """All that have a row."""
    found = (
        _article(results),
        _untrained(results),
        _policies(results),
        _speed(results),
        _variants(results),
        _controls(results),
        _forgetting(results),
        _samples(results),
    )
    return [table for table in found if table.rows]


def _article(results: Results) -> Table:
    """The article's two tables in one, sampled."""
    theirs: dict[tuple[PromptName, str], str] = {
        ("plain", ALL_WRONG): "93 / 30",
        ("plain", NONE): "93 / 48",
        ("r1v", ALL_WRONG): "– / 74.5",
        ("r1v", NONE): "– / 71.5",
    }
    rows = []
    for (prompt, guidance), figures in theirs.items():
        for arm in results.arms_of(prompt, guidance):
            cells = (percent(results.mean(arm, "accuracy", domain, "sampled")) for domain in DOMAINS)
            rows.append((f"{prompt}, {guidance_name(guidance)}", figures, arm_name(results, arm), *cells))
    return Table(
        "The article's tables",
        ("Configuration", "Article: CLEVR / SuperCLEVR, %", "Base here", "Training domain", "Shifted domain"),
        tuple(rows),
        "Accuracy of sampled answers, mean over seeds with its t interval. The article has one seed and 200 images.",
    )


def _untrained(results: Results) -> Table:
    rows = []
    for base, rates in results.untrained.items():
        for asked, found in rates.items():
            cells = (percent(share(found, measure)) for measure in MEASURES)
            rows.append((base, asked.prompt, asked.domain, asked.decoding, *cells, str(found.n)))
    return Table(
        "The untrained bases under every prompt",
        ("Base", "Prompt", "Domain", "Decoding", *(m.capitalize() for m in MEASURES), "Images"),
        tuple(rows),
        "Wilson intervals over images.",
    )


def _policies(results: Results) -> Table:
    rows = []
    for arm in results.arms:
        for how in DECODINGS:
            cells = [percent(results.mean(arm, "accuracy", d, how)) for d in DOMAINS]
            cells += [percent(results.mean(arm, m, "shifted", how)) for m in MEASURES[1:]]
            ratio = results.transfer(arm, how)
            cells.append("–" if ratio.value is None else f"{ratio.value:.2f}")
            rows.append((arm_name(results, arm, guidance=True), arm.prompt, how, str(ratio.n), *cells))
    return Table(
        "The trained policies",
        ("Policy", "Prompt", "Decoding", "Seeds", "Training domain", "Shifted domain", "Shifted: digit rate",
         "Shifted: given a digit", "Transfer ratio"),
        tuple(rows),
        "Means over seeds with t intervals. Transfer ratio: accuracy in the shifted by that in the training domain.",
    )  # fmt: skip


def _speed(results: Results) -> Table:
    rows = []
    for arm in results.arms:
        helped, last = results.injected(arm)
        slow = results.twin(arm, guidance=NONE) if arm.guidance != NONE else None
        digit, right = (steps([*results.reached(arm, key).values()]) for key in ("policy/digit", "policy/right"))
        name = arm_name(results, arm, guidance=True)
        faster = times(results.speed_up(slow, arm)) if slow else "–"
        rows.append((name, arm.prompt, str(arm.steps), digit, right, faster, f"{helped:.0f}", str(last or "–")))
    level, window = results.study.level, results.study.window
    return Table(
        f"Steps to {level:.0%}",
        ("Policy", "Prompt", "Steps", f"Digit rate {level:.0%}", f"Accuracy {level:.0%}", "Speed-up",
         "Groups helped, a seed", "Last at step"),
        tuple(rows),
        f"Of the policy's own answers, before any injection; moving average of {window} steps; a step for each seed. "
        "Speed-up against the twin without injection: geometric mean over pairs of seeds, t interval of logarithms.",
    )  # fmt: skip


def _variants(results: Results) -> Table:
    """Guidance that the article did not try, against none and against its own."""
    rows = []
    for arm in results.arms:
        if arm.guidance in (NONE, ALL_WRONG):
            continue
        for other in (NONE, ALL_WRONG):
            if against := results.twin(arm, guidance=other):
                changes = [
                    points(results.change(against, arm, "accuracy", d, how)) for d in DOMAINS for how in DECODINGS
                ]
                faster = times(results.speed_up(against, arm))
                rows.append((arm_name(results, arm, guidance=True), guidance_name(other), faster, *changes))
    return Table(
        "Other ways to inject",
        ("Policy", "Against", "Speed-up", "Training domain, greedy", "sampled", "Shifted domain, greedy", "sampled"),
        tuple(rows),
        "Differences over pairs of seeds. What each way is stands in the configuration below.",
    )


def _controls(results: Results) -> Table:
    """What the article leaves out: is a trained policy better than the untrained base under another prompt?"""
    rows = []
    for arm in results.arms_of("plain", NONE) + results.arms_of("plain", ALL_WRONG):
        for prompt in [p for p in results.study.tokens if p != "plain"]:
            cells = [_against(results, arm, prompt, how) for how in DECODINGS]
            rows.append((arm_name(results, arm, guidance=True), f"untrained, {prompt}", *cells))
    return Table(
        "Training under the plain prompt against only another prompt",
        ("Policy", "Against", "Shifted domain, greedy", "Shifted domain, sampled"),
        tuple(rows),
        "Accuracy of the trained policy less that of its untrained base under the other prompt, over seeds.",
    )


def _against(results: Results, arm: Arm, prompt: PromptName, decoding: Decoding) -> str:
    start = share(results.untrained[arm.base][Asked(prompt, "shifted", decoding)], "accuracy").value
    values = results.by_seed(arm, "accuracy", "shifted", decoding).values()
    return "–" if start is None else points(over_seeds([value - start for value in values]))


def _forgetting(results: Results) -> Table:
    others = {arm: [p for p in results.study.tokens if p != arm.prompt] for arm in results.arms}
    rows = tuple(
        (arm_name(results, arm, guidance=True), arm.prompt, prompt, points(results.kept(arm, prompt)))
        for arm, prompts in others.items()
        for prompt in prompts
    )
    return Table(
        "What training changed under the other prompts",
        ("Policy", "Trained under", "Asked under", "Change of greedy accuracy"),
        rows,
        f"Training domain, first {results.study.images.other} test images; over seeds.",
    )


def _samples(results: Results) -> Table:
    """What policies say: the most frequent greedy answer in the shifted domain."""
    rows = []
    for cell, run in results.runs.items():
        for domain in DOMAINS:
            found = run.rates.get(Asked(cell.arm.prompt, domain, "sampled"))
            if found and found.texts:
                said = "; ".join(f"“{text}” ({count})" for text, count in found.texts)
                name = arm_name(results, cell.arm, guidance=True)
                rows.append((name, cell.arm.prompt, str(cell.seed), domain, said, str(found.clipped)))
    return Table(
        "What the policies say",
        ("Policy", "Prompt", "Seed", "Domain", "Most frequent sampled answers", "Clipped"),
        tuple(rows),
        "Of the test answers; clipped: not ended at the longest length.",
    )
