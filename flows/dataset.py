"""The CPU half: documents to a published dataset."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from prefect import flow, get_client, get_run_logger
from prefect.assets import Asset, AssetProperties, materialize
from prefect.events import Event
from prefect.events.clients import get_events_client
from prefect.events.related import related_resources_from_run_context
from prefect.task_runners import TaskRunner

from flows.showing import show_dataset
from tasks.collect.stage import collect
from tasks.config import RunConfig
from tasks.dataset.licences import publishable
from tasks.dataset.publish import check_out, dataset_at, export, previous_ledger, publish, publish_stage
from tasks.dataset.split import keep_ledger, read_ledger, split, split_stage
from tasks.dataset.upload import ledger_from_hub, upload_to_hub
from tasks.hub import Uploaded
from tasks.records import DatasetRef, StageError, StageRef, digest
from tasks.render.pool import dismiss
from tasks.render.stage import Drawn, changes, check_drawn, draw, plan, render, render_stage
from tasks.render_config import Config, RenderConfig
from tasks.store import Folder, home

PUBLISHED = "dataset.published"
CONNECT_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Pages:
    """One rendering of the documents, dealt and published in the store."""

    rendered: StageRef
    split: StageRef
    published: StageRef


@dataclass(frozen=True, slots=True)
class Built:
    """The documents, their pages, the same documents drawn small where the run says so, and the dataset: its folder
    and, where the run says so, what the Hub holds of it."""

    collected: StageRef
    pages: Pages
    small: Pages | None
    dataset: DatasetRef
    uploaded: Uploaded | None

    @property
    def train_on(self) -> StageRef:
        """The pages a model trains on."""
        return dataset_at((self.small or self.pages).published.uri)

    @property
    def stages(self) -> tuple[StageRef, ...]:
        """Every stage, in the order they ran."""
        drawn = [self.pages] + ([self.small] if self.small else [])
        return (self.collected, *(ref for p in drawn for ref in (p.rendered, p.split, p.published)))


def draw_pages(
    config: RenderConfig, documents: StageRef, workers: int = 0, cluster: str = "", previous: str = ""
) -> StageRef:
    """All pages of the documents. Those that the page cache lacks are drawn, batch by batch: here, or on a Dask
    cluster's workers, which share the store. Of others, what `previous` (the URI of a rendering) says is taken over."""
    started = time.monotonic()
    waiting = [] if render_stage.done(config, documents) else plan(config, documents)
    seconds: dict[str, float] = defaultdict(float)
    for drawn in draw_batches(config, waiting, workers, cluster):
        seconds[drawn.worker] += drawn.seconds
    for batch in waiting:
        check_drawn(config, batch)
    count, longest = sum(int(batch.counts["documents"]) for batch in waiting), max(seconds.values(), default=0)
    took = f"{time.monotonic() - started:.1f} s"
    if cluster:
        took += f" by {len(seconds)} workers, of which one drew for {longest:.1f} s"
    get_run_logger().info("drawn: %s documents in %s batches in %s", count, len(waiting), took)
    return render(config, documents, previous=previous)


def draw_batches(config: RenderConfig, waiting: list[StageRef], workers: int = 0, cluster: str = "") -> list[Drawn]:
    """Draw what waits: batch after batch here, or all at once on a cluster."""
    named = [(batch, f"{i}/{len(waiting)}") for i, batch in enumerate(waiting, 1)]
    if waiting and cluster:
        return _draw_there.with_options(task_runner=_workers_of(cluster))(config, named, workers)
    try:
        return [draw(config, batch, name, workers=workers) for batch, name in named]
    finally:
        dismiss()


@flow(name="draw-pages")
def _draw_there(config: RenderConfig, named: list[tuple[StageRef, str]], workers: int) -> list[Drawn]:
    """Each batch by whichever worker of the flow's task runner is free."""
    return [f.result() for f in [draw.submit(config, batch, name, workers=workers) for batch, name in named]]


def _workers_of(cluster: str) -> TaskRunner[Any]:
    """Raises StageError where no scheduler answers, or one without workers, for which a run would wait for ever."""
    try:
        from distributed import Client
        from prefect_dask.task_runners import DaskTaskRunner
    except ImportError:
        raise StageError("a run on a cluster needs Dask: install recto[cluster]") from None
    try:
        with Client(cluster, timeout=CONNECT_SECONDS, set_as_default=False) as client:
            count = len(client.scheduler_info(n_workers=-1)["workers"])
    except OSError as e:
        raise StageError(f"{cluster}: no Dask scheduler answers ({e}); start one, or leave out 'cluster'") from None
    if not count:
        raise StageError(f"{cluster}: no worker; 'dask worker {cluster} --no-nanny --nthreads 1' starts one")
    return DaskTaskRunner(address=cluster)


