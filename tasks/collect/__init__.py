"""Collection: from a source of Markdown to documents and rejects."""

from __future__ import annotations

from tasks.collect.corpus import collect_corpus
from tasks.collect.folder import collect_folder
from tasks.config import CollectConfig
from tasks.records import Document, Reason, Reject


def collect(config: CollectConfig) -> tuple[list[Document], list[Reject]]:
    """The documents of the configured source in its languages, and everything that was rejected.

    Raises UsageError if the folder cannot be used, StageError if the corpus is damaged.
    """
    documents, rejects = collect_folder(config.folder, config) if config.source == "folder" else collect_corpus(config)
    if not config.languages:
        return documents, rejects
    kept = [d for d in documents if d.language in config.languages]
    others = {d.doc_id: d for d in documents if d.language not in config.languages}
    # a cut says that the document was kept
    rejects = [r for r in rejects if not (r.reason is Reason.CUT and r.doc_id in others)]
    wanted = ", ".join(config.languages)
    for doc_id, document in others.items():
        detail = f"{document.url}: {document.language}; wanted {wanted}"
        rejects.append(Reject("collect", Reason.WRONG_LANGUAGE, doc_id, detail=detail))
    return kept, rejects
