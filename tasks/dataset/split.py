"""The split: whole families are dealt to train and test, and a family that was dealt once never moves."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa

from tasks.config import SplitConfig
from tasks.records import Reason, Reject, StageError, StageRef, digest, family_rank
from tasks.stage import Counts, Stage
from tasks.store import Folder, home

LEDGER = pa.schema([("family", pa.string()), ("split", pa.string()), ("revision", pa.string())])
LEDGER_FILE = "ledger.parquet"
ASSIGNMENT = pa.schema(
    [("doc_id", pa.string()), ("page_num", pa.int32()), ("file", pa.string()), ("split", pa.string())]
)
_QUOTA_FEATURES = ("table", "code", "math")
_MOST = 0.25  # of the pages may be held out to reach `test_pages`
_OVERSHOOT = {"all": 1.1, "language x source": 1.5}  # a family that fills a quota beyond this goes to train


def deal(pages: Iterable[Mapping[str, Any]], ledger: Mapping[str, str], config: SplitConfig) -> dict[str, str]:
    """Family -> "train" or "test" for the families of `pages` that the ledger does not hold, in the order dealt.

    Quotas are pages of each language x source, and of each language x feature (tables, code, math). New families
    come in the order of a hash; one goes to test while a quota that it would serve is open.
    """
    held: dict[str, Counter[str]] = defaultdict(Counter)
    total: Counter[str] = Counter()
    for page in pages:
        for key in _strata(page):
            held[page["family"]][key] += 1
            total[key] += 1
    count = sum(c["all"] for c in held.values())
    if not count:
        return {}
    divisible = config.test_share and len(held) > 1  # one family alone is there to train on
    share = max(config.test_share, min(config.test_pages, _MOST * count) / count) if divisible else 0.0
    quota = {key: max(1.0, share * n) for key, n in total.items()}
    filled: Counter[str] = Counter()
    for family, split in ledger.items():
        if split == "test":
            filled.update(held.get(family, Counter()))
    new = sorted((f for f in held if f not in ledger), key=lambda f: (family_rank(f, config.seed), f))
    dealt: dict[str, str] = {}
    for family in new:
        strata = held[family]
        wanted = filled["all"] < quota["all"] and any(filled[key] < quota[key] for key in strata if key != "all")
        fits = all(filled[key] + n <= _limit(key) * quota[key] for key, n in strata.items())
        dealt[family] = "test" if share and wanted and fits else "train"
        if dealt[family] == "test":
            filled.update(strata)
    if share and "test" not in {**ledger, **dealt}.values() and new:
        dealt[min(new, key=lambda f: (held[f]["all"], family_rank(f, config.seed)))] = "test"  # all were too large
    return dealt


def _limit(stratum: str) -> float:
    """How far over its quota a stratum may be filled; a feature may be filled without limit."""
    return _OVERSHOOT["all"] if stratum == "all" else _OVERSHOOT["language x source"] if " x " in stratum else math.inf


def _strata(page: Mapping[str, Any]) -> list[str]:
    language = page["language"]
    return [
        "all",
        f"{language} x {page['source']}",
        *(f"{language}: {f}" for f in page["features"] if f in _QUOTA_FEATURES),
    ]


def cap(pages: list[dict[str, Any]], limit: int, seed: int) -> set[tuple[str, int]]:
    """(doc_id, page_num) of the pages over the limit of their family, chosen by hash."""
    families: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for page in pages:
        families[page["family"]].append((page["doc_id"], page["page_num"]))
    over: set[tuple[str, int]] = set()
    for members in families.values():
        members.sort(key=lambda m: digest("cap", str(seed), m[0], str(m[1])))
        over.update(members[limit:])
    return over


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


def _split(folder: Folder, config: SplitConfig, rendered: StageRef, previous: str) -> Counts:
    """Deal the rendered pages' families. `previous` is the digest of the ledger so far, or ""."""
    index = Folder(rendered.uri).read_table("pages.parquet")
    kept = [p for p in index.to_pylist() if not p["reject"]]
    rows = read_ledger(Folder(home()) / "ledgers" / previous) if previous else []
    if previous and not rows:
        raise StageError(f"ledger {previous} is not in {home()}/ledgers: without it old families would move; run again")
    ledger = {r["family"]: r["split"] for r in rows}
    dealt = deal(kept, ledger, config)
    revision = digest(rendered.digest, ledger_digest(rows))
    rows += [{"family": f, "split": s, "revision": revision} for f, s in dealt.items()]
    ledger |= dealt
    over = cap(kept, config.pages_per_family, config.seed)
    assignment = [
        {"doc_id": p["doc_id"], "page_num": p["page_num"], "file": p["file"], "split": ledger[p["family"]]}
        for p in kept
        if (p["doc_id"], p["page_num"]) not in over
    ]
    folder.write_table(LEDGER_FILE, pa.Table.from_pylist(rows, LEDGER), compression="zstd")
    folder.write_table("assignment.parquet", pa.Table.from_pylist(assignment, ASSIGNMENT), compression="zstd")
    folder.write_rejects(
        Reject("split", Reason.FAMILY_CAP, d, n, f"over {config.pages_per_family}") for d, n in sorted(over)
    )
    present = {p["family"] for p in kept}
    sides = Counter(a["split"] for a in assignment)
    families = Counter(split for family, split in ledger.items() if family in present)
    return {
        "train": sides["train"],
        "test": sides["test"],
        "train families": families["train"],
        "test families": families["test"],
        "new families": len(dealt),
    }


split_stage = Stage("split", 1, _split)

split = split_stage.task()
