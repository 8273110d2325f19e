"""The collect stage: documents and rejects of one source."""

from __future__ import annotations

import hashlib
from pathlib import Path

from tasks.collect import collect as collect_documents
from tasks.collect.corpus import CORPUS
from tasks.config import CollectConfig
from tasks.records import Reason, digest
from tasks.stage import Counts, Stage
from tasks.store import Folder, write_documents


def _collect(folder: Folder, config: CollectConfig) -> Counts:
    documents, rejects = collect_documents(config)
    write_documents(folder, documents)
    folder.write_rejects(rejects)
    cut = sum(r.reason is Reason.CUT for r in rejects)
    dropped = len(rejects) - cut
    return {"found": len(documents) + dropped, "documents": len(documents), "rejected": dropped, "cut": cut}


def _content(config: CollectConfig) -> str:
    """Digest of the files that will be read: a changed file is a new collection, wherever the folder is."""
    root = Path(config.folder) if config.source == "folder" else CORPUS
    files = sorted(p for p in root.rglob("*.md") if p.is_file()) if root.is_dir() else []
    if config.source == "corpus":
        files.append(root / "index.json")
    return digest(*(f"{p.relative_to(root).as_posix()} {_sha256(p)}" for p in files))


def _sha256(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return "unreadable"


collect_stage = Stage("collect", 1, _collect, _content, ignore=("folder",))

collect = collect_stage.task(retries=1, retry_delay_seconds=5)
