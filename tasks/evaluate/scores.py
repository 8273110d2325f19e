"""From a page set and what systems read of it to scores, their table, and a flat list of figures."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Any

import pyarrow as pa

from tasks.config import ScoreRun
from tasks.evaluate.metrics import facts_of, page_scores
from tasks.evaluate.page_set import SetPage
from tasks.evaluate.systems.reader import Reading
from tasks.evaluate.table import build_table, flat_metrics
from tasks.processes import end_with_parent
from tasks.progress import Progress
from tasks.records import StageError, StageRef
from tasks.store import Folder, finished

PageScores = Mapping[str, float | None]
_ALONE = 64  # answers; fewer are scored sooner by one process than others start

SCORES = pa.schema(
    [
        ("system", pa.string()),
        ("seed", pa.int64()),
        ("page_id", pa.string()),
        ("doc_id", pa.string()),
        ("page_num", pa.int32()),
        ("family", pa.string()),
        ("part", pa.string()),
        ("value", pa.float64()),
    ]
)


@dataclass(frozen=True, slots=True)
class SystemRead:
    """What a system read: an answer a page, in the order of the set. `seed` is its training seed, if it has one."""

    system: str
    seed: int | None
    page_ids: Sequence[str]
    readings: Sequence[Reading]
    versions: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Evaluated:
    """What the evaluate stage writes: scores.parquet, table.json and metrics.json."""

    scores: pa.Table
    table: dict[str, Any]
    metrics: list[dict[str, Any]]


def load_read(ref: StageRef) -> SystemRead:
    """The folder of a finished read stage."""
    folder = Folder(ref.uri)
    config = (finished(folder) or {}).get("config", {})
    rows = folder.read_table("answers.parquet").to_pylist()
    ids = [row.pop("page_id") for row in rows]
    versions = folder.read_json("versions.json") if folder.exists("versions.json") else {}
    return SystemRead(str(config["system"]), config.get("seed"), ids, [Reading(**row) for row in rows], versions)


def evaluate_pages(
    pages: Sequence[SetPage], reads: Sequence[SystemRead], config: ScoreRun, workers: int = 0
) -> Evaluated:
    """Score every answer, and compare the systems.

    Reads of one system with different training seeds are runs of one system. `workers` processes score (0: one a
    core); their number never changes a result. Raises StageError where there is no page or no read, for answers to
    other pages than the set's, and for two reads of the same system and seed.
    """
    _check(pages, reads)
    scores = score_all(pages, [read.readings for read in reads], workers)
    runs: dict[str, dict[int | None, Sequence[PageScores]]] = {}
    for read, per_page in sorted(
        zip(reads, scores, strict=True), key=lambda pair: -1 if pair[0].seed is None else pair[0].seed
    ):
        runs.setdefault(read.system, {})[read.seed] = per_page
    order = list(dict.fromkeys(read.system for read in reads))
    table = build_table(pages, {system: runs[system] for system in order}, config)
    table["reads"] = {system: _reading([r for r in reads if r.system == system]) for system in order}
    return Evaluated(score_table(pages, reads, scores), table, flat_metrics(table))


def score_all(
    pages: Sequence[SetPage], answers: Sequence[Sequence[Reading]], workers: int = 0
) -> list[list[dict[str, float | None]]]:
    """Scores of each read's answers, in the order of reads and pages. A page's facts are mined once for all reads."""
    jobs = [(page, [given[i] for given in answers]) for i, page in enumerate(pages)]
    processes = min(workers or len(os.sched_getaffinity(0)), len(pages))
    by_page = []
    with Progress("score", f"scoring {len(pages)} pages", len(pages)) as progress:
        for scored in _scored(jobs, 1 if len(pages) * len(answers) < _ALONE else processes):
            by_page.append(scored)
            progress.advance()
    return [[row[number] for row in by_page] for number in range(len(answers))]


def _scored(
    jobs: Sequence[tuple[SetPage, Sequence[Reading]]], processes: int
) -> Iterator[list[dict[str, float | None]]]:
    if processes == 1:
        yield from map(_score_page, jobs)
        return
    # spawn: threads of other libraries may hold locks that a fork would keep
    with ProcessPoolExecutor(processes, get_context("spawn"), end_with_parent) as pool:
        yield from pool.map(_score_page, jobs, chunksize=4)


def _score_page(job: tuple[SetPage, Sequence[Reading]]) -> list[dict[str, float | None]]:
    page, readings = job
    facts = facts_of(page)
    return [page_scores(reading, page.label, facts) for reading in readings]


def score_table(
    pages: Sequence[SetPage], reads: Sequence[SystemRead], scores: Sequence[Sequence[PageScores]]
) -> pa.Table:
    """One row for each read, page and part that has a value."""
    rows = [
        (read.system, read.seed, page.page_id, page.doc_id, page.page_num, page.family, part, value)
        for read, per_page in zip(reads, scores, strict=True)
        for page, parts in zip(pages, per_page, strict=True)
        for part, value in parts.items()
        if value is not None
    ]
    return pa.Table.from_arrays(
        [pa.array(column, f.type) for column, f in zip(zip(*rows, strict=True), SCORES, strict=True)], schema=SCORES
    )


def _check(pages: Sequence[SetPage], reads: Sequence[SystemRead]) -> None:
    if not pages or not reads:
        raise StageError(f"{len(pages)} pages and {len(reads)} systems: an evaluation needs at least one of each")
    seen: set[tuple[str, int | None]] = set()
    ids = [page.page_id for page in pages]
    for read in reads:
        if list(read.page_ids) != ids:
            raise StageError(f"{read.system}: answers to other pages than the set's; let it read this page set")
        if (read.system, read.seed) in seen:
            raise StageError(f"{read.system}: two reads with training seed {read.seed}; give one another name")
        seen.add((read.system, read.seed))


def _reading(reads: Sequence[SystemRead]) -> dict[str, Any]:
    """What the table says of how a system read: training seeds, median seconds a page, pages that failed, versions."""
    import numpy as np

    seconds = [reading.seconds for read in reads for reading in read.readings if not reading.error]
    return {
        "seeds": [read.seed for read in reads],
        "seconds": round(float(np.median(seconds)), 4) if seconds else None,
        "failed": sum(bool(reading.error) for read in reads for reading in read.readings),
        "versions": dict(sorted(reads[0].versions.items())),
    }
