"""The whole line from documents to shards, for a process of its own."""

from __future__ import annotations

import hashlib
from pathlib import Path

from render_pages import small_page
from test_render_stage import collected, documents

from tasks.config import PublishConfig, SplitConfig
from tasks.dataset.publish import publish_stage
from tasks.dataset.split import split_stage
from tasks.render import stage
from tasks.render.stage import render_pages
from tasks.store import MANIFEST, Folder, home


def everything(workers: int) -> dict[str, str]:
    """SHA-256 of every file but the manifests, which hold times."""
    root = Folder(home())
    stage.WORTH = 1  # as many processes as are asked for, of however little text
    config = small_page(height=200, keep_pdf=True, scan={"share": 0.5})
    ref = collected(root / "collected", documents())
    pages = render_pages(config, ref, workers)
    split = split_stage(SplitConfig(), pages, "")
    publish_stage(PublishConfig(shards=2), ref, pages, split, pdfs=True)
    files = (p for p in Path(home()).rglob("*") if p.is_file() and p.name != MANIFEST)
    return {p.relative_to(home()).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}
