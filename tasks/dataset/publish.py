"""The published folder: shards, documents, ledger, rejects, card, and the manifest last."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.config import PublishConfig
from tasks.dataset.card import card
from tasks.dataset.reading import dataset_folder
from tasks.dataset.split import LEDGER_FILE, keep_ledger, read_ledger
from tasks.hub import REFERENCE, resolve
from tasks.records import DatasetRef, Document, Page, Reason, Reject, StageRef, UsageError, digest
from tasks.render.cache import PageFile
from tasks.stage import Counts, Stage
from tasks.store import MANIFEST, Folder, finished, home, read_documents, write_documents

SCHEMA_VERSION = "2"
CONTENT = "content.json"
ROWS_PER_GROUP = 64  # small groups, so that a viewer or a stream reads few images at a time


def dataset_schema() -> pa.Schema:
    """Columns of a shard, with the metadata by which `datasets` decodes the image."""
    from datasets import Features, Image, List, Value

    return Features(
        {
            "image": Image(),
            "markdown": Value("string"),
            "language": Value("string"),
            "source": Value("string"),
            "doc_id": Value("string"),
            "page_num": Value("int32"),
            "page_start_char": Value("int64"),
            "page_end_char": Value("int64"),
            "content_box": List(Value("float64"), length=4),
            "agreement": Value("float64"),
            "features": List(Value("string")),
            "family": Value("string"),
            "license": Value("string"),
            "style": Value("string"),
        }
    ).arrow_schema


def _bucket(doc_id: str, buckets: int) -> int:
    return int(digest("shard", doc_id), 16) % buckets


def _publish(
    folder: Folder, config: PublishConfig, *stages: StageRef, previous: str = "", pdfs: bool = False
) -> Counts:
    """Write the dataset of `stages` = collect, render, split. Shards that `previous` holds unchanged are copied."""
    collected, rendered, split = stages
    documents = {d.doc_id: d for d in read_documents(Folder(collected.uri))}
    index = {(p["doc_id"], p["page_num"]): p for p in Folder(rendered.uri).read_table("pages.parquet").to_pylist()}
    shards: dict[str, list[dict[str, Any]]] = defaultdict(list)  # `datasets` stumbles over a shard without rows
    for row in Folder(split.uri).read_table("assignment.parquet").to_pylist():
        bucket = _bucket(row["doc_id"], config.shards)
        shards[f"data/{row['split']}-{bucket:05d}-of-{config.shards:05d}.parquet"].append(row)
    before = _shards(Folder(previous)) if previous else {}
    digests = {}
    for name, rows in sorted(shards.items()):
        key = digest(SCHEMA_VERSION, *(_identity(r, documents[r["doc_id"]]) for r in rows), length=32)
        if before.get(name) == key:
            folder.write(name, Folder(previous).read(name))
        else:
            folder.write(name, _shard(rows, documents, index))
        digests[name] = key
    write_documents(folder, list(documents.values()))
    folder.write(LEDGER_FILE, Folder(split.uri).read(LEDGER_FILE))
    rejects = [r for stage in stages for r in Folder(stage.uri).read_rejects()]
    folder.write_rejects(
        Reject(r["stage"], Reason(r["reason"]), r["doc_id"], r["page_num"], r["detail"]) for r in rejects
    )
    if pdfs:
        for doc_id, file in sorted({(p["doc_id"], p["file"]) for p in index.values()}):
            cached = PageFile(Folder(home()) / "pages" / file[:2], file)
            folder.write(f"pdf/{doc_id}.pdf", cached.folder.read(cached.pdf_name))
    text = card(config, list(documents.values()), list(index.values()), collected, rendered, split, rejects)
    folder.write("README.md", text.encode())
    content = digest(*(f"{n} {d}" for n, d in sorted(digests.items())), digest(text), length=32)
    folder.write_json(CONTENT, {"shards": digests, "content": content})
    return {**{k: split.counts[k] for k in ("train", "test")}, "documents": len(documents), "shards": len(shards)}


def _shards(published: Folder) -> Mapping[str, str]:
    """Shard -> digest of what it holds, of a finished publish stage; nothing where it is gone."""
    if finished(published) is None:
        return {}
    shards: dict[str, str] = published.read_json(CONTENT)["shards"]
    return shards


def _identity(row: Mapping[str, Any], document: Document) -> str:
    """All that decides a row of a shard: the page as drawn, and what is said of its document."""
    said = (document.doc_id, document.language, document.source, document.license, document.family)
    return digest(row["file"], str(row["page_num"]), *said, length=32)


def _shard(
    rows: list[dict[str, Any]], documents: Mapping[str, Document], index: Mapping[tuple[str, int], Any]
) -> bytes:
    schema = dataset_schema()
    sink = pa.BufferOutputStream()
    by_document: dict[tuple[str, str], set[int]] = defaultdict(set)
    for row in rows:
        by_document[row["doc_id"], row["file"]].add(row["page_num"])
    with pq.ParquetWriter(sink, schema, compression={"image.bytes": "NONE"}) as writer:
        waiting: list[dict[str, Any]] = []
        for (doc_id, file), numbers in sorted(by_document.items()):
            pages = PageFile(Folder(home()) / "pages" / file[:2], file).read(doc_id)
            waiting += [_row(p, documents[doc_id], index[doc_id, p.page_num]) for p in pages if p.page_num in numbers]
            while len(waiting) >= ROWS_PER_GROUP:
                writer.write_table(pa.Table.from_pylist(waiting[:ROWS_PER_GROUP], schema))
                del waiting[:ROWS_PER_GROUP]
        if waiting:
            writer.write_table(pa.Table.from_pylist(waiting, schema))
    return bytes(sink.getvalue().to_pybytes())


def _row(page: Page, document: Document, indexed: Mapping[str, Any]) -> dict[str, Any]:
    suffix = "jpg" if page.image.startswith(b"\xff\xd8") else "png"
    return {
        "image": {"bytes": page.image, "path": f"{page.doc_id}-{page.page_num:04d}.{suffix}"},
        "markdown": page.markdown,
        "language": document.language,
        "source": document.source,
        "doc_id": page.doc_id,
        "page_num": page.page_num,
        "page_start_char": page.page_start_char,
        "page_end_char": page.page_end_char,
        "content_box": list(page.content_box),
        "agreement": page.agreement,
        "features": indexed["features"],
        "family": document.family,
        "license": document.license,
        "style": page.style,
    }


def export(stage: StageRef, out: Folder, **notes: str) -> DatasetRef:
    """Bring `out` to the content of a finished publish stage: changed files come, stale ones go, the manifest is last.

    Raises UsageError where `out` holds something else than a dataset of this project.
    """
    source = Folder(stage.uri)
    manifest = {**(finished(source) or {}), **source.read_json(CONTENT), **notes}
    standing = check_out(out)
    if standing == manifest:
        return DatasetRef(out.uri, manifest["content"])
    (out / MANIFEST).delete()
    names = [n for n in source.names() if n not in (MANIFEST, CONTENT)]
    names.sort(key=lambda n: n != LEDGER_FILE)  # the ledger first: by it a half-written folder is known as ours
    for name in sorted(set(out.names("data/*") + out.names("pdf/*")) - set(names)):
        (out / name).delete()
    unchanged = standing.get("shards", {})
    for name in names:
        if not (name in unchanged and unchanged[name] == manifest["shards"].get(name) and out.exists(name)):
            out.write(name, source.read(name))
    out.write_json(MANIFEST, manifest)
    return DatasetRef(out.uri, manifest["content"])


def previous_ledger(out: Folder, base: str) -> str:
    """Digest of the ledger that a split of `base` (digest of its inputs and rules) goes on from.

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


publish_stage = Stage("publish", 1, _publish)
publish = publish_stage.task(retries=1, retry_delay_seconds=5)
