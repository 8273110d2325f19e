"""The split stage: near-duplicates, the deal, what leaks, the proof, and the ledger that is carried on."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from tasks.config import SplitConfig
from tasks.dataset.deal import deal, over_cap, strata, tally
from tasks.dataset.fingerprint import fingerprints, made_by
from tasks.dataset.leakage import leaks, prove
from tasks.dataset.near import similar
from tasks.records import Reason, Reject, StageError, StageRef, digest
from tasks.stage import Counts, Stage
from tasks.store import Folder, home

LEDGER = pa.schema([("family", pa.string()), ("split", pa.string()), ("revision", pa.string())])
LEDGER_FILE = "ledger.parquet"
PROOF_FILE = "split.json"
ASSIGNMENT = ["doc_id", "page_num", "file", "features", "split"]
"""Columns of assignment.parquet: the pages that are published, by doc_id and page_num."""

_COLUMNS = ["doc_id", "page_num", "file", "family", "language", "source", "features", "reject"]


def read_ledger(folder: Folder) -> list[dict[str, str]]:
    """Rows of the folder's ledger, none where there is no ledger."""
    return folder.read_table(LEDGER_FILE).to_pylist() if folder.exists(LEDGER_FILE) else []


def ledger_digest(rows: list[dict[str, str]]) -> str:
    return digest("ledger", *(f"{r['family']}\t{r['split']}\t{r['revision']}" for r in rows))


def keep_ledger(rows: list[dict[str, str]]) -> str:
    """Put a ledger into the store, where it stays as it is, and return its digest; "" for an empty one."""
    if not rows:
        return ""
    key = ledger_digest(rows)
    (Folder(home()) / "ledgers" / key).write_table(LEDGER_FILE, pa.Table.from_pylist(rows, LEDGER))
    return key


def _rows(table: pa.Table) -> Iterator[dict[str, Any]]:
    """Rows of the table, few of them in memory at a time."""
    for batch in table.to_batches(max_chunksize=10_000):
        yield from batch.to_pylist()


def _split(folder: Folder, config: SplitConfig, rendered: StageRef, previous: str, *, workers: int = 0) -> Counts:
    """Deal the rendered pages' families. `previous` is the digest of the ledger so far, or "".

    In memory are the columns of the index that are needed, and the fingerprints: about 4 KB a page in all.
    """
    index = Folder(rendered.uri).read_table("pages.parquet", _COLUMNS)
    kept = index.filter(pc.is_null(index["reject"]))
    rows = read_ledger(Folder(home()) / "ledgers" / previous) if previous else []
    if previous and not rows:
        raise StageError(f"ledger {previous} is not in {home()}/ledgers: without it old families would move; run again")
    ledger = {r["family"]: r["split"] for r in rows}
    over = over_cap(_rows(kept), config.pages_per_family, config.seed)
    within = kept.filter(pa.array([(p["doc_id"], p["page_num"]) not in over for p in _rows(kept)], pa.bool_()))

    drawn: dict[tuple[str, str], set[int]] = defaultdict(set)
    families: dict[str, str] = {}
    for page in _rows(within):
        drawn[page["doc_id"], page["file"]].add(page["page_num"])
        families[page["doc_id"]] = page["family"]
    prints = fingerprints(drawn, workers)
    twins = sorted({(families[prints.doc_ids[i]], families[prints.doc_ids[j]]) for i, j in similar(prints.whole)})
    held = tally(_rows(within))
    dealt = deal(held, ledger, config, [(one, other) for one, other in twins if one != other])
    revision = digest(rendered.digest, ledger_digest(rows))
    rows += [{"family": f, "split": s, "revision": revision} for f, s in dealt.items()]
    ledger |= dealt

    sides = {doc_id: ledger[family] for doc_id, family in families.items()}
    leaking = leaks(prints, sides)
    proof = prove(prints, sides, families, leaking)
    left = within.filter(pa.array([(p["doc_id"], p["page_num"]) not in leaking for p in _rows(within)], pa.bool_()))
    doc_ids = left["doc_id"].to_pylist()
    dealt_pages = pa.array([sides[doc_id] for doc_id in doc_ids], pa.string())
    assignment = left.select(ASSIGNMENT[:-1]).append_column("split", dealt_pages)
    folder.write_table(LEDGER_FILE, pa.Table.from_pylist(rows, LEDGER), compression="zstd")
    folder.write_table("assignment.parquet", assignment, compression="zstd")
    known = strata(held, ledger, config)
    quotas = [{"stratum": n, **asdict(s), "off": round(s.off, 2)} for n, s in sorted(known.items())]
    folder.write_json(PROOF_FILE, {**proof, "strata": quotas, "tolerance": config.tolerance})
    folder.write_rejects(
        [
            *(Reject("split", Reason.FAMILY_CAP, d, n, f"over {config.pages_per_family}") for d, n in sorted(over)),
            *(Reject("split", Reason.NEAR_DUPLICATE, *name, why) for name, why in sorted(leaking.items())),
        ]
    )
    pages = Counter(sides[doc_id] for doc_id in doc_ids)
    present = Counter(ledger[family] for family in {families[doc_id] for doc_id in doc_ids})
    return {
        "train": pages["train"],
        "test": pages["test"],
        "train families": present["train"],
        "test families": present["test"],
        "new families": len(dealt),
        "near-duplicates": len(leaking),
    }


def _environment(config: SplitConfig) -> str:
    return made_by()


split_stage = Stage("split", 2, _split, _environment)

split = split_stage.task()
