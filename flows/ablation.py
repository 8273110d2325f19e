"""The ablation: a grid of arms is trained, all read the same held-out pages, and the article's claims are judged."""

from __future__ import annotations

from typing import NamedTuple

from prefect import flow, get_run_logger

from flows.dataset import build, default_out
from flows.side_by_side import side_by_side
from tasks.dataset.publish import dataset_at
from tasks.evaluate.ablation.config import BASE, AblationConfig, Arm, Cell
from tasks.evaluate.ablation.grid import equal_steps, plan
from tasks.evaluate.ablation.report.stage import report
from tasks.evaluate.held_out import held_out, held_out_families
from tasks.evaluate.read import read
from tasks.evaluate.stage import evaluate as score
from tasks.model.load import trained_families
from tasks.records import StageRef
from tasks.train.cost import seconds_of
from tasks.train.grpo import grpo
from tasks.train.sft import sft
from tasks.train_config import GrpoRun


class Cells(NamedTuple):
    """Every training and its answers, in the order of the cells; the base's answers come first."""

    trained: list[StageRef]
    reads: list[StageRef]


@flow(name="ablation", log_prints=True)
def ablation(study: AblationConfig, dataset: str = "") -> StageRef:
    """Train every arm of a grid with every seed, and say what each bought and which of the article's claims hold.

    `dataset` is the folder or URI of a published dataset, or a Hub `repo@revision`; empty: the run's own is built, as
    `recto demo` builds it. What an earlier run finished is re-used, so an ablation that was killed goes on. The
    returned stage holds the report. Raises UsageError for a grid that would take more CPU-hours than it allows.
    """
    get_run_logger().info("%s\n%s", study.why, plan(study))
    pages_from = dataset_at(dataset) if dataset else build(study.run, default_out(study.run)).train_on
    without = sorted(trained_families(study.run.model.base) & held_out_families(pages_from))
    pages = held_out(study.held_out(tuple(without)), pages_from)
    with side_by_side(study.processes) as at_once:
        cells = _cells.with_options(task_runner=at_once)(study, pages_from, pages)
    return report(study, score(study.scoring(), pages, *cells.reads), *cells.trained)


@flow(name="ablation-cells")
def _cells(study: AblationConfig, dataset: StageRef, pages: StageRef) -> Cells:
    """The arms wave by wave, for some need what others left; whatever is trained is asked at once."""
    log, count = get_run_logger(), len(study.cells())
    base = read.submit(study.reading(BASE), pages)
    seeds = study.seeds if any(not arm.after and arm.grpo is not None for arm in study.arms) else ()
    fresh = {seed: sft.submit(study.untrained(seed), dataset) for seed in seeds}
    untrained = {seed: wait() for seed, wait in fresh.items()}
    trained: dict[Cell, StageRef] = {}
    asked = {}
    for wave in study.waves():
        waiting = {}
        for arm in wave:
            steps = _measured_steps(study, arm, trained)
            for seed in study.seeds:
                before = trained[Cell(arm.after, seed)] if arm.after else untrained.get(seed)
                run = study.training(Cell(arm.name, seed), steps)
                if isinstance(run, GrpoRun):
                    assert before is not None
                    waiting[Cell(arm.name, seed)] = grpo.submit(run, dataset, before)
                else:
                    after = [before] if arm.after and before else []
                    waiting[Cell(arm.name, seed)] = sft.submit(run, dataset, *after)
        for cell, wait in waiting.items():
            trained[cell] = wait()
            log.info("trained %s of %s: %s, seed %s", len(trained), count, *cell)
            asked[cell] = read.submit(study.reading(*cell), pages, trained[cell])
    reads = [base(), *(asked[cell]() for cell in study.cells())]
    return Cells([trained[cell] for cell in study.cells()], reads)


def _measured_steps(study: AblationConfig, arm: Arm, trained: dict[Cell, StageRef]) -> int | None:
    """The updates of an arm that is as long as another by compute: all seeds together, so that all train as long."""
    if arm.as_long_as is None or arm.as_long_as.by == "updates":
        return None
    theirs, ours = (
        sum(seconds_of(trained[Cell(name, seed)]) for seed in study.seeds) / len(study.seeds)
        for name in (arm.as_long_as.arm, arm.after)
    )
    return equal_steps(theirs, ours / study.settings(study.by_name[arm.after]).steps)
