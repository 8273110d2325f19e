"""What an ablation compares: arms, each one stage of training on top of another arm, with several seeds."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import Field, model_validator

from tasks.config import RUNS, Checkpoint, HeldOutRun, ReadRun, RunConfig, ScoreRun, load_run
from tasks.render_config import Choices, Config
from tasks.train_config import GrpoConfig, GrpoRun, SftConfig, SftRun

BASE = "base"

Settings = SftConfig | GrpoConfig


class AsLong(Config):
    """SFT for as long as a GRPO arm: as many updates, or as many seconds of compute, as its log tells."""

    arm: str = Field(description="A GRPO arm that goes on from the same adapter")
    by: Literal["updates", "compute"]


class Arm(Config):
    """One stage of training. Of [sft] and [grpo] it says only what differs from the grid's."""

    name: str = Field(pattern=r"^[\w.+-]+$", description="In tables")
    why: str = Field(min_length=1, description="What it is for")
    after: str = Field("", description="The arm whose adapter goes on; empty: the base")
    sft: dict[str, Any] | None = None
    grpo: dict[str, Any] | None = None
    as_long_as: AsLong | None = Field(None, description="In place of sft.steps")
    against: tuple[str, ...] = Field((), description="Arms, or base, that it is compared with")


class Cell(NamedTuple):
    """One training: an arm and its seed, which decides which pages come when, and what is sampled."""

    arm: str
    seed: int


