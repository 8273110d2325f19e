"""Evaluation of base and adapters on the held-out pages of a dataset."""

from __future__ import annotations

from prefect import flow

from tasks.config import EvaluateRun, RunConfig
from tasks.dataset.publish import dataset_at
from tasks.evaluate.stage import evaluate as evaluate_task
from tasks.records import StageRef
from tasks.store import stage_at


def evaluation(run: RunConfig) -> EvaluateRun:
    return EvaluateRun(model=run.model, pages=run.pages, evaluate=run.evaluate)


def judge(run: RunConfig, dataset: StageRef, *adapters: StageRef) -> StageRef:
    """Answers and scores of the base and each adapter on the same held-out pages."""
    return evaluate_task(evaluation(run), dataset, *adapters)


@flow(name="evaluate", log_prints=True)
def evaluate(dataset: str, adapters: list[str] = [], run: RunConfig = RunConfig()) -> StageRef:  # noqa: B006
    """Evaluate the base and the adapters (folders or URIs of finished training stages) on a published dataset."""
    return judge(run, dataset_at(dataset), *(stage_at(uri) for uri in adapters))
