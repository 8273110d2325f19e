"""The GPU half: SFT warm-up, GRPO refinement of the same adapter, evaluation of both against the base."""

from __future__ import annotations

from dataclasses import dataclass

from prefect import flow

from flows.evaluation import evaluation, judge
from tasks.config import GrpoRun, RunConfig, SftRun
from tasks.dataset.publish import dataset_at
from tasks.evaluate.held_out import unseen_pages
from tasks.records import StageRef
from tasks.train.grpo import grpo
from tasks.train.sft import sft


@dataclass(frozen=True, slots=True)
class Trained:
    """The adapters of a run and their evaluation."""

    sft: StageRef
    grpo: StageRef
    evaluated: StageRef


def refine(run: RunConfig, dataset: StageRef) -> Trained:
    """sft -> grpo -> evaluate on a published dataset.

    Raises StageError before anything is trained where no held-out page could judge it.
    """
    unseen_pages(dataset, evaluation(run))
    warm = sft(SftRun(model=run.model, pages=run.pages, lora=run.lora, sft=run.sft), dataset)
    refined = grpo(GrpoRun(model=run.model, pages=run.pages, lora=run.lora, grpo=run.grpo), dataset, warm)
    return Trained(warm, refined, judge(run, dataset, warm, refined))


@flow(name="train", log_prints=True)
def train(dataset: str, run: RunConfig = RunConfig()) -> Trained:
    """Train and evaluate on a published dataset.

    `dataset` is the folder or URI of a published dataset, or a Hub `repo@revision`. Training for a dataset whose
    content was trained on before, with the same configuration, re-uses what is there.
    """
    return refine(run, dataset_at(dataset))
