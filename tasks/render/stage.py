"""The render stage: batches of documents to page files, then one index of all pages with what was measured."""

from __future__ import annotations

import math
import os
import socket
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from prefect import task
from prefect.cache_policies import NO_CACHE

from tasks.collect.clean import cut
from tasks.features import features
from tasks.progress import Progress
from tasks.records import Document, Page, Reason, Reject, StageError, StageRef, digest
from tasks.render.cache import PageFile, drawn_by, page_files, undrawn
from tasks.render.pool import dismiss, draw_all
from tasks.render_config import RenderConfig
from tasks.stage import Counts, Stage, is_transport
from tasks.store import Folder, finish, finished, home, read_documents, write_documents

BATCH = 64
"""Documents a task, so that a failed task repeats little and the UI shows how far a run is."""

WORTH = 16_000
"""Characters that are worth the start of one more process: about as long to draw as its libraries take to load."""

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
_SAID = ("language", "source", "family", "license")  # of the document, which may change without its pages
_PAGES = pa.schema([field for field in INDEX if field.name not in _SAID])


def plan(config: RenderConfig, documents: StageRef) -> list[StageRef]:
    """What is to be drawn: the documents that the page cache does not know, in batches of about the same work.

    A batch is a folder of the store with its documents, so that who draws it reads no others.
    """
    chosen = _chosen(config, documents)
    missing = undrawn(chosen, page_files(Folder(home()), chosen, config), config.keep_pdf)
    missing.sort(key=lambda d: -len(d.markdown))  # so that no process is left with the longest at the end
    count = math.ceil(len(missing) / BATCH)
    return [_batch(missing[i::count]) for i in range(count)]


def _chosen(config: RenderConfig, documents: StageRef) -> list[Document]:
    return [
        replace(d, markdown=cut(d.markdown, config.max_chars)) if config.max_chars else d
        for d in read_documents(Folder(documents.uri))
        if not config.languages or d.language in config.languages
    ]


def _batch(documents: list[Document]) -> StageRef:
    key = digest("batch", *(repr(d) for d in documents))
    folder, counts = Folder(home()) / "batches" / key, {"documents": len(documents)}
    if finished(folder) is None:
        write_documents(folder, documents)
        return finish(folder, key, counts)
    return StageRef(folder.uri, key, counts, reused=True)


@dataclass(frozen=True, slots=True)
class Drawn:
    """A batch that was drawn: how many documents, the seconds it took, and the process that had it done."""

    documents: int
    seconds: float
    worker: str


def draw_batch(config: RenderConfig, batch: StageRef, name: str = "", *, workers: int = 0) -> Drawn:
    """Draw the documents of a batch into the page cache. `name` is for who watches.

    Raises StageError where so many fail that the fault is hardly theirs: then none of them is kept as a reject.
    """
    started = time.monotonic()
    documents = sorted(read_documents(Folder(batch.uri)), key=lambda d: -len(d.markdown))
    files = page_files(Folder(home()), documents, config)
    before = {d.doc_id for d in documents if files[d.doc_id].refused(d.doc_id)}
    worth = 1 + sum(len(d.markdown) for d in documents) // WORTH
    processes = min(workers or os.cpu_count() or 1, worth)
    rejects: dict[str, Reject] = {}
    with Progress("draw", f"draw {name}".strip(), len(documents)) as progress:
        for document, reject in draw_all([(d, files[d.doc_id]) for d in documents], config, processes):
            progress.advance()
            if reject:
                rejects[document.doc_id] = reject
    _check(sorted(rejects.keys() - before), BATCH, rejects)
    for doc_id, reject in rejects.items():
        files[doc_id].refuse(reject)
    return Drawn(len(documents), time.monotonic() - started, f"{socket.gethostname()} {os.getpid()}")


def _check(failed: Sequence[str], documents: int, rejects: Mapping[str, Reject]) -> None:
    if len(failed) > max(_FEW_FAIL, _MOST_FAIL * documents):
        raise StageError(
            f"{len(failed)} of {documents} documents could not be drawn, so the fault is hardly theirs; "
            f"the first, {failed[0]}: {rejects[failed[0]].detail}"
        )


