"""The published folder: shards, documents, ledger, rejects, card, and the manifest last."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from tasks.config import PublishConfig
from tasks.dataset.card import card_digest, write_card
from tasks.dataset.reading import dataset_folder
from tasks.dataset.shards import SCHEMA_VERSION, Part, shard_digest, shard_of, write_shard
from tasks.dataset.split import LEDGER_FILE, PROOF_FILE, keep_ledger, read_ledger
from tasks.hub import REFERENCE, resolve
from tasks.records import DatasetRef, Reason, Reject, StageError, StageRef, UsageError, digest
from tasks.render.cache import cached
from tasks.stage import Counts, Stage
from tasks.store import DOCUMENTS_FILE, MANIFEST, Folder, finished, home

CONTENT = "content.json"


def _publish(
    folder: Folder, config: PublishConfig, *stages: StageRef, previous: str = "", pdfs: bool = False
) -> Counts:
    """Write the dataset of `stages` = collect, render, split. Shards that `previous` holds unchanged are copied.

    In memory are what is said of the documents, the assignment (about 100 bytes a page), and one row group.
    """
    collected, rendered, split = stages
    said = _said(Folder(collected.uri))
    assignment = Folder(split.uri).read_table("assignment.parquet")
    drawn = _drawn(assignment)
    shards: dict[str, list[tuple[int, int]]] = defaultdict(list)  # `datasets` stumbles over a shard without rows
    for doc_id, side, start, length in drawn:
        shards[shard_of(doc_id, side, config.shards)].append((start, length))
    before = _shards(Folder(previous)) if previous else {}
    digests, written = {}, 0
    for name, places in sorted(shards.items()):
        parts = [_part(assignment.slice(*place).to_pylist(), said) for place in places]
        digests[name] = shard_digest(parts)
        if before.get(name) == digests[name]:
            folder.copy(name, Folder(previous))
            continue
        written += 1
        with tempfile.TemporaryDirectory() as scratch:
            local = Path(scratch) / "shard.parquet"
            write_shard(local, parts)
            folder.put(name, local)
    for name, stage in ((DOCUMENTS_FILE, collected), (LEDGER_FILE, split), (PROOF_FILE, split)):
        folder.copy(name, Folder(stage.uri))
    rejects = [r for stage in stages for r in Folder(stage.uri).read_rejects()]
    folder.write_rejects(
        Reject(r["stage"], Reason(r["reason"]), r["doc_id"], r["page_num"], r["detail"]) for r in rejects
    )
    if pdfs:
        for doc_id, _, start, _ in drawn:
            file = cached(assignment["file"][start].as_py())
            folder.copy(f"pdf/{doc_id}.pdf", file.folder, file.pdf_name)
    text = write_card(folder, config, said, assignment, collected, rendered, split, rejects)
    content = digest(*(f"{n} {d}" for n, d in sorted(digests.items())), digest(text), length=32)
    folder.write_json(CONTENT, {"shards": digests, "content": content})
    counts = {**{k: split.counts[k] for k in ("train", "test")}, "documents": len(said), "shards": len(shards)}
    return {**counts, "shards written": written}


def _said(collected: Folder) -> dict[str, dict[str, str]]:
    """What is said of each document, without its text."""
    names = ["doc_id", "language", "source", "license", "family"]
    return {row["doc_id"]: row for row in collected.read_table(DOCUMENTS_FILE, names).to_pylist()}


def _drawn(assignment: pa.Table) -> list[tuple[str, str, int, int]]:
    """(doc_id, split, first row, rows) of every document; the rows of a document are neighbours."""
    runs = pc.run_end_encode(assignment["doc_id"].combine_chunks())
    starts = [0, *runs.run_ends.to_pylist()]
    sides = assignment["split"]
    return [
        (doc_id, sides[start].as_py(), start, end - start)
        for doc_id, start, end in zip(runs.values.to_pylist(), starts[:-1], starts[1:], strict=True)
    ]


def _part(rows: list[dict[str, Any]], said: Mapping[str, Mapping[str, str]]) -> Part:
    return Part(file=rows[0]["file"], pages={r["page_num"]: r["features"] for r in rows}, **said[rows[0]["doc_id"]])


def _shards(published: Folder) -> Mapping[str, str]:
    """Shard -> digest of what it holds, of a finished publish stage; nothing where it is gone."""
    if finished(published) is None:
        return {}
    shards: dict[str, str] = published.read_json(CONTENT)["shards"]
    return shards


def export(stage: StageRef, out: Folder, since: Mapping[str, Any] | None = None, **notes: str) -> DatasetRef:
    """Bring `out` to the content of a finished publish stage: changed files come, stale ones go, the manifest is last.

    Raises UsageError where `out` holds something else than a dataset of this project, StageError where another build
    is at it, or has been since its manifest was `since`. Where a store knows no locks, only the second is seen.
    """
    check_out(out)  # before a folder is made
    with out.held() as alone:
        standing = check_out(out)
        if not alone or (since is not None and standing != since):
            when = "while this one ran" if alone else "at this moment"
            raise StageError(f"{out.uri}: another build wrote here {when}; run again, and one build at a time")
        return _bring(out, standing, Folder(stage.uri), notes)


def _bring(out: Folder, standing: Mapping[str, Any], source: Folder, notes: Mapping[str, str]) -> DatasetRef:
    manifest = {**(finished(source) or {}), **source.read_json(CONTENT), **notes}
    if standing == manifest:
        return DatasetRef(out.uri, manifest["content"])
    (out / MANIFEST).delete()
    names = [n for n in source.names() if n not in (MANIFEST, CONTENT)]
    names.sort(key=lambda n: n != LEDGER_FILE)  # the ledger first: by it a half-written folder is known as ours
    for name in sorted({name for kind in ("data", "pdf", "samples") for name in out.names(f"{kind}/*")} - set(names)):
        (out / name).delete()
    unchanged = standing.get("shards", {})
    for name in names:
        if not (name in unchanged and unchanged[name] == manifest["shards"].get(name) and out.exists(name)):
            out.copy(name, source)
    out.write_json(MANIFEST, manifest)
    return DatasetRef(out.uri, manifest["content"])


def previous_ledger(out: Folder, base: str) -> str:
    """Digest of the ledger that a split of `base` (digest of its inputs, rules and version) goes on from.

    Where `out` was dealt from the same base, that is the ledger it was dealt from, so that the same command
    twice is the same split; else it is the ledger of `out`.
    """
    standing = check_out(out)
    before = standing.get("split_previous", "")
    if standing.get("split_base") == base and (not before or (Folder(home()) / "ledgers" / before).exists(LEDGER_FILE)):
        return str(before)
    return keep_ledger(read_ledger(out))


def check_out(out: Folder) -> Mapping[str, Any]:
    """The manifest that stands in `out`, empty where there is none yet. Raises UsageError for a foreign folder."""
    if out.uri.rstrip("/") == home().rstrip("/"):
        raise UsageError(f"{out.uri}: the store itself (RECTO_HOME); choose another folder")
    try:
        standing = finished(out)
    except NotADirectoryError:
        raise UsageError(f"{out.uri}: a file, not a folder; choose another name") from None
    if standing is not None and "shards" not in standing:
        raise UsageError(f"{out.uri}: its {MANIFEST} is not a dataset's; choose another folder")
    if standing is None and out.names() and not out.exists(LEDGER_FILE):
        raise UsageError(f"{out.uri}: not empty, and not a dataset of recto; choose another folder")
    return standing or {}


def dataset_at(reference: str) -> StageRef:
    """A published dataset by folder, URI, or Hub `repo@revision`; of the Hub's, the commit that the revision is now.

    Its digest is that of its content, so that the same dataset in another place is the same input.
    Raises UsageError where there is no dataset, TransportError where the Hub cannot be asked.
    """
    named = None if Path(reference).exists() else REFERENCE.fullmatch(reference)
    if named:
        reference = f"{named[1]}@{resolve(named[1], named[2])}"
    folder = dataset_folder(reference)
    if (manifest := finished(folder)) is not None:
        content = manifest.get("content") or (folder.exists(CONTENT) and folder.read_json(CONTENT)["content"])
        if content:
            return StageRef(reference, str(content), manifest["counts"])
    if named:
        return StageRef(reference, digest("hub", reference), {})
    raise UsageError(f"{reference}: no published dataset; give its folder, its URI, or a Hub repo@revision")


def _environment(config: PublishConfig) -> str:
    return f"{SCHEMA_VERSION} {card_digest()}"


publish_stage = Stage("publish", 2, _publish, _environment)
publish = publish_stage.task(retries=1, retry_delay_seconds=5)
