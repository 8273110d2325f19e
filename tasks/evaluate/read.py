"""The read stage: one system's answers to every page of a set, kept batch by batch, so that a killed run goes on."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa

from tasks.config import Checkpoint, ModelConfig, ReadRun, RunConfig, System
from tasks.evaluate.page_set import PageInput, read_inputs
from tasks.evaluate.systems import Reading, open_reader, versions
from tasks.records import StageError, StageRef, UsageError, digest
from tasks.stage import Counts, Stage
from tasks.store import Folder, finished

BASE = "base"
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


def reads_of(run: RunConfig, adapters: Sequence[StageRef] = ()) -> list[tuple[ReadRun, StageRef | None]]:
    """What is asked in a run's evaluation: the base, each adapter, then the other systems, with the adapter of each.

    An adapter is called by the stage that trained it; several of one stage are training seeds of one system.
    Raises UsageError for two systems of one name and seed, and for an adapter that was trained on another base or
    prompt.
    """
    reads: list[tuple[ReadRun, StageRef | None]] = []
    model = Checkpoint(**run.model.model_dump(), batch=run.evaluate.batch)
    if run.evaluate.base:
        reads.append((ReadRun(system=BASE, reader=model), None))
    for ref in adapters:
        name, seed = _trained(ref, run.model)
        reads.append((ReadRun(system=name, seed=seed, reader=model), ref))
    reads += [(ReadRun(system=name_of(system), reader=system), None) for system in run.evaluate.systems]
    names = [(read.system, read.seed) for read, _ in reads]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise UsageError(f"two systems are called {twice[0]!r}; give one another name, or evaluate it by itself")
    if not reads:
        raise UsageError("no system to evaluate: keep evaluate.base, or name systems")
    return reads


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


def _trained(ref: StageRef, model: ModelConfig) -> tuple[str, int | None]:
    """The name of the stage that trained an adapter, and its seed."""
    manifest = finished(Folder(ref.uri)) or {}
    name = str(manifest.get("stage") or ref.uri.rstrip("/").split("/")[-2])
    config = manifest.get("config", {})
    for key in ("base", "prompt"):
        if (trained := config.get("model", {}).get(key, getattr(model, key))) != getattr(model, key):
            raise UsageError(
                f"{ref.uri}: trained with model.{key} = {trained!r}, to be evaluated with {getattr(model, key)!r}; "
                "give both the same"
            )
    return name, config.get(name, {}).get("seed")


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
    from rich.console import Console
    from rich.progress import Progress

    rows: list[dict[str, Any]] = []
    reader = open_reader(config.reader, adapter)
    inputs = read_inputs(pages, done)
    with Progress(console=Console(stderr=True), disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task(f"{config.system} reads {count} pages", total=count, completed=done)
        while batch := list(islice(inputs, reader.batch)):
            part = [_row(page, reading) for page, reading in zip(batch, reader.read(batch), strict=True)]
            parts.write_table(f"{done + len(rows):08d}.parquet", pa.Table.from_pylist(part, _SCHEMA))
            rows += part
            bar.update(task, advance=len(part))
    if done + len(rows) != count:
        raise StageError(f"{pages.uri}: {done + len(rows)} pages where {count} were counted; make the page set again")
    return rows


def _row(page: PageInput, reading: Reading) -> dict[str, Any]:
    return {"page_id": page.page_id, **reading._asdict()}


def _environment(config: ReadRun) -> str:
    return digest(*(f"{name} {version}" for name, version in sorted(versions(config.reader).items())))


read_stage = Stage("read", 1, _read, _environment)
read = read_stage.task(retries=1, retry_delay_seconds=10, timeout_seconds=24 * 3600)
