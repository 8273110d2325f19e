"""What the report shows, as plain data, and how it is gathered from finished stages."""

from __future__ import annotations

import base64
import io
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tasks.config import RunConfig
from tasks.dataset.card import funnel
from tasks.records import StageError, StageRef
from tasks.store import Folder, finished

SAMPLES_SHOWN = 8
_WIDEST = 1_000  # pixels of a page image in the report


@dataclass(frozen=True, slots=True)
class Sample:
    """A held-out page: `image` is a data URI, `answers` maps system -> (text, edit similarity, clipped)."""

    doc_id: str
    page_num: int
    family: str
    language: str
    image: str
    width: int
    label: str
    answers: Mapping[str, tuple[str, float | None, bool]]


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
class Content:
    """All that a report shows. `logs`: stage -> rows of its training log."""

    config: Mapping[str, Any]
    table: Mapping[str, Any]
    pages: Sequence[Pages]
    samples: Sequence[Sample]
    logs: Mapping[str, Sequence[Mapping[str, Any]]]
    stages: Sequence[StageRow]


def gather(config: RunConfig, stages: Sequence[StageRef]) -> Content:
    """Read what the report shows from `stages`, in the order they ran.

    Of render, split and publish there may be two: for the dataset, then for the small pages that a model is trained
    on. The same folder twice counts once.

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
    return Content(
        config=config.model_dump(mode="json", exclude={"workers"}, exclude_none=True),
        table=evaluation.read_json("table.json"),
        pages=_pages(by_name),
        samples=_samples(evaluation),
        logs={name: _log(by_name[name][-1]) for name in ("sft", "grpo") if by_name[name]},
        stages=rows,
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


def _log(ref: StageRef) -> list[dict[str, Any]]:
    lines = Folder(ref.uri).read("log.jsonl").decode().splitlines()
    return [row for line in lines if line.strip() and "step" in (row := json.loads(line))]


def _samples(evaluation: Folder) -> list[Sample]:
    """The first pages of the order in which they were chosen, which is a digest's: no score has a say."""
    rows = evaluation.read_table("predictions.parquet").slice(0, SAMPLES_SHOWN).to_pylist()
    scores = {
        (s["system"], s["doc_id"], s["page_num"]): s["value"]
        for s in evaluation.read_table("scores.parquet").to_pylist()
        if s["part"] == "edit_similarity"
    }
    systems = [name.removeprefix("answer_") for name in (rows[0] if rows else {}) if name.startswith("answer_")]
    samples = []
    for row in rows:
        image, width = data_uri(row["image"])
        answers = {
            s: (row[f"answer_{s}"], scores[s, row["doc_id"], row["page_num"]], row[f"clipped_{s}"]) for s in systems
        }
        page = {key: row[key] for key in ("doc_id", "page_num", "family", "language")}
        samples.append(Sample(**page, image=image, width=width, label=row["reference"], answers=answers))
    return samples


def data_uri(image: bytes) -> tuple[str, int]:
    """A page image as a PNG data URI at most _WIDEST wide, and its width in pixels."""
    from PIL import Image

    opened = Image.open(io.BytesIO(image))
    width = min(opened.width, _WIDEST)
    if width < opened.width or opened.format != "PNG":
        picture = opened.convert("RGB")
        picture.thumbnail((width, picture.height), Image.Resampling.LANCZOS)
        sink = io.BytesIO()
        picture.save(sink, "PNG", optimize=True)
        image = sink.getvalue()
    return f"data:image/png;base64,{base64.b64encode(image).decode()}", width
