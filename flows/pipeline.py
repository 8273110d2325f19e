"""The whole line in one process: collect -> render -> split -> publish -> sft -> grpo -> evaluate -> report."""

from __future__ import annotations

from prefect import flow

from flows.dataset import build, default_out
from flows.training import refine
from tasks.config import RunConfig
from tasks.records import StageRef
from tasks.store import Folder


@flow(name="pipeline", flow_run_name="pipeline {run.publish.name}", log_prints=True)
def pipeline(run: RunConfig = RunConfig(), out: str = "") -> StageRef:
    """From documents to a report on a trained model. `out`: where the dataset is published, empty is in the store.

    The returned stage's folder holds `report.html` and `summary.txt`.
    """
    built = build(run, Folder(out) if out else default_out(run))
    return refine(run, built.train_on, *built.stages).report
