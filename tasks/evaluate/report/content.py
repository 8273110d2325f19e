"""What the report shows, as plain data, and how it is gathered from finished stages."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow.compute as pc

from tasks.config import RunConfig
from tasks.dataset.card import funnel
from tasks.evaluate.page_set import FILE, read_page_set
from tasks.evaluate.report.explorer import PageView, page_views
from tasks.evaluate.scores import load_read
from tasks.records import StageError, StageRef
from tasks.store import Folder, finished

_OTHERS = frozenset(
    ("collect", "draw", "render", "split", "publish", "sft", "grpo", "read", "evaluate", "olmocr-check", "report")
)


@dataclass(frozen=True, slots=True)
class Pages:
    """One rendering of the documents: its funnel, and what was measured of its labels, where that is known."""

    name: str
    funnel: Sequence[tuple[str, int]]
    measured: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class StageRow:
    """A finished stage, as its manifest tells."""

    name: str
    digest: str
    seconds: float | None
    counts: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Health:
    """What the probe before a training stage saw, in a sentence, and what it and the log warn of, each a sentence."""

    probe: str
    warnings: Sequence[str]


@dataclass(frozen=True, slots=True)
class Content:
    """All that a report shows. `page_set` is the stage that made the pages ("held-out" are a dataset's), empty where
    it is not known; `logs`: stage -> rows of its training log; `health`: what was
    seen of it; `official`: what olmOCR's checker says of each."""

    config: Mapping[str, Any]
    table: Mapping[str, Any]
    metrics: Sequence[Mapping[str, Any]]
    page_set: str
    views: Sequence[PageView]
    pages: Sequence[Pages]
    logs: Mapping[str, Sequence[Mapping[str, Any]]]
    stages: Sequence[StageRow]
    official: Sequence[Mapping[str, Any]] = ()
    health: Mapping[str, Health] = field(default_factory=dict)


def gather(config: RunConfig, stages: Sequence[StageRef]) -> Content:
    """Read what the report shows from `stages`, in the order they ran.

    The last evaluation is shown, with the page set and the reads that it judged, where they are among the stages. Of
    render, split and publish there may be two: for the dataset, then for the small pages that a model is trained on.
    The same folder twice counts once.

    Raises StageError where evaluate is missing.
    """
    stages = list({ref.uri: ref for ref in stages}.values())
    rows = [_stage_row(ref) for ref in stages]
    by_name: dict[str, list[StageRef]] = defaultdict(list)
    for row, ref in zip(rows, stages, strict=True):
        by_name[row.name].append(ref)
    if not by_name["evaluate"]:
        raise StageError(f"report: no evaluation among the stages {[r.name for r in rows]}; run evaluate first")
    evaluation = Folder(by_name["evaluate"][-1].uri)
    table = evaluation.read_json("table.json")
    sets = [(row.name, ref) for row, ref in zip(rows, stages, strict=True) if row.name not in _OTHERS]
    page_set, views = _views(evaluation, table, sets, by_name["read"])
    return Content(
        config=config.model_dump(mode="json", exclude={"workers"}, exclude_none=True),
        table=table,
        metrics=evaluation.read_json("metrics.json"),
        page_set=page_set,
        views=views,
        pages=_pages(by_name),
        logs={name: read_log(by_name[name][-1]) for name in ("sft", "grpo") if by_name[name]},
        stages=rows,
        health={name: _health(Folder(by_name[name][-1].uri)) for name in ("sft", "grpo") if by_name[name]},
        official=[Folder(ref.uri).read_json("olmocr.json") for ref in by_name["olmocr-check"]],
    )


def _stage_row(ref: StageRef) -> StageRow:
    manifest = finished(Folder(ref.uri)) or {}
    name = str(manifest.get("stage") or ref.uri.rstrip("/").split("/")[-2])
    return StageRow(name, ref.digest, manifest.get("seconds"), dict(ref.counts))


def _pages(stages: Mapping[str, Sequence[StageRef]]) -> list[Pages]:
    """A funnel for each published dataset, with what its render stage measured where that is among the stages."""
    found = []
    names = ["Dataset", "Small pages for training"]
    renders: list[StageRef | None] = [*stages["render"], None]
    for name, rendered, published in zip(names, renders, stages["publish"] if stages["collect"] else [], strict=False):
        rejects = Folder(published.uri).read_rejects()
        total = int(published.counts["train"]) + int(published.counts["test"])
        drawn = total + sum(r["page_num"] is not None for r in rejects)
        counts = rendered.counts if rendered else {"pages": drawn}
        rows = funnel(stages["collect"][0], StageRef("", "", counts), rejects)
        found.append(Pages(name, [*rows, ("pages published", total)], rendered.counts if rendered else None))
    return found


def read_log(ref: StageRef) -> list[dict[str, Any]]:
    """A row a step of a finished training stage; none where it took no step."""
    lines = Folder(ref.uri).read("log.jsonl").decode().splitlines()
    return [row for line in lines if line.strip() and "step" in (row := json.loads(line))]


def _health(stage: Folder) -> Health:
    probe: dict[str, Any] = (
        stage.read_json("probe.json") if stage.exists("probe.json") else {"summary": "", "findings": []}
    )
    found = [f"Before the first step: {finding['says']}; {finding['remedy']}" for finding in probe["findings"]]
    warned = stage.read_json("warnings.json") if stage.exists("warnings.json") else []
    return Health(probe["summary"], [*found, *(f"Step {w['step']}: {w['says']}" for w in warned)])


def _views(
    evaluation: Folder, table: Mapping[str, Any], sets: Sequence[tuple[str, StageRef]], reads: Sequence[StageRef]
) -> tuple[str, list[PageView]]:
    """The name of the set that was judged, and its pages; nothing where the set is not among the stages."""
    scores = evaluation.read_table("scores.parquet")
    # every read has a value of "empty" for every page
    every, headline = (
        scores.filter(pc.equal(scores["part"], part)).to_pylist() for part in ("empty", table["headline"])
    )
    judged, runs = {row["page_id"] for row in every}, {(row["system"], row["seed"]) for row in every}
    values = {(row["system"], row["seed"], row["page_id"]): float(row["value"]) for row in headline}
    for name, ref in reversed(sets):
        if not Folder(ref.uri).exists(FILE):
            continue
        pages = read_page_set(ref)
        if {page.page_id for page in pages} == judged:
            ids = [page.page_id for page in pages]
            asked = [read for read in map(load_read, reads) if list(read.page_ids) == ids]
            asked = [read for read in asked if (read.system, read.seed) in runs]
            return name, page_views(table, pages, ref, asked, values)
    return "", []