def build(run: RunConfig, out: Folder, full: bool = False) -> Built:
    """collect -> render -> split -> publish, with the ledger that `out` holds, and `out` brought up to date.

    What goes to the Hub holds only documents whose licence lets them be published; a new `out` goes on from its ledger.
    """
    standing = check_out(out)
    documents = collect(run.collect, anew=full)
    if run.upload.dataset:
        documents = publishable(Config(), documents)
    earlier = render_stage.folder(str(standing.get("rendered", "none")))
    drawn = draw_pages(run.render, documents, run.workers, run.cluster, earlier.uri)
    get_run_logger().info("render: %s", changes(earlier, Folder(drawn.uri)))
    base = split_stage.digest(run.split, drawn)
    ledger = previous_ledger(out, base)
    if run.upload.dataset and not standing and not ledger:
        ledger = ledger_from_hub(run.upload)
    dealt = split(run.split, drawn, ledger, workers=run.workers)
    if not drawn.counts["kept"]:
        raise StageError(f"no page is left of {documents.counts['documents']} documents; see {drawn.uri}/rejects.jsonl")
    if not dealt.counts["test"]:
        get_run_logger().warning("no test split: a family is never divided, and there are too few; add documents")
    before = publish_stage.folder(str(standing.get("published", "none"))).uri
    published = publish(run.publish, documents, drawn, dealt, previous=before, pdfs=run.render.keep_pdf)
    small = _draw_small(run, run.small, documents, dealt) if run.small else None
    notes = {"split_base": base, "split_previous": ledger, "rendered": drawn.digest, "published": published.digest}
    dataset = export(published, out, since=standing, **notes)
    uploaded = None
    if run.upload.dataset:
        uploaded = upload_to_hub(run.upload, dataset)
        get_run_logger().info("%s", uploaded)
    return Built(documents, Pages(drawn, dealt, published), small, dataset, uploaded)


def _draw_small(run: RunConfig, look: RenderConfig, documents: StageRef, dealt: StageRef) -> Pages:
    """The same documents drawn small, each family on the side where the dataset has it."""
    drawn = draw_pages(look, documents, run.workers, run.cluster)
    ledger = keep_ledger(read_ledger(Folder(dealt.uri)))
    small = split(run.split, drawn, ledger, workers=run.workers)
    named = run.publish.model_copy(update={"name": f"{run.publish.name}-small"})
    return Pages(drawn, small, publish(named, documents, drawn, small))


def default_out(run: RunConfig) -> Folder:
    """Where a dataset is published unless the run says otherwise."""
    return Folder(home()) / "datasets" / run.publish.name


@flow(name="dataset-rebuild", flow_run_name="dataset-rebuild {run.publish.name}", log_prints=True)
def dataset_rebuild(run: RunConfig = RunConfig(), out: str = "", full: bool = False) -> Built:
    """Rebuild the dataset incrementally and publish it.

    When the content changed, the event `dataset.published` carries where the pages to train on are.

    Args:
        run: What is collected and how it is drawn, split and published; what concerns training is not used.
        out: Folder or URI of the published dataset and its split ledger; empty: one in the store.
        full: Ask the sources for everything again, also for what was had before and has not changed. A page is drawn
            again only where its text is another: the same text gives the same page.
    """
    target = Folder(out) if out else default_out(run)
    built = build(run, target, full)
    show_dataset(built.pages.split)
    content = digest(built.dataset.digest, built.train_on.digest, run.upload.dataset)
    announced, name = Folder(home()) / "announcements", f"{digest(target.uri)}.json"
    last = announced.read_json(name) if announced.exists(name) else {"content": "", "event": ""}
    if content == last["content"]:
        get_run_logger().info("nothing changed: %s still holds %s", target.uri, built.dataset.digest)
        return built
    event = UUID(digest(target.uri, last["event"], content, length=32))
    announce(run.publish.name, built, event)
    # after the event: a kill in between announces the same event again, which the server knows by its id
    announced.write_json(name, {"content": content, "event": str(event)})
    return built


def announce(name: str, built: Built, event: UUID) -> None:
    """Emit `dataset.published` and materialise the asset of the dataset, both with the same facts.

    `event` is the event's id: the server keeps an event once. When this returns, the server has it.
    """
    hub, pages = built.uploaded, built.train_on
    said = {
        "dataset": hub.reference if hub and not built.small else pages.uri,
        "digest": pages.digest,
        "revision": hub.revision if hub else built.dataset.digest,
        **({"repository": hub.name, "tag": hub.tag} if hub else {}),
        **{k: pages.counts[k] for k in ("train", "test", "documents")},
    }
    key = f"hf://datasets/{hub.name}" if hub else f"recto://datasets/{name}"
    asset = Asset(key=key, properties=AssetProperties(name=name))

    @materialize(asset, name="announce")
    def tell() -> None:
        asset.add_metadata(said)
        resource = {"prefect.resource.id": f"recto.dataset.{name}", "prefect.resource.name": name}
        asyncio.run(_send(Event(event=PUBLISHED, resource=resource, payload=said, id=event)))
        get_run_logger().info("%s: train on %s", PUBLISHED, said["dataset"])

    tell()


async def _send(event: Event) -> None:
    """Emit an event of this run; `emit_event` would leave it to a thread, which goes with a process that is killed."""
    async with get_client() as client, get_events_client(checkpoint_every=1) as events:
        event.related += await related_resources_from_run_context(client)
        await events.emit(event)
