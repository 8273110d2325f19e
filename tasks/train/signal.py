"""What a policy's answers to some training pages say about whether GRPO can learn from them.

An answer's advantage is its reward minus its group's mean, divided by the group's standard deviation (arXiv
2402.03300, section 4.1). So a group of equal rewards teaches nothing, and one with a small spread as much as one with
a large spread: what matters is in how many groups there is any, in which part of the reward, and whether the gradient
that comes of it reaches every part of the adapter.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import fmean, stdev

MOST_FLAT = 0.8
"""Share of groups without spread beyond which a step learns from next to nothing: of 8 groups from fewer than 2."""

MOST_CLIPPED = 0.5
"""Share of answers that end at the limit rather than at the model's own end beyond which lengths decide rewards."""

LEAST_ENTROPY = 0.02
"""Nats a token below which sampling is greedy decoding, where rewards do not differ either."""

MOST_ENTROPY = 0.5
"""Share of a uniform choice among all tokens, ln(vocabulary), beyond which answers are noise."""

FEWEST_GROUPS = 3
"""Fewer groups say nothing of a part of the reward."""

_SAME = 1e-9


class Verdict(StrEnum):
    """What can stand in the way of learning. The list is closed."""

    IMAGE_TOKENS_CUT = "image_tokens_cut"
    IDENTICAL_ANSWERS = "identical_answers"
    EQUAL_REWARDS = "equal_rewards"
    NEVER_SAMPLED = "never_sampled"
    PART_CONSTANT = "part_constant"
    CLIPPED = "clipped"
    COLLAPSED = "collapsed"
    NOISE = "noise"
    NO_GRADIENT = "no_gradient"
    GRADIENT_NOT_FINITE = "gradient_not_finite"


@dataclass(frozen=True, slots=True)
class Finding:
    """A verdict, with what was seen and what to do, each a sentence."""

    verdict: Verdict
    says: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Sampled:
    """An answer: its text, whether it ended at the limit, its reward and the reward's parts."""

    text: str
    clipped: bool
    total: float
    parts: Mapping[str, float | None]


