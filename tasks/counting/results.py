"""What a study found: rates of every policy and course of every training, and what is compared of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import fmean
from typing import Any, Literal

from tasks.counting.cell import read_log
from tasks.counting.config import ALL_WRONG, NONE, Arm, Cell, Decoding, StudyConfig
from tasks.counting.evaluation import Asked, Rates, read_rates
from tasks.counting.prompts import PromptName
from tasks.counting.scenes import Domain
from tasks.intervals import Interval, over_seeds, paired, steps_to, times_as_long, wilson
from tasks.records import StageRef

Measure = Literal["accuracy", "digit rate", "accuracy given a digit"]
MEASURES: tuple[Measure, ...] = ("accuracy", "digit rate", "accuracy given a digit")
RIGHT, DIGIT = "policy/right", "policy/digit"
BySeed = Mapping[int, float]


def share(rates: Rates, measure: Measure) -> Interval:
    """A share of the answers, with its Wilson interval over images."""
    over, under = {
        "accuracy": (rates.right, rates.n),
        "digit rate": (rates.digits, rates.n),
        "accuracy given a digit": (rates.right, rates.digits),
    }[measure]
    return wilson(over, under)


@dataclass(frozen=True)
class Run:
    """A trained policy: its rates, and a row a step of its training."""

    rates: Mapping[Asked, Rates]
    log: Sequence[Mapping[str, Any]]

    def course(self, key: str) -> list[float]:
        """A logged value by step."""
        return [float(row[key]) for row in self.log]


@dataclass(frozen=True)
class Results:
    """All that a study measured."""

    study: StudyConfig
    untrained: Mapping[str, Mapping[Asked, Rates]]
    runs: Mapping[Cell, Run]

    @cached_property
    def arms(self) -> list[Arm]:
        """In the order of the grid."""
        return list(dict.fromkeys(cell.arm for cell in self.runs))

    def seeds(self, arm: Arm) -> dict[int, Run]:
        return {cell.seed: run for cell, run in self.runs.items() if cell.arm == arm}

    def arms_of(self, prompt: PromptName, guidance: str) -> list[Arm]:
        return [arm for arm in self.arms if (arm.prompt, arm.guidance) == (prompt, guidance)]

    def twin(self, arm: Arm, **changes: Any) -> Arm | None:
        """The arm that differs in these fields alone; None where the grid has none."""
        other = arm._replace(**changes)
        return other if other in self.arms else None

    def pairs(self, prompt: PromptName) -> list[tuple[Arm, Arm]]:
        """Arms without guidance, each with its twin that is helped when all are wrong."""
        found = ((arm, self.twin(arm, guidance=ALL_WRONG)) for arm in self.arms_of(prompt, NONE))
        return [(arm, other) for arm, other in found if other]

    def by_seed(
        self, arm: Arm, measure: Measure, domain: Domain, decoding: Decoding, prompt: PromptName | None = None
    ) -> dict[int, float]:
        """A share for each seed that has one; `prompt`: not the one that was trained."""
        asked = Asked(prompt or arm.prompt, domain, decoding)
        found = {s: share(run.rates[asked], measure).value for s, run in self.seeds(arm).items() if asked in run.rates}
        return {seed: value for seed, value in found.items() if value is not None}

    def mean(self, arm: Arm, measure: Measure, domain: Domain, decoding: Decoding) -> Interval:
        """Over seeds; clipped to where a share can be."""
        found = over_seeds([*self.by_seed(arm, measure, domain, decoding).values()])
        if found.low is None or found.high is None:
            return found
        return found._replace(low=max(0.0, found.low), high=min(1.0, found.high))

    def change(self, before: Arm, after: Arm, measure: Measure, domain: Domain, decoding: Decoding) -> Interval:
        """After - before, over pairs of seeds."""
        return paired(*(self.by_seed(arm, measure, domain, decoding) for arm in (before, after)))

    def gain(self, arm: Arm, measure: Measure, domain: Domain, decoding: Decoding) -> Interval:
        """What training added to the untrained base under the same prompt, over seeds."""
        start = share(self.untrained[arm.base][Asked(arm.prompt, domain, decoding)], measure).value
        values = self.by_seed(arm, measure, domain, decoding)
        return over_seeds([]) if start is None else over_seeds([value - start for value in values.values()])

    def kept(self, arm: Arm, prompt: PromptName) -> Interval:
        """What greedy accuracy under another prompt changed by, in the training domain, over seeds."""
        asked = Asked(prompt, "in", "greedy")
        start = share(self.untrained[arm.base][asked], "accuracy").value
        values = self.by_seed(arm, "accuracy", "in", "greedy", prompt)
        return over_seeds([]) if start is None else over_seeds([value - start for value in values.values()])

    def transfer(self, arm: Arm, decoding: Decoding) -> Interval:
        """Accuracy in the shifted domain by that in the training domain, over seeds."""
        home, away = (self.by_seed(arm, "accuracy", domain, decoding) for domain in ("in", "shifted"))
        return over_seeds([away[seed] / home[seed] for seed in away if home.get(seed)], null=1)

    def reached(self, arm: Arm, key: str = RIGHT) -> dict[int, int | None]:
        """For each seed the first step at which the policy's own answers are at the study's level."""
        level, window = self.study.level, self.study.window
        return {seed: steps_to(run.course(key), level, window) for seed, run in self.seeds(arm).items()}

    def speed_up(self, slow: Arm, fast: Arm) -> Interval:
        """How many times as many steps the one takes to that accuracy as the other, over pairs of seeds."""
        return times_as_long(self.reached(slow), self.reached(fast), slow.steps)

    def lag(self, arm: Arm) -> Interval:
        """How many times as many steps accuracy takes to that level as the digit rate, over seeds."""
        return times_as_long(self.reached(arm), self.reached(arm, DIGIT), arm.steps)

    def sharpened(self, arm: Arm) -> Interval:
        """Accuracy of the policy's own answers that have a digit: the last `window` steps less those around the step
        at which the digit rate got to the study's level, over the seeds where it did."""
        window, gains = self.study.window, []
        for seed, step in self.reached(arm, DIGIT).items():
            run = self.seeds(arm)[seed]
            right, digit = run.course(RIGHT), run.course(DIGIT)
            if step is not None and fmean(digit[-window:]):
                there = slice(step - window, step)
                gains.append(
                    fmean(right[-window:]) / fmean(digit[-window:]) - fmean(right[there]) / fmean(digit[there])
                )
        return over_seeds(gains)

    def injected(self, arm: Arm) -> tuple[float, int | None]:
        """Groups that were helped, a seed, and the last step at which one was."""
        courses = [run.course("guidance/injected") for run in self.seeds(arm).values()]
        steps = [step for course in courses for step, value in enumerate(course, 1) if value]
        return fmean(sum(course) for course in courses) * self.study.train.prompts, max(steps, default=None)


def gather(study: StudyConfig, stages: Sequence[StageRef]) -> Results:
    """The results of finished stages: the evaluation of each base, then each cell with its evaluation, in the order of
    the study."""
    cells = study.cells()
    bases, rest = stages[: len(study.bases)], stages[len(study.bases) :]
    trained = zip(cells, rest[::2], rest[1::2], strict=True)
    return Results(
        study,
        {name: read_rates(ref) for name, ref in zip(study.bases, bases, strict=True)},
        {cell: Run(read_rates(evaluation), read_log(ref)) for cell, ref, evaluation in trained},
    )
