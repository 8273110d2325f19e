"""The render stage: batches of documents to page files, then one index of all pages with what was measured."""

from __future__ import annotations

import math
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import pyarrow as pa
from rich.console import Console
from rich.progress import track

from tasks.collect.clean import cut
from tasks.features import features
from tasks.records import Document, Reason, Reject, StageError, StageRef, digest
from tasks.render.cache import drawn_by, page_file
from tasks.render.pool import draw_all
from tasks.render_config import RenderConfig
from tasks.stage import Counts, Stage
from tasks.store import Folder, finished, home, read_documents

BATCH = 64
"""Documents a task, so that a failed task repeats little and the UI shows how far a run is."""

_FEW_FAIL, _MOST_FAIL = 3, 0.2  # documents, and share of them, that may fail before the run is stopped

DRAWN_BY = "drawn_by.json"
INDEX = pa.schema(
    [
        ("doc_id", pa.string()),
        ("page_num", pa.int32()),
        ("file", pa.string()),
        ("language", pa.string()),
        ("source", pa.string()),
        ("family", pa.string()),
        ("license", pa.string()),
        ("markdown", pa.string()),
        ("features", pa.list_(pa.string())),
        ("page_start_char", pa.int64()),
        ("page_end_char", pa.int64()),
        ("agreement", pa.float64()),
        ("reject", pa.string()),
        ("detail", pa.string()),
    ]
)


def batches(documents: StageRef) -> list[str]:
    """Names of the batches ("2/5") the documents are drawn in."""
    count = max(1, math.ceil(int(documents.counts["documents"]) / BATCH))
    return [f"{i + 1}/{count}" for i in range(count)]


def _of_batch(documents: list[Document], config: RenderConfig, batch: str) -> list[Document]:
    number, count = (int(x) for x in batch.split("/"))
    return [
        replace(d, markdown=cut(d.markdown, config.max_chars)) if config.max_chars else d
        for d in documents
        if int(digest(d.doc_id), 16) % count == number - 1 and (not config.languages or d.language in config.languages)
    ]


def _draw(folder: Folder, config: RenderConfig, documents: StageRef, batch: str, *, workers: int = 0) -> Counts:
    """Draw a batch: the page files that are not there yet, and the index of the batch's pages."""
    chosen = _of_batch(read_documents(Folder(documents.uri)), config, batch)
    files = {d.doc_id: page_file(Folder(home()), d, config) for d in chosen}
    work = [
        (d, f)
        for d in chosen
        if not (f := files[d.doc_id]).done or (config.keep_pdf and not f.folder.exists(f.pdf_name))
    ]
    work.sort(key=lambda item: -len(item[0].markdown))  # so that no process is left with the longest at the end
    drawn = track(
        draw_all(work, config, workers),
        f"draw {batch}",
        len(work),
        console=Console(stderr=True),
        disable=not sys.stderr.isatty(),
    )
    rejects = {d.doc_id: reject for d, reject in drawn if reject}
    if len(rejects) > max(_FEW_FAIL, _MOST_FAIL * len(chosen)):
        doc_id, first = min(rejects.items())
        raise StageError(
            f"{len(rejects)} of {len(chosen)} documents could not be drawn, so the fault is hardly theirs; "
            f"the first, {doc_id}: {first.detail}"
        )
    rows: list[dict[str, Any]] = []
    for document in chosen:
        if document.doc_id not in rejects:
            rows += _index_rows(
                document, files[document.doc_id].read(document.doc_id, images=False), files[document.doc_id].name
            )
    folder.write_table("pages.parquet", pa.Table.from_pylist(rows, INDEX), compression="zstd")
    folder.write_rejects(sorted(rejects.values(), key=lambda r: r.doc_id))
    return {"documents": len(chosen), "drawn": len(work), "pages": len(rows), "rejected documents": len(rejects)}