@dataclass(frozen=True, slots=True)
class Group:
    """The answers to one page, and the parts of the reward that its label has something for."""

    answers: Sequence[Sampled]
    expected: frozenset[str]

    @property
    def distinct(self) -> int:
        return len({answer.text for answer in self.answers})


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the reward on the pages whose label has it: groups, mean, mean standard deviation within a group, and
    how many groups of different answers are without any spread, of how many."""

    groups: int
    mean: float
    spread: float
    flat: int
    mixed: int


@dataclass(frozen=True, slots=True)
class Gradient:
    """One real backward pass: entropy in nats a token, and the gradient's norm in each group of the adapter.

    `of`: "policy" where the answers have advantages, else "likelihood": then all advantages are taken as 1.
    """

    of: str
    entropy: float
    norms: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Signal:
    """What was measured. Shares lie in [0, 1]; `spread` is the mean standard deviation of rewards within a group."""

    prompts: int
    generations: int
    image_tokens: tuple[int, int]
    """Image tokens in the prompts, and how many the images need."""
    flat: float = 0.0
    """Share of groups of equal rewards."""
    identical: float = 0.0
    """Share of groups of equal answers."""
    distinct: float = 0.0
    """Different answers in a group, mean."""
    clipped: float = 0.0
    reward: float = 0.0
    spread: float = 0.0
    parts: Mapping[str, Part] | None = None
    gradient: Gradient | None = None


def measure(groups: Sequence[Group], parts: Sequence[str], image_tokens: tuple[int, int], gradient: Gradient) -> Signal:
    """The signal of sampled groups, for those `parts` of the reward that have a weight."""
    answers = [answer for group in groups for answer in group.answers]
    totals = [_spread([answer.total for answer in group.answers]) for group in groups]
    return Signal(
        prompts=len(groups),
        generations=len(groups[0].answers),
        image_tokens=image_tokens,
        flat=fmean(spread < _SAME for spread in totals),
        identical=fmean(group.distinct == 1 for group in groups),
        distinct=fmean(group.distinct for group in groups),
        clipped=fmean(answer.clipped for answer in answers),
        reward=fmean(answer.total for answer in answers),
        spread=fmean(totals),
        parts={part: _part(part, having) for part in parts if (having := [g for g in groups if part in g.expected])},
        gradient=gradient,
    )


def _part(name: str, groups: Sequence[Group]) -> Part:
    values = [[answer.parts[name] or 0.0 for answer in group.answers] for group in groups]
    spreads = [_spread(of_group) for of_group in values]
    mixed = [spread for spread, group in zip(spreads, groups, strict=True) if group.distinct > 1]
    return Part(
        groups=len(groups),
        mean=fmean(value for of_group in values for value in of_group),
        spread=fmean(spreads),
        flat=sum(spread < _SAME for spread in mixed),
        mixed=len(mixed),
    )


def _spread(values: Sequence[float]) -> float:
    return stdev(values) if len(values) > 1 else 0.0


def findings(signal: Signal, vocabulary: int) -> list[Finding]:
    """Everything that stands in the way, worst first; a small spread alone does not."""
    have, need = signal.image_tokens
    if have != need:
        return [
            Finding(
                Verdict.IMAGE_TOKENS_CUT,
                f"image tokens cut: {have} of the {need} that the pages need are in the prompts",
                "let nothing shorten a prompt, or use smaller pages",
            )
        ]
    return [*_of_answers(signal), *_of_parts(signal), *_of_gradient(signal, vocabulary)]


def _of_answers(signal: Signal) -> list[Finding]:
    found = []
    if signal.flat >= MOST_FLAT and signal.identical >= signal.flat / 2:
        found.append(
            Finding(
                Verdict.IDENTICAL_ANSWERS,
                f"all {signal.generations} answers identical in {signal.identical:.0%} of groups, rewards equal in"
                f" {signal.flat:.0%}",
                "raise grpo.temperature or grpo.generations, or stop SFT earlier",
            )
        )
    elif signal.flat >= MOST_FLAT:
        found.append(
            Finding(
                Verdict.EQUAL_REWARDS,
                f"no spread of rewards in {signal.flat:.0%} of groups, though {signal.distinct:.1f} of"
                f" {signal.generations} answers differ; the mean reward is {signal.reward:.3f}",
                "choose a finer reward (grpo.weights), warm up longer with SFT, or inject labels (grpo.guidance)",
            )
        )
    if signal.clipped >= MOST_CLIPPED:
        found.append(
            Finding(
                Verdict.CLIPPED,
                f"{signal.clipped:.0%} of answers end at the limit, not at an end of their own",
                "raise model.max_new_tokens, or warm up longer with SFT, so that answers end",
            )
        )
    return found


def _of_parts(signal: Signal) -> list[Finding]:
    found = []
    for name, part in (signal.parts or {}).items():
        if part.groups >= FEWEST_GROUPS and part.mean < _SAME:
            found.append(
                Finding(
                    Verdict.NEVER_SAMPLED,
                    f"{name} constant 0 on the {part.groups} pages that have it: the format is never sampled",
                    "no advantage can raise what is never sampled; warm up longer with SFT, or inject labels"
                    " (grpo.guidance)",
                )
            )
        elif part.mixed >= FEWEST_GROUPS and part.flat == part.mixed and part.mean < 1 - _SAME:
            found.append(
                Finding(
                    Verdict.PART_CONSTANT,
                    f"{name} is the same for all answers in each of {part.mixed} groups of different answers (mean"
                    f" {part.mean:.3f})",
                    "as it does not vary, it will not move; raise grpo.temperature, warm up longer, or drop the part",
                )
            )
    return found


def _of_gradient(signal: Signal, vocabulary: int) -> list[Finding]:
    gradient = signal.gradient
    if gradient is None:
        return []
    found = []
    if gradient.entropy < LEAST_ENTROPY and signal.flat >= MOST_FLAT:  # a policy that is sure may still differ enough
        found.append(
            Finding(
                Verdict.COLLAPSED,
                f"entropy {gradient.entropy:.3f} nats a token: sampling is nearly greedy",
                "raise grpo.temperature, or stop SFT earlier",
            )
        )
    if gradient.entropy > MOST_ENTROPY * math.log(vocabulary):
        found.append(
            Finding(
                Verdict.NOISE,
                f"entropy {gradient.entropy:.2f} nats a token, a uniform choice has {math.log(vocabulary):.2f}: answers"
                " are noise",
                "warm up longer with SFT, or lower grpo.temperature",
            )
        )
    saturated = gradient.entropy < LEAST_ENTROPY and not any(gradient.norms.values())
    for group, norm in gradient.norms.items():
        if not math.isfinite(norm):
            found.append(
                Finding(
                    Verdict.GRADIENT_NOT_FINITE,
                    f"the gradient of the {group} adapter is {norm}",
                    "set model.dtype to 'float32', and look for weights that are not finite",
                )
            )
        elif norm == 0 and not saturated:  # a choice that is certain has no gradient anywhere
            found.append(
                Finding(
                    Verdict.NO_GRADIENT,
                    f"the {group} adapter gets no gradient",
                    "look for frozen weights, and for gradient checkpointing that is reentrant; or leave these layers"
                    " out (lora.vision)",
                )
            )
    return found


def summary(signal: Signal) -> str:
    """What was seen, in one sentence."""
    said = f"{signal.prompts} pages, {signal.generations} answers each"
    if signal.gradient is None:
        return f"{said}: not sampled"
    norms = ", ".join(f"{group} {norm:.3g}" for group, norm in signal.gradient.norms.items())
    return (
        f"{said}: rewards differ in {1 - signal.flat:.0%} of groups (mean {signal.reward:.3f}, spread"
        f" {signal.spread:.3f}), {signal.distinct:.1f} different answers a group, {signal.clipped:.0%} clipped, entropy"
        f" {signal.gradient.entropy:.2f} nats a token, gradient norm {norms}"
    )
