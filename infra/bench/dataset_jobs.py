"""What `infra.bench_dataset` measures: a dataset built of a folder, and many pages published."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle, islice
from pathlib import Path

import pyarrow as pa

from tasks.collect.snapshot import take_snapshots
from tasks.collect.stage import collect_stage
from tasks.config import CollectConfig, PublishConfig, SplitConfig
from tasks.dataset.publish import export, previous_ledger, publish_stage
from tasks.dataset.split import split_stage
from tasks.markdown import parse
from tasks.records import Document, StageRef, digest
from tasks.render.stage import plan, render_pages, render_stage
from tasks.render_config import RenderConfig
from tasks.store import Folder, finish, finished, home, write_documents

PIECE = 1_200
"""Characters of a document: so many documents, all of different real text, are cut from the corpus."""

SHARDS = 16


def pieces(documents: Sequence[Document]) -> list[tuple[str, str]]:
    """The corpus in documents of about a page each, cut between blocks: name of a file, and text. Every tenth first, so
    that a tenth is a mixture."""
    found = []
    for document in documents:
        starts = [node.start for node in parse(document.markdown).children]
        begin = 0
        for end in [*starts[1:], len(document.markdown)]:
            if end - begin >= PIECE or (end == len(document.markdown) and end - begin >= PIECE // 4):
                name = f"{document.family}/{document.doc_id}-{begin}.md"
                found.append((name, document.markdown[begin:end]))
                begin = end
    return [piece for start in range(10) for piece in found[start::10]]


def write(folder: Path, texts: Sequence[tuple[str, str]]) -> None:
    for name, text in texts:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def build(folder: str) -> dict[str, int]:
    """collect -> render -> split -> publish -> export of a folder, as the flow does it."""
    out = Folder(f"{home()}/out")
    standing = finished(out) or {}
    config = CollectConfig(sources=("folder",), folder=folder)
    given = collect_stage(config, *take_snapshots(config))
    look, earlier = RenderConfig(), render_stage.folder(str(standing.get("rendered", "none"))).uri
    missing = [] if render_stage.done(look, given) else plan(look, given)
    rendered = render_pages(look, given, previous=earlier)
    base = split_stage.digest(SplitConfig(), rendered)
    ledger = previous_ledger(out, base)
    dealt = split_stage(SplitConfig(), rendered, ledger)
    before = publish_stage.folder(str(standing.get("published", "none"))).uri
    published = publish_stage(PublishConfig(shards=SHARDS), given, rendered, dealt, previous=before)
    made = (rendered.digest, published.digest)
    export(published, out, split_base=base, split_previous=ledger, rendered=made[0], published=made[1])
    fresh = sum(int(batch.counts["documents"]) for batch in missing)
    written = 0 if published.reused else int(published.counts["shards written"])
    pages = int(published.counts["train"]) + int(published.counts["test"])
    return {"documents": int(given.counts["documents"]), "pages": pages, "drawn": fresh, "shards": written}


def publish_many(pages: int) -> dict[str, int]:
    """Publish so many pages, which are those of the page cache over and over, each document in a name of its own."""
    rendered = next(r for r in _finished("render"))
    index = Folder(rendered.uri).read_table("pages.parquet", ["doc_id", "page_num", "file", "features", "reject"])
    kept = [row for row in index.to_pylist() if not row["reject"]]
    by_document: dict[str, list[dict[str, object]]] = {}
    for row in kept:
        by_document.setdefault(str(row["file"]), []).append(row)
    rows: list[dict[str, object]] = []
    documents: list[Document] = []
    for number, members in enumerate(islice(cycle(by_document.values()), pages)):
        if len(rows) >= pages:
            break
        doc_id = digest(str(number))
        documents.append(Document(doc_id, "", "en", "bench", "", "", "MIT", "", doc_id))
        rows += [{**row, "doc_id": doc_id, "split": "train"} for row in members]
    rows.sort(key=lambda row: (str(row["doc_id"]), int(str(row["page_num"]))))
    source = Folder(home()) / "collect" / f"many-{pages}"
    write_documents(source, documents)
    source.write_rejects([])
    given = finish(source, f"many-{pages}", {"found": len(documents), "documents": len(documents), "cut": 0})
    folder = Folder(home()) / "split" / f"many-{pages}"
    folder.write_table("assignment.parquet", pa.Table.from_pylist(rows[:pages]).drop_columns(["reject"]))
    folder.write_table("ledger.parquet", pa.table({"family": [d.doc_id for d in documents]}))
    folder.write_json("split.json", {"strata": [], "compared": [], "families on both sides": 0, "tolerance": 1})
    folder.write_rejects([])
    counts = {"train": pages, "test": 0, "train families": len(documents), "test families": 0, "near-duplicates": 0}
    dealt = finish(folder, f"many-{pages}", counts)
    done = publish_stage(PublishConfig(shards=SHARDS), given, rendered, dealt)
    size = sum(p.stat().st_size for p in Path(done.uri).rglob("*.parquet"))
    return {"pages": pages, "MB": size // 10**6}


def _finished(stage: str) -> list[StageRef]:
    found = [Path(p).parent for p in sorted(Path(home(), stage).glob("*/manifest.json"))]
    folders = [(p, finished(Folder(str(p))) or {}) for p in found]
    refs = [StageRef(str(p), str(m["digest"]), m["counts"]) for p, m in folders]
    return sorted(refs, key=lambda ref: -int(ref.counts["pages"]))
