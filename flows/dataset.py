"""The CPU half: documents to a published dataset."""

from __future__ import annotations

from dataclasses import dataclass

from prefect import flow, get_run_logger
from prefect.events import emit_event

from tasks.collect.stage import collect
from tasks.config import RenderConfig, RunConfig
from tasks.dataset.publish import check_out, dataset_at, export, previous_ledger, publish
from tasks.dataset.split import keep_ledger, read_ledger, split
from tasks.records import DatasetRef, StageRef, digest
from tasks.render.stage import batches, draw, render
from tasks.store import Folder, home

PUBLISHED = "dataset.published"


@dataclass(frozen=True, slots=True)
class Built:
    """A built dataset: its stages, and where it was published."""

    collected: StageRef
    rendered: StageRef
    split: StageRef
    published: StageRef
    dataset: DatasetRef


def draw_pages(config: RenderConfig, documents: StageRef, workers: int = 0) -> StageRef:
    """All pages of the documents, drawn batch by batch."""
    return render(config, *(draw(config, documents, batch, workers=workers) for batch in batches(documents)))


def build(run: RunConfig, out: Folder) -> Built:
    """collect -> render -> split -> publish, with the ledger that `out` holds, and `out` brought up to date."""
    check_out(out)
    documents = collect(run.collect)
    pages = draw_pages(run.render, documents, run.workers)
    base = digest(pages.digest, run.split.model_dump_json())
    before = previous_ledger(out, base)
    dealt = split(run.split, pages, before)
    standing = check_out(out).get("published", "")
    published = publish(run.publish, documents, pages, dealt, previous=standing, pdfs=run.render.keep_pdf)
    dataset = export(published, out, split_base=base, split_previous=before, published=published.uri)
    return Built(documents, pages, dealt, published, dataset)


def build_small(run: RunConfig, built: Built) -> StageRef:
    """The pages a model trains on: the dataset's own, or the same documents and families drawn small."""
    if run.small is None:
        return dataset_at(built.published.uri)
    pages = draw_pages(run.small, built.collected, run.workers)
    ledger = keep_ledger(read_ledger(Folder(built.split.uri)))
    dealt = split(run.split, pages, ledger)
    named = run.publish.model_copy(update={"name": f"{run.publish.name}-small"})
    return dataset_at(publish(named, built.collected, pages, dealt).uri)


def default_out(run: RunConfig) -> Folder:
    """Where a dataset is published unless the run says otherwise."""
    return Folder(home()) / "datasets" / run.publish.name


@flow(name="dataset-rebuild", log_prints=True)
def dataset_rebuild(run: RunConfig = RunConfig(), out: str = "") -> Built:
    """Rebuild the dataset incrementally and publish it.

    `out` is the folder or URI that holds the published dataset and its split ledger; empty is one in the store.
    When the content changed, the event `dataset.published` carries where the pages to train on are.
    """
    target = Folder(out) if out else default_out(run)
    before = check_out(target).get("content")
    built = build(run, target)
    train_on = build_small(run, built)
    if built.dataset.digest == before:
        get_run_logger().info("nothing changed: %s still holds %s", target.uri, before)
    else:
        emit_event(
            PUBLISHED,
            resource={
                "prefect.resource.id": f"recto.dataset.{run.publish.name}",
                "prefect.resource.name": run.publish.name,
            },
            payload={
                "dataset": train_on.uri,
                "digest": built.dataset.digest,
                **{k: train_on.counts[k] for k in ("train", "test")},
            },
        )
    return built
