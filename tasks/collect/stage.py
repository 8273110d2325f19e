"""The collect stage: documents and rejects of one source."""

from __future__ import annotations

import hashlib
import os
from importlib.metadata import version
from pathlib import Path

from tasks.collect import collect as collect_documents
from tasks.collect.corpus import CORPUS
from tasks.collect.folder import markdown_files
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
    names = [os.fsencode(name) for name in markdown_files(root)] if root.is_dir() else []
    if config.source == "corpus":
        names.append(b"index.json")
    libraries = [version(name) for name in ("pyromark", "py3langid")]
    return digest(*libraries, *(part for name in names for part in (name, _sha256(root / os.fsdecode(name)))))


def _sha256(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return "unreadable"


collect_stage = Stage("collect", 2, _collect, _content, ignore=("folder",))

collect = collect_stage.task(retries=1, retry_delay_seconds=5)
