"""The read stage: one system's answers to every page of a set, kept batch by batch, so that a killed run goes on."""

from __future__ import annotations

import json
import re
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa

from tasks.config import Checkpoint, ReadRun, RunConfig, System
from tasks.evaluate.page_set import PageInput, has_pdfs, read_inputs
from tasks.evaluate.systems import Reading, open_reader, versions
from tasks.model.load import FAMILIES, trained_families
from tasks.progress import Progress
from tasks.records import StageError, StageRef, UsageError, digest
from tasks.stage import Counts, Stage
from tasks.store import Folder, finished, stage_at
from tasks.train_config import ModelConfig

BASE = "base"
_NAMED = re.compile(r"([\w.+-]+)=(.+)")
ANSWERS, PARTS = "answers.parquet", "parts"
_SCHEMA = pa.schema(
    [
        ("page_id", pa.string()),
        ("text", pa.string()),
        ("clipped", pa.bool_()),
        ("seconds", pa.float64()),
        ("error", pa.string()),
    ]
)


@dataclass(frozen=True, slots=True)
class Adapter:
    """A finished training stage, and what it is called in tables; "": as its stage is."""

    ref: StageRef
    name: str = ""


def adapter_at(text: str) -> Adapter:
    """An adapter as a user names it: the folder or URI of a finished training stage, or NAME=URI.

    Raises UsageError where there is none.
    """
    named = _NAMED.match(text)
    return Adapter(stage_at(named[2]), named[1]) if named else Adapter(stage_at(text))


def reads_of(run: RunConfig, adapters: Sequence[Adapter] = ()) -> list[tuple[ReadRun, StageRef | None]]:
    """What is asked in a run's evaluation: the base, each adapter, then the other systems, with the adapter of each.

    Adapters of one name that differ in nothing but their training seed are one system. Raises UsageError for two
    systems of one name, and for an adapter that was trained on another base or prompt.
    """
    reads: list[tuple[ReadRun, StageRef | None]] = []
    model = Checkpoint(**run.model.model_dump(), batch=run.evaluate.batch)
    if run.evaluate.base:
        reads.append((ReadRun(system=BASE, reader=model), None))
    said: dict[str, str] = {}
    for adapter in adapters:
        name, seed, kind = _trained(adapter, run.model)
        if said.setdefault(name, kind) != kind:
            raise UsageError(
                f"{adapter.ref.uri}: another adapter called {name!r} differs from it in more than the training seed; "
                "name one of them: NAME=URI"
            )
        reads.append((ReadRun(system=name, seed=seed, reader=model), adapter.ref))
    others = [ReadRun(system=name_of(system), reader=system) for system in run.evaluate.systems]
    if not reads and not others:
        raise UsageError("no system to evaluate: keep evaluate.base, or name systems")
    runs = Counter((read.system, read.seed) for read, _ in reads)
    names = Counter([*{read.system for read, _ in reads}, *(read.system for read in others)])
    if twice := [name for (name, _), n in runs.items() if n > 1] + [name for name, n in names.items() if n > 1]:
        raise UsageError(f"two systems are called {twice[0]!r}; give one another name, or evaluate it by itself")
    return [*reads, *((read, None) for read in others)]


def seen_families(reads: Sequence[tuple[ReadRun, StageRef | None]]) -> frozenset[str]:
    """The families whose text a checkpoint among the systems, or its adapter, is known to have been trained on."""
    seen: set[str] = set()
    for read, adapter in reads:
        if isinstance(read.reader, Checkpoint):
            seen |= trained_families(read.reader.base)
        if adapter is not None and Folder(adapter.uri).exists(FAMILIES):
            seen |= set(Folder(adapter.uri).read_json(FAMILIES))
    return frozenset(seen)


def name_of(system: System) -> str:
    """A system's name in tables."""
    if system.name:
        return system.name
    match system:
        case Checkpoint():
            return system.base
        case _ if system.kind == "openai":
            return system.model
    return system.kind


def _trained(adapter: Adapter, model: ModelConfig) -> tuple[str, int | None, str]:
    """An adapter's name, its training seed, and a digest of all else that decided it as far as its folder tells."""
    folder = Folder(adapter.ref.uri)
    manifest = finished(folder) or {}
    stage = str(manifest.get("stage") or adapter.ref.uri.rstrip("/").split("/")[-2])
    config = {key: value for key, value in manifest.get("config", {}).items() if key != "cost"}
    for key in ("base", "prompt"):
        if (trained := config.get("model", {}).get(key, getattr(model, key))) != getattr(model, key):
            raise UsageError(
                f"{adapter.ref.uri}: trained with model.{key} = {trained!r}, to be evaluated with "
                f"{getattr(model, key)!r}; give both the same"
            )
    settings = dict(config.get(stage, {}))
    seed = settings.pop("seed", None)
    trained_on = folder.read_json("checkpoint.json")["dataset_digest"] if folder.exists("checkpoint.json") else ""
    kind = digest(stage, json.dumps({**config, stage: settings}, sort_keys=True), trained_on)
    return adapter.name or stage, seed, kind


def _read(folder: Folder, config: ReadRun, pages: StageRef, *adapter: StageRef) -> Counts:
    """Write answers.parquet, a row a page in the order of the set, and versions.json."""
    parts, count = folder / PARTS, int(pages.counts["pages"])
    readings = _kept(parts)
    if len(readings) < count:
        with tempfile.TemporaryDirectory() as scratch:
            for ref in adapter:
                (Folder(ref.uri) / "adapter").pull(Path(scratch))
            readings += _ask(parts, config, pages, Path(scratch) if adapter else None, len(readings), count)
    folder.write_table(ANSWERS, pa.Table.from_pylist(readings, _SCHEMA), compression="zstd")
    folder.write_json("versions.json", dict(versions(config.reader)))
    parts.delete()
    failed = sum(bool(row["error"]) for row in readings)
    return {"pages": count, "failed": failed, "seconds": round(sum(row["seconds"] for row in readings), 1)}


def _kept(parts: Folder) -> list[dict[str, Any]]:
    """What an earlier, killed run has read."""
    return [row for name in parts.names("*.parquet") for row in parts.read_table(name).to_pylist()]


def _ask(
    parts: Folder, config: ReadRun, pages: StageRef, adapter: Path | None, done: int, count: int
) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    reader = open_reader(config.reader, adapter)
    if reader.needs_pdf and not has_pdfs(pages):
        raise StageError(
            f"{config.system} reads PDFs, and no page of {pages.uri} has one; build the dataset with --keep-pdf"
        )
    inputs = read_inputs(pages, done)
    with Progress("read", f"{config.system} reads {count} pages", count, done) as progress:
        while batch := list(islice(inputs, reader.batch)):
            part = [_row(page, reading) for page, reading in zip(batch, reader.read(batch), strict=True)]
            parts.write_table(f"{done + len(rows):08d}.parquet", pa.Table.from_pylist(part, _SCHEMA))
            rows += part
            progress.advance(len(part))
    if done + len(rows) != count:
        raise StageError(f"{pages.uri}: {done + len(rows)} pages where {count} were counted; make the page set again")
    return rows


def _row(page: PageInput, reading: Reading) -> dict[str, Any]:
    return {"page_id": page.page_id, **reading._asdict()}


def _environment(config: ReadRun) -> str:
    return digest(*(f"{name} {version}" for name, version in sorted(versions(config.reader).items())))


read_stage = Stage("read", 1, _read, _environment)
read = read_stage.task(retries=1, retry_delay_seconds=10, timeout_seconds=24 * 3600)