def _index_rows(document: Document, pages: list[Any], file: str) -> list[dict[str, Any]]:
    return [
        {
            "doc_id": p.doc_id,
            "page_num": p.page_num,
            "file": file,
            "language": document.language,
            "source": document.source,
            "family": document.family,
            "license": document.license,
            "markdown": p.markdown,
            "features": list(features(p.markdown)),
            "page_start_char": p.page_start_char,
            "page_end_char": p.page_end_char,
            "agreement": p.agreement,
            "reject": p.reject.value if p.reject else None,
            "detail": p.detail,
        }
        for p in pages
    ]


def _render(folder: Folder, config: RenderConfig, *drawn: StageRef) -> Counts:
    """Join the batches' indexes and measure agreement over all pages, before any is rejected."""
    table = pa.concat_tables(Folder(ref.uri).read_table("pages.parquet") for ref in drawn)
    table = table.sort_by([("doc_id", "ascending"), ("page_num", "ascending")])
    rejects = [
        Reject(row["stage"], Reason(row["reason"]), row["doc_id"], row["page_num"], row["detail"])
        for ref in drawn
        for row in Folder(ref.uri).read_rejects()
    ]
    for row in table.select(["doc_id", "page_num", "reject", "detail"]).to_pylist():
        if row["reject"]:
            rejects.append(Reject("render", Reason(row["reject"]), row["doc_id"], row["page_num"], row["detail"]))
    folder.write_table("pages.parquet", table, compression="zstd")
    folder.write_rejects(rejects)
    folder.write_json(DRAWN_BY, drawn_by(config))
    failed = sum(int(ref.counts["rejected documents"]) for ref in drawn)
    return {**measured(table.select(["agreement", "reject"]).to_pylist()), "rejected documents": failed}


def changes(before: Folder, after: Folder) -> str:
    """What became of the documents of an earlier rendering, and why pages are others: a line for the log.

    Of documents, not of what was drawn: a page that is other than before may still be in the page cache.
    """
    now = dict(_files(after))
    if finished(before) is None:
        return f"{len(now)} documents, nothing known of an earlier run"
    then = dict(_files(before))
    old, new = (folder.read_json(DRAWN_BY) for folder in (before, after))
    causes = [name for name in old | new if old.get(name) != new.get(name)]
    both = now.keys() & then.keys()
    other = sum(now[d] != then[d] for d in both)
    because = f"other {' and '.join(causes)}" if causes else "other text"
    return (
        f"{len(now)} documents: {len(both) - other} as before, {other} drawn anew ({because}), "
        f"{len(now) - len(both)} new, {len(then) - len(both)} gone"
    )


def _files(rendered: Folder) -> Iterable[tuple[str, str]]:
    table = rendered.read_table("pages.parquet", ["doc_id", "file"])
    return zip(*(column.to_pylist() for column in table.columns), strict=True)


def measured(pages: list[Mapping[str, Any]]) -> dict[str, int | float]:
    """Agreement of all rendered pages before rejection, of the kept ones, and the share kept.

    A blank page shows nothing to agree about: it counts among the pages and against the share kept only.
    """
    texts = [p for p in pages if p["reject"] != Reason.BLANK]
    kept = [p["agreement"] for p in pages if not p["reject"]]
    rejected = Counter(p["reject"] for p in pages if p["reject"])
    before = [p["agreement"] for p in texts]
    return {
        "pages": len(pages),
        "kept": len(kept),
        "kept share": _mean([not p["reject"] for p in pages]),
        "agreement": _mean(before),
        "agreement >= 0.98": _mean([a >= 0.98 for a in before]),
        "agreement of kept": _mean(kept),
        **{f"rejected: {reason}": n for reason, n in sorted(rejected.items())},
    }


def _mean(values: list[Any]) -> float:
    return round(sum(values) / len(values), 6) if values else 0.0


def _environment(config: RenderConfig) -> str:
    return digest(*(part for named in drawn_by(config).items() for part in named))


draw_stage = Stage("draw", 1, _draw, _environment)
render_stage = Stage("render", 1, _render, _environment)

draw = draw_stage.task(retries=1, retry_delay_seconds=5)
render = render_stage.task()
