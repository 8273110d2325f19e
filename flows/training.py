"""The GPU half: SFT warm-up, GRPO refinement of the same adapter, evaluation of both against the base."""

from __future__ import annotations

from dataclasses import dataclass

from prefect import flow, get_run_logger

from flows.evaluation import Judged, held_out_run, judge, tell
from flows.showing import name_by, short_name, show_training
from tasks.config import RunConfig
from tasks.dataset.publish import dataset_at
from tasks.evaluate.held_out import held_out
from tasks.evaluate.read import Adapter
from tasks.evaluate.report.artifacts import means_table
from tasks.records import StageRef
from tasks.store import Folder
from tasks.train.grpo import grpo
from tasks.train.sft import sft
from tasks.train.upload import upload_to_hub
from tasks.train_config import GrpoRun, SftRun


@dataclass(frozen=True, slots=True)
class Trained:
    """The adapters of a run, their evaluation, and the report on it."""

    sft: StageRef
    grpo: StageRef
    judged: Judged
    report: StageRef


def refine(run: RunConfig, dataset: StageRef, *before: StageRef) -> Trained:
    """sft -> grpo -> evaluate -> report on a published dataset; the report shows the stages `before` too.

    Raises StageError before anything is trained where no held-out page could judge it.
    """
    # the adapters stand on the base, so what it has seen counts even where it is not asked itself
    on_base = run.model_copy(update={"evaluate": run.evaluate.model_copy(update={"base": True})})
    pages = held_out(held_out_run(on_base, dataset), dataset)
    warm = sft(SftRun(model=run.model, pages=run.pages, lora=run.lora, sft=run.sft, cost=run.cost), dataset)
    refined = grpo(
        GrpoRun(model=run.model, pages=run.pages, lora=run.lora, grpo=run.grpo, cost=run.cost), dataset, warm
    )
    judged = judge(run, pages, Adapter(warm), Adapter(refined))
    show_training(warm, refined)
    told = tell(run, judged, *before, warm, refined)
    if run.upload.adapter:
        figures = means_table(Folder(judged.table.uri).read_json("table.json"))
        get_run_logger().info("%s", upload_to_hub(run.upload, refined, dataset, figures))
    return Trained(warm, refined, judged, told)


def _named(dataset: str, run: RunConfig) -> str:
    return f"train {short_name(run.model.base)} @ {short_name(dataset)}"


@flow(name="train", flow_run_name=name_by(_named), log_prints=True)
def train(dataset: str, run: RunConfig = RunConfig()) -> Trained:
    """Train and evaluate on a published dataset.

    What was trained before on the same content, with the same configuration, is re-used: an event that comes twice
    trains once.

    Args:
        dataset: Published dataset: its folder or URI, or a Hub repo@revision.
        run: Model, adapter, training and evaluation; what concerns the making of the dataset is not used.
    """
    return refine(run, dataset_at(dataset))