def _render(folder: Folder, config: RenderConfig, documents: StageRef, *, previous: str = "") -> Counts:
    """The index of all pages, and agreement over all of them, before any is rejected.

    What `previous`, the URI of an earlier rendering, says of the same pages is taken over, without a look at them.
    """
    chosen = _chosen(config, documents)
    files = page_files(Folder(home()), chosen, config)
    known = _known(previous, files) if previous and not config.keep_pdf else _PAGES.empty_table()
    taken = set(known["file"].to_pylist())
    rejects: dict[str, Reject] = {}
    rows: list[dict[str, Any]] = []
    for document in chosen:
        doc_id, file = document.doc_id, files[document.doc_id]
        if file.name in taken:
            continue
        refused = file.refused(doc_id)
        if refused and not (file.done and (not config.keep_pdf or file.folder.exists(file.pdf_name))):
            rejects[doc_id] = refused
        else:
            rows += _page_rows(file.read(doc_id, images=False), file.name)
    try:
        _check(sorted(rejects), len(chosen), rejects)
    except StageError:
        for doc_id in rejects:
            files[doc_id].forgive()  # so that they are tried again when the fault is mended
        raise
    pages = pa.concat_tables([known, pa.Table.from_pylist(rows, _PAGES)])
    table = _with_documents(pages.sort_by([("doc_id", "ascending"), ("page_num", "ascending")]), chosen)
    told = [rejects[doc_id] for doc_id in sorted(rejects)]
    for row in table.select(["doc_id", "page_num", "reject", "detail"]).to_pylist():
        if row["reject"]:
            told.append(Reject("render", Reason(row["reject"]), row["doc_id"], row["page_num"], row["detail"]))
    folder.write_table("pages.parquet", table, compression="zstd")
    folder.write_rejects(told)
    folder.write_json(DRAWN_BY, drawn_by(config))
    return {**measured(table.select(["agreement", "reject"]).to_pylist()), "rejected documents": len(rejects)}


def _known(previous: str, files: Mapping[str, PageFile]) -> pa.Table:
    """The rows of an earlier index whose pages are those of a document of now."""
    if finished(Folder(previous)) is None:
        return _PAGES.empty_table()
    table = Folder(previous).read_table("pages.parquet", _PAGES.names)
    return table.filter(pc.is_in(table["file"], pa.array([file.name for file in files.values()], pa.string())))


def _page_rows(pages: list[Page], file: str) -> list[dict[str, Any]]:
    return [
        {
            "doc_id": p.doc_id,
            "page_num": p.page_num,
            "file": file,
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


def _with_documents(pages: pa.Table, documents: list[Document]) -> pa.Table:
    """The index: the pages' rows with what is said of their documents."""
    said = pa.Table.from_pylist([{name: getattr(d, name) for name in ("doc_id", *_SAID)} for d in documents])
    places = pc.index_in(pages["doc_id"], said["doc_id"].combine_chunks())
    columns = {**{n: pages[n] for n in _PAGES.names}, **{n: said[n].take(places) for n in _SAID}}
    # in one piece, or the file would tell which rows were taken over
    return pa.table([columns[name] for name in INDEX.names], INDEX).combine_chunks()


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


render_stage = Stage("render", 2, _render, _environment)

draw = task(
    name="draw",
    cache_policy=NO_CACHE,  # the page cache is one
    retries=1,
    retry_delay_seconds=5,
    retry_condition_fn=is_transport,
)(draw_batch)
render = render_stage.task()


def check_drawn(config: RenderConfig, batch: StageRef) -> None:
    """Raises StageError where who drew a batch left nothing of some document in this store."""
    documents = read_documents(Folder(batch.uri))
    files = page_files(Folder(home()), documents, config)
    for document in undrawn(documents, files, config.keep_pdf):
        if not (file := files[document.doc_id]).refused(document.doc_id):
            raise StageError(
                f"draw: its worker finished {batch.uri}, but {file.folder.uri}/{file.name} is not there; "
                "give the workers this RECTO_HOME, and the same installation and fonts"
            )


def render_pages(config: RenderConfig, documents: StageRef, workers: int = 0, previous: str = "") -> StageRef:
    """The whole stage in one process and those it starts."""
    if not render_stage.done(config, documents):
        for batch in plan(config, documents):
            draw_batch(config, batch, workers=workers)
        dismiss()
    return render_stage(config, documents, previous=previous)
