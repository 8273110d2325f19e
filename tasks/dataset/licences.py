"""What may not be published is left out before it is drawn, and stops an upload."""

from __future__ import annotations

from collections import Counter

from tasks.licences import REDISTRIBUTABLE, may_publish
from tasks.records import Reason, Reject, StageError, StageRef, digest
from tasks.render_config import Config
from tasks.stage import Counts, Stage
from tasks.store import Folder, read_documents, write_documents


def check_licences(published: Folder) -> None:
    """Raises StageError, naming the licences, where a document of a published dataset may not be published."""
    documents = published.read_table("documents.parquet", ["url", "license"]).to_pylist()
    closed = [d for d in documents if not may_publish(d["license"])]
    if closed:
        licences = ", ".join(f"{license} ({n})" for license, n in Counter(d["license"] for d in closed).most_common(5))
        raise StageError(
            f"{published.uri}: {len(closed)} of {len(documents)} documents may not be published, such as "
            f"{closed[0]['url']}: {licences}; leave them out, or say which licence a folder has: collect.license"
        )


def _publishable(folder: Folder, config: Config, collected: StageRef) -> Counts:
    """The collected documents that may be published; the others are rejects of the collection."""
    before = Folder(collected.uri)
    documents = read_documents(before)
    rejects = [
        Reject(r["stage"], Reason(r["reason"]), r["doc_id"], r["page_num"], r["detail"]) for r in before.read_rejects()
    ]
    closed = [d for d in documents if not may_publish(d.license)]
    rejects += [Reject("collect", Reason.LICENCE, d.doc_id, detail=f"{d.url}: {d.license}") for d in closed]
    write_documents(folder, [d for d in documents if may_publish(d.license)])
    folder.write_rejects(rejects)
    counts = collected.counts
    return {
        **counts,
        "documents": int(counts["documents"]) - len(closed),
        "rejected": int(counts["rejected"]) + len(closed),
    }


def _list(config: Config) -> str:
    return digest(*sorted(REDISTRIBUTABLE))


publishable_stage = Stage("publishable", 1, _publishable, _list)
publishable = publishable_stage.task(retries=1, retry_delay_seconds=5)
