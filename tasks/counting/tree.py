"""The article's decision tree, redrawn from what a study found."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

from tasks.counting.config import DECODINGS, Arm
from tasks.counting.evaluation import Asked
from tasks.counting.prompts import PromptName
from tasks.counting.results import Results, share
from tasks.counting.words import arm_name, percent, points, times
from tasks.intervals import Interval

Advice = Literal["better", "worse", "no evidence", ""]


class Node(NamedTuple):
    """A question or an answer to it, its evidence, and what hangs below."""

    text: str
    evidence: str = ""
    advice: Advice = ""
    below: tuple[Node, ...] = ()


def tree(results: Results) -> Node:
    """Each leaf says what injection did in this study under that condition: better, worse, or no evidence."""
    prompts = tuple(p for p in results.study.tokens if p != "plain")
    yes = Node(
        "Yes: use it",
        below=(*(_untrained(results, prompt) for prompt in prompts), *_injection(results, "r1v")),
    )
    no = Node("No: the plain prompt", below=(_untrained(results, "plain"), *_injection(results, "plain")))
    return Node("Can the prompt ask for a form of answer?", below=(yes, no))


def _untrained(results: Results, prompt: PromptName) -> Node:
    found = [
        f"{base} {percent(share(rates[Asked(prompt, 'shifted', 'greedy')], 'accuracy'))}"
        for base, rates in results.untrained.items()
    ]
    return Node(f"Without training, {prompt} in the shifted domain, greedy", "; ".join(found))


def _injection(results: Results, prompt: PromptName) -> Iterator[Node]:
    for slow, fast in results.pairs(prompt):
        yield Node(f"Injection, {arm_name(results, slow)}", below=tuple(_effects(results, slow, fast)))


def _effects(results: Results, slow: Arm, fast: Arm) -> Iterator[Node]:
    faster = results.speed_up(slow, fast)
    yield Node(
        "One domain, training time counts", _words(faster, 1, "faster", "slower", times(faster)), _sign(faster, 1)
    )
    for decoding in DECODINGS:
        change = results.change(slow, fast, "accuracy", "shifted", decoding)
        text = f"Another domain counts, {decoding} answers"
        yield Node(text, _words(change, 0, "transfers better", "transfers worse", points(change)), _sign(change, 0))


def _sign(found: Interval, tie: float) -> Advice:
    if found.low is not None and found.low > tie:
        return "better"
    return "worse" if found.low is not None and found.high is not None and found.high < tie else "no evidence"


def _words(found: Interval, tie: float, better: str, worse: str, numbers: str) -> str:
    said = {"better": f"inject: {better}", "worse": f"do not inject: {worse}", "no evidence": "no evidence either way"}
    return f"{said[_sign(found, tie)]}, {numbers}"


def as_text(node: Node, indent: str = "") -> str:
    """The tree as lines of text."""
    lines = [f"{node.text}{': ' + node.evidence if node.evidence else ''}"]
    for place, child in enumerate(node.below):
        last = place == len(node.below) - 1
        first, *rest = as_text(child).split("\n")
        lines.append(f"{'└── ' if last else '├── '}{first}")
        lines += [f"{'    ' if last else '│   '}{line}" for line in rest]
    return "\n".join(f"{indent}{line}" for line in lines)
