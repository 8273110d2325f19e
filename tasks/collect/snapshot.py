"""What a source held at one moment, in the store: the only part of collection that asks the outside world.

A snapshot is named by the digest of its content. Everything after it is a function of the snapshot, so a service
that changed nothing costs nothing further on.
"""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, fields

import pyarrow as pa

from tasks.collect.benchmark import benchmark_files
from tasks.collect.fetch import Fetcher
from tasks.collect.fetch.cache import Cache
from tasks.collect.source import Original, Source
from tasks.collect.sources import open_sources
from tasks.config import CollectConfig
from tasks.records import Reason, Reject, StageError, StageRef, UsageError, digest
from tasks.store import MANIFEST, Folder, finish, finished, home

log = logging.getLogger(__name__)

ORIGINALS = pa.schema([(f.name, pa.binary() if f.name == "raw" else pa.string()) for f in fields(Original)])
FILE = "originals.parquet"


def fetcher_for(config: CollectConfig, anew: bool = False) -> Fetcher:
    """What every source of a run asks through; answers are kept in the store. `anew`: see `Fetcher`."""
    cache = Cache(Folder(home()) / "answers")
    return Fetcher(config.contact, cache, config.mirrors, patience=config.patience, anew=anew)


def ready_sources(config: CollectConfig) -> dict[str, Source]:
    """The sources of a run by name. Raises UsageError for what would stop it before anything is asked."""
    sources = open_sources(config)
    if config.benchmark:
        benchmark_files(config.benchmark)
    for source in sources.values():
        source.plan()
        if source.online:
            fetcher_for(config).check()
    return sources


def take_snapshots(config: CollectConfig, fetcher: Fetcher | None = None) -> list[StageRef]:
    """One snapshot a source, in their order. A source that cannot be read is a gap: it is counted, and a warning.

    Raises StageError where a required source has a gap or no texts, UsageError where the configuration is at fault.
    """
    sources = ready_sources(config)
    fetcher = fetcher or fetcher_for(config)
    return [_take(name, source, fetcher, config) for name, source in sources.items()]


def read_snapshot(ref: StageRef) -> Iterator[Original | Reject]:
    """What the source handed over, its rejects last."""
    folder = Folder(ref.uri)
    for row in folder.read_table(FILE).to_pylist():
        yield Original(**row)
    for row in folder.read_rejects():
        yield Reject(row["stage"], Reason(row["reason"]), row["doc_id"], row["page_num"], row["detail"])


def snapshot_source(ref: StageRef) -> str:
    """The name of the source that a snapshot was taken of."""
    return str(Folder(ref.uri).read_json(MANIFEST)["source"])


def _take(name: str, source: Source, fetcher: Fetcher, config: CollectConfig) -> StageRef:
    texts: list[Original] = []
    rejects: list[Reject] = []
    asked, stale = fetcher.calls.total(), fetcher.stale.total()
    try:
        for item in source.read(fetcher, config):
            if isinstance(item, Reject):
                rejects.append(item)
            else:
                texts.append(item)
    except UsageError:
        raise
    except Exception as e:
        if not source.online:
            raise
        log.debug("source %r broke off", name, exc_info=True)
        problem = f"{name}: broke off after {len(texts)} texts ({type(e).__name__}: {e})"
        rejects.append(Reject("collect", Reason.UNREACHABLE, digest(source.kind, name), detail=problem))
    gaps = [r for r in rejects if r.reason is Reason.UNREACHABLE]
    if gaps and name in config.required:
        raise StageError(f"source {name!r} is required, and {len(gaps)} of its texts were not had: {gaps[0].detail}")
    if not texts and name in config.required:
        why = f": {rejects[0].detail}" if rejects else ""
        raise StageError(f"source {name!r} is required, and has no texts{why}")
    if gaps:
        log.warning("source %r: %d of its texts were not had this time, such as %s", name, len(gaps), gaps[0].detail)
    counts = {"texts": len(texts), "gaps": len(gaps), **Counter(f"rejected: {r.reason.value}" for r in rejects)}
    ref = _write(name, texts, rejects, counts)
    effort = {"requests": fetcher.calls.total() - asked, "out of date": fetcher.stale.total() - stale}
    return StageRef(ref.uri, ref.digest, {**ref.counts, **effort})


def _write(name: str, texts: list[Original], rejects: list[Reject], counts: dict[str, int]) -> StageRef:
    rows = [asdict(text) for text in texts]
    known = (
        part if isinstance(part, bytes) else json.dumps(part, sort_keys=True)
        for part in (*(value for row in rows for value in row.values()), *(asdict(r) for r in rejects))
    )
    key = digest(name, *known)
    folder = Folder(home()) / "snapshot" / key
    if finished(folder) is None:
        folder.write_table(FILE, pa.Table.from_pylist(rows, ORIGINALS), compression="zstd")
        folder.write_rejects(rejects)
        return finish(folder, key, counts, stage="snapshot", source=name)
    return StageRef(folder.uri, key, counts, reused=True)