class AblationConfig(Config):
    """An ablation. Its pages, model, adapter and evaluation are those of a run."""

    why: str = Field("", description="What this ablation is for")
    processes: Annotated[
        int, Field(ge=1, description="Cells at once, a thread each; 1 on a GPU. Never changes a result")
    ] = 2
    cpu_hours: float = Field(1.5, gt=0, description="A grid that would take longer is refused")
    run: RunConfig = Field(
        RunConfig(), description="What all arms share: a run file, or the name of one of the project's own"
    )
    sft: dict[str, Any] = Field({}, description="What differs from the run's [sft]")
    grpo: dict[str, Any] = Field({}, description="What differs from the run's [grpo]")
    pages: int = Field(200, ge=1, description="Held-out pages that every arm reads, fewer where there are not as many")
    skip: int = Field(0, ge=0, description="Held-out pages that are passed over: those that settings were chosen on")
    seeds: Choices[Annotated[int, Field(ge=0)]] = (0, 1, 2)
    arms: tuple[Arm, ...] = Field(min_length=1)

    @model_validator(mode="before")
    @classmethod
    def _named(cls, given: Any) -> Any:
        """A run may be given by its file."""
        if isinstance(given, dict) and isinstance(name := given.get("run"), str):
            ours = RUNS / name
            return {**given, "run": load_run(ours if ours.is_file() else Path(name))}
        return given

    @model_validator(mode="after")
    def _whole(self) -> AblationConfig:
        if len(set(self.seeds)) < len(self.seeds):
            raise ValueError(f"seeds {self.seeds}: one stands there twice")
        before: dict[str, Arm] = {}
        for arm in self.arms:
            if problem := _problem(arm, before):
                raise ValueError(f"arm {arm.name!r}: {problem}")
            before[arm.name] = arm
            if problem := self._unequal(arm):
                raise ValueError(f"arm {arm.name!r}: {problem}")
        return self

    def _unequal(self, arm: Arm) -> str:
        """Why an arm cannot be as long as another; empty where it can. Raises for settings that cannot be."""
        ours, long = self.settings(arm), arm.as_long_as
        if long is None or isinstance(ours, GrpoConfig):
            return ""
        theirs, first = self.settings(self.by_name[long.arm]), self.settings(self.by_name[arm.after])
        if isinstance(theirs, GrpoConfig) and ours.batch != theirs.prompts:
            return f"sft.batch = {ours.batch}, but {long.arm!r} has {theirs.prompts} prompts an update: other pages"
        if long.by == "compute" and isinstance(first, SftConfig) and not (first.steps and first.batch == ours.batch):
            return f"by compute: {arm.after!r}, whose updates are measured, needs steps of its own and this arm's batch"
        return ""

    @property
    def by_name(self) -> dict[str, Arm]:
        return {arm.name: arm for arm in self.arms}

    def settings(self, arm: Arm, **changes: Any) -> Settings:
        """How an arm is trained, with seed 0. Where SFT is as long as another arm by compute, its steps are not known
        before that was measured: they are 0 then, unless `changes` say them."""
        if arm.grpo is not None:
            return GrpoConfig.model_validate({**self.run.grpo.model_dump(), **self.grpo, **arm.grpo, **changes})
        if arm.as_long_as is not None:
            other = self.settings(self.by_name[arm.as_long_as.arm])
            changes = {"steps": other.steps if arm.as_long_as.by == "updates" else 0, **changes}
        return SftConfig.model_validate({**self.run.sft.model_dump(), **self.sft, **(arm.sft or {}), **changes})

    def training(self, cell: Cell, steps: int | None = None) -> SftRun | GrpoRun:
        """What decides a cell's adapter, `steps` being those of compute that was measured."""
        known = {} if steps is None else {"steps": steps}
        found = self.settings(self.by_name[cell.arm], seed=cell.seed, **known)
        shared = {name: getattr(self.run, name) for name in ("model", "pages", "lora", "cost")}
        return GrpoRun(grpo=found, **shared) if isinstance(found, GrpoConfig) else SftRun(sft=found, **shared)

    def untrained(self, seed: int) -> SftRun:
        """An adapter that changes nothing yet, for GRPO on the base."""
        run = self.run
        nothing = SftConfig.model_validate({**run.sft.model_dump(), **self.sft, "steps": 0, "seed": seed})
        return SftRun(model=run.model, pages=run.pages, lora=run.lora, sft=nothing, cost=run.cost)

    def reading(self, arm: str, seed: int | None = None) -> ReadRun:
        """How an arm, or the base, is asked."""
        model = Checkpoint(**self.run.model.model_dump(), batch=self.run.evaluate.batch)
        return ReadRun(system=arm, seed=seed, reader=model)

    def held_out(self, without: tuple[str, ...]) -> HeldOutRun:
        """Which held-out pages are read."""
        evaluate = self.run.evaluate
        return HeldOutRun(
            without=without, selection=self.run.pages, pages=self.pages, skip=self.skip, seed=evaluate.seed
        )

    def scoring(self) -> ScoreRun:
        return ScoreRun(resamples=self.run.evaluate.resamples, seed=self.run.evaluate.seed)

    def cells(self) -> list[Cell]:
        """Every training, in the order of the arms."""
        return [Cell(arm.name, seed) for arm in self.arms for seed in self.seeds]

    def waves(self) -> list[list[Arm]]:
        """The arms in the order in which they can be trained: each wave needs only what earlier ones made."""
        level: dict[str, int] = {"": -1}
        for arm in self.arms:
            other = arm.as_long_as
            needed = [arm.after, *([other.arm] if other and other.by == "compute" else [])]
            level[arm.name] = 1 + max(level[name] for name in needed)
        found: list[list[Arm]] = [[] for _ in range(1 + max(level.values()))]
        for arm in self.arms:
            found[level[arm.name]].append(arm)
        return found


def _problem(arm: Arm, before: dict[str, Arm]) -> str:
    """Why an arm cannot be, after those above it; empty where it can."""
    if arm.name in (BASE, *before):
        return "another has this name"
    if (arm.sft is None) == (arm.grpo is None):
        return "give either sft or grpo"
    if arm.after and arm.after not in before:
        return f"after {arm.after!r}: no arm above it has this name"
    if unknown := [name for name in arm.against if name not in (BASE, *before)]:
        return f"against {unknown[0]!r}: no arm above it has this name"
    if "seed" in (arm.sft or arm.grpo or {}):
        return "its seed is one of the grid's seeds"
    if arm.as_long_as is None:
        return ""
    other = before.get(arm.as_long_as.arm)
    if other is None or other.grpo is None or not arm.after or other.after != arm.after:
        return (
            f"as_long_as {arm.as_long_as.arm!r}: no GRPO arm above it that goes on from {arm.after or 'an arm'!r} too"
        )
    if arm.as_long_as.by == "compute" and before[arm.after].sft is None:
        return "as_long_as by compute: an update is measured where it goes on from, so that must be an SFT arm"
    if arm.sft is None or "steps" in arm.sft or "batch" in arm.sft:
        return "as_long_as is for an SFT arm of the grid's batch, and in place of sft.steps"
    return ""
