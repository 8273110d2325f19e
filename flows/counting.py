"""The counting study: bases -> cells -> evaluation -> report."""

from __future__ import annotations

from prefect import flow, get_run_logger

from flows.side_by_side import side_by_side
from tasks.counting.bases import BaseConfig, base_stage, counter_stage, make_base
from tasks.counting.cell import CellRun, cell
from tasks.counting.config import StudyConfig
from tasks.counting.data import scenes
from tasks.counting.evaluation import DOMAINS, evaluation
from tasks.counting.grid import plan, question_run
from tasks.counting.policy import one_thread
from tasks.counting.report.stage import report
from tasks.evaluate.report.artifacts import link_report
from tasks.records import StageRef

DEFAULTS = StudyConfig()
_counter, _base = counter_stage.task(), base_stage.task()


@flow(name="counting-study", flow_run_name="counting-study: {study.why}", log_prints=True)
def counting_study(study: StudyConfig = DEFAULTS) -> StageRef:
    """Teach bases to count, with and without guidance, and say which claims of the second article hold here.

    Every base is first asked under every prompt; then each cell of the grid is trained and asked, in `study.processes`
    processes. What an earlier run finished is re-used, so a study that was killed goes on. The returned stage holds
    the report. Raises UsageError for a grid that would take more CPU-hours than the study allows.

    Args:
        study: Bases, arms, images and training of the study, and the grid of what is trained.
    """
    get_run_logger().info("%s\n%s", study.why, plan(study))
    one_thread()
    bases = {
        name: make_base(base, scenes, _counter, _base) if isinstance(base, BaseConfig) else None
        for name, base in study.bases.items()
    }
    train = scenes(study.images.of("in", training=True))
    test = tuple(scenes(study.images.of(domain, training=False)) for domain in DOMAINS)
    with side_by_side(study.processes) as at_once:
        stages = _cells.with_options(task_runner=at_once)(study, bases, train, test)
    told = report(study, *stages)
    link_report(told, "counting-report")
    return told


@flow(name="counting-cells")
def _cells(
    study: StudyConfig, bases: dict[str, StageRef | None], train: StageRef, test: tuple[StageRef, ...]
) -> list[StageRef]:
    """The evaluation of each base, then each cell with its evaluation, in the order of the study."""
    log, cells = get_run_logger(), study.cells()
    started = {name: [ref] if ref else [] for name, ref in bases.items()}
    control = [evaluation.submit(question_run(study, name), *test, *started[name]) for name in study.bases]
    training = []
    for c in cells:
        run = CellRun(prompt=c.arm.prompt, grpo=study.grpo(c), checkpoint=study.checkpoint(c.arm.base))
        training.append(cell.submit(run, train, *started[c.arm.base]))
    stages = [wait() for wait in control]
    log.info("%s untrained bases were asked under every prompt", len(stages))
    asked = []
    for number, (c, wait) in enumerate(zip(cells, training, strict=True), 1):
        ref = wait()
        log.info("trained %s of %s: %s", number, len(cells), c)
        asked.append((ref, evaluation.submit(question_run(study, c.arm.base, c.arm.prompt), *test, ref)))
    for number, (ref, wait) in enumerate(asked, 1):
        stages += [ref, wait()]
        log.info("asked %s of %s trained policies", number, len(cells))
    return stages
