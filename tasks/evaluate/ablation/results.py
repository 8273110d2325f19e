"""What an ablation measured: the table of its evaluation, and the log of every training."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import permutations
from statistics import fmean
from typing import Any

from tasks.evaluate.ablation.config import AblationConfig, Arm, Cell
from tasks.intervals import NOTHING, Interval, over_seeds, paired
from tasks.records import StageRef
from tasks.store import Folder
from tasks.train.cost import seconds_of
from tasks.train_config import GrpoConfig

Log = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Results:
    """All that an ablation measured. `logs`: a row an update; `spent`: seconds of each training's own updates."""

    study: AblationConfig
    table: Mapping[str, Any]
    logs: Mapping[Cell, Log]
    spent: Mapping[Cell, float]

    @cached_property
    def _means(self) -> dict[tuple[str, str], Mapping[str, Any]]:
        return {(row["system"], row["metric"]): row for row in self.table["means"]}

    @cached_property
    def _differences(self) -> dict[tuple[str, str, str], Mapping[str, Any]]:
        return {(row["from"], row["to"], row["metric"]): row for row in self.table["differences"]}

    def mean(self, arm: str, metric: str) -> Interval:
        """Of an arm, or the base, over families of pages and training seeds; nothing where no page has the metric."""
        row = self._means.get((arm, metric))
        return NOTHING if row is None else _interval(row, "mean")

    def change(self, before: str, after: str, metric: str) -> Interval:
        """After - before, paired by page and seed; as `mean`."""
        if row := self._differences.get((before, after, metric)):
            return _interval(row, "difference")
        if row := self._differences.get((after, before, metric)):
            value, low, high, n, p, bound = _interval(row, "difference")
            return Interval(_minus(value), _minus(high), _minus(low), n, p, bound)
        return NOTHING

    def by_seed(self, arm: str, of: Callable[[Log], float | None]) -> dict[int, float]:
        """Something of the log of each training of an arm, where it has it."""
        found = {seed: of(self.logs[Cell(arm, seed)]) for seed in self.study.seeds}
        return {seed: value for seed, value in found.items() if value is not None}

    def logged(self, arm: str, key: str) -> Interval:
        """A logged value, mean over the updates of a training, over seeds."""
        return over_seeds([*self.by_seed(arm, lambda log: mean_of(log, key)).values()])

    def climb(self, arm: str, key: str) -> Interval:
        """How much a logged value grew from the first third of the updates to the last, over seeds."""

        def grown(log: Log) -> float | None:
            third = max(1, len(log) // 3)
            first, last = mean_of(log[:third], key), mean_of(log[-third:], key)
            return None if first is None or last is None else last - first

        return over_seeds([*self.by_seed(arm, grown).values()])

    def ratio(self, over: str, under: str, key: str) -> Interval:
        """A logged value of one arm by that of another: geometric mean over pairs of seeds, t interval of logarithms.

        Nothing where a value is not above 0: then there is no ratio.
        """
        a, b = (self.by_seed(arm, lambda log: mean_of(log, key)) for arm in (over, under))
        pairs = [(a[seed], b[seed]) for seed in a if seed in b]
        if not pairs or min(min(pair) for pair in pairs) <= 0:
            return Interval(None, None, None, len(pairs))
        found = over_seeds([math.log(x / y) for x, y in pairs])
        value, low, high = (None if x is None else math.exp(x) for x in found[:3])
        return Interval(value, low, high, found.n, found.p)

    def gap(self, before: str, after: str, key: str) -> Interval:
        """A logged value of one arm less that of another, over pairs of seeds."""
        a, b = (self.by_seed(arm, lambda log: mean_of(log, key)) for arm in (before, after))
        return paired(a, b)

    def seconds(self, arm: str) -> Interval:
        """Seconds of an arm's own updates, over seeds."""
        return over_seeds([self.spent[Cell(arm, seed)] for seed in self.study.seeds])

    def seconds_in_all(self, arm: str) -> float:
        """Seconds of the updates of an arm and of those it goes on from, mean over seeds."""
        above = self.study.by_name[arm].after
        return (self.seconds(arm).value or 0.0) + (self.seconds_in_all(above) if above else 0.0)

    def steps(self, arm: str) -> int:
        """Updates of an arm, as they were made."""
        return len(self.logs[Cell(arm, self.study.seeds[0])])

    # what the arms are to each other

    @property
    def alone(self) -> list[Arm]:
        """GRPO on the base."""
        return [arm for arm in self.study.arms if arm.grpo is not None and not arm.after]

    @property
    def refined(self) -> list[Arm]:
        """GRPO after SFT, without guidance."""
        return [arm for arm in self.guided_or_not if self.grpo(arm).guidance.mode == "none"]

    @property
    def guided_or_not(self) -> list[Arm]:
        return [arm for arm in self.study.arms if arm.grpo is not None and arm.after]

    @property
    def better_reward(self) -> list[Arm]:
        """GRPO after SFT with the article's better reward."""
        return [arm for arm in self.refined if self.grpo(arm).weights == "v2"]

    @property
    def warm(self) -> list[Arm]:
        """The SFT arms that GRPO goes on from."""
        return [arm for arm in self.study.arms if any(other.after == arm.name for other in self.refined)]

    @property
    def longer(self) -> list[Arm]:
        """SFT from the base for longer than all that GRPO goes on from."""
        most = max((self.steps(arm.name) for arm in self.warm), default=0)
        return [
            arm
            for arm in self.study.arms
            if arm.sft is not None and not arm.after and most and self.steps(arm.name) > most
        ]

    @property
    def continued(self) -> list[tuple[Arm, Arm]]:
        """GRPO arms, each with SFT that goes on from the same adapter for as long."""
        by_name = self.study.by_name
        return [(by_name[arm.as_long_as.arm], arm) for arm in self.study.arms if arm.as_long_as]

    def twins(self, key: str) -> list[tuple[Arm, Arm]]:
        """Pairs of GRPO arms after SFT that go on from the same adapter and differ in this setting alone, both ways."""
        found = []
        for a, b in permutations(self.guided_or_not, 2):
            x, y = (self.grpo(arm).model_dump() for arm in (a, b))
            if a.after == b.after and x.pop(key) != y.pop(key) and x == y:
                found.append((a, b))
        return found

    @property
    def with_and_without_sft(self) -> list[tuple[Arm, Arm]]:
        """GRPO on the base, and with the same settings after SFT."""
        return [(a, b) for a in self.alone for b in self.refined if self.grpo(a) == self.grpo(b)]

    def grpo(self, arm: Arm) -> GrpoConfig:
        found = self.study.settings(arm)
        assert isinstance(found, GrpoConfig)
        return found


def mean_of(log: Log, key: str) -> float | None:
    """Mean of a logged value over the rows that have it; None where none has."""
    values = [float(row[key]) for row in log if key in row]
    return fmean(values) if values else None


def _interval(row: Mapping[str, Any], name: str) -> Interval:
    return Interval(row[name], row["low"], row["high"], row["n"], row.get("p"))


def _minus(value: float | None) -> float | None:
    return None if value is None else -value


def read_log(ref: StageRef) -> Log:
    """The log of a finished training, a row an update."""
    rows = map(json.loads, Folder(ref.uri).read("log.jsonl").decode().splitlines())
    return [row for row in rows if "step" in row]


def gather(study: AblationConfig, table: StageRef, trained: Sequence[StageRef]) -> Results:
    """The results of finished stages: the evaluation, and each training in the order of the cells."""
    cells = dict(zip(study.cells(), trained, strict=True))
    return Results(
        study,
        Folder(table.uri).read_json("table.json"),
        {cell: read_log(ref) for cell, ref in cells.items()},
        {cell: seconds_of(ref) for cell, ref in cells.items()},
    )
