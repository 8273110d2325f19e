"""Rendered pages for the dataset's tests: real ones of small documents, and rows without images by the thousand."""

from __future__ import annotations

import hashlib
import random
from collections import defaultdict
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa

from tasks.config import PublishConfig, SplitConfig
from tasks.dataset.publish import publish_stage
from tasks.dataset.split import split_stage
from tasks.records import Document, Reason, Reject, StageRef, digest
from tasks.render.cache import SCHEMA, cached, page_file
from tasks.render.document import render_document
from tasks.render.stage import INDEX, measured, render_pages
from tasks.render_config import RenderConfig, ScanConfig
from tasks.store import Folder, finish, home, write_documents

LOOK = RenderConfig(width=300, height=160, dpi=36, font_sizes=(10,), margins=(12, 12), scan=ScanConfig(share=0))


def documents(count: int = 8) -> list[Document]:
    out = []
    for i in range(count):
        words = " ".join(f"word{i}x{n}" for n in range(40 + 10 * (i % 3)))
        table = f"| a | b |\n| --- | --- |\n| {i} | *x* |\n\n" if i % 2 else ""
        text = f"# Title {i}\n\n{table}{words}\n" if i % 4 else f"# 題 {i}\n\n{'日本語の文章です。' * 20}\n"
        language = "en" if i % 4 else "ja"
        out.append(
            Document(f"doc{i:02d}", text, language, "test", f"u{i}", "1", "MIT", f"author {i}", f"family{i // 2}")
        )
    return out


def draw(docs: list[Document]) -> tuple[StageRef, StageRef]:
    """Collected and rendered stages of the documents; drawn in this process, one page file each."""
    root = Folder(home())
    for document in docs:
        file = page_file(root, document, LOOK)
        if not file.done:
            file.write(render_document(document, LOOK), keep_pdf=True)
    key = digest("collect", *(repr(d) for d in docs))
    folder = root / "collect" / key
    write_documents(folder, docs)
    folder.write_rejects([Reject("collect", Reason.TOO_SHORT, "short", detail="3 characters")])
    counts = {"found": len(docs) + 1, "documents": len(docs), "rejected": 1, "cut": 0}
    collected = finish(folder, key, counts)
    return collected, render_pages(LOOK, collected, workers=1)


def published(
    docs: list[Document], *, ledger: str = "", previous: str = "", split: SplitConfig | None = None, shards: int = 4
) -> StageRef:
    collected, rendered = draw(docs)
    dealt = split_stage(split or SplitConfig(test_share=0.25, test_pages=0), rendered, ledger)
    config = PublishConfig(shards=shards)
    return publish_stage(config, collected, rendered, dealt, previous=previous, pdfs=True)


def content(folder: str | Path) -> dict[str, str]:
    """SHA-256 of every file of a local folder."""
    root = Path(folder)
    files = sorted(p for p in root.rglob("*") if p.is_file())
    return {p.relative_to(root).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def drawn(pages: list[dict[str, Any]], name: str) -> StageRef:
    """A rendered stage of index rows, with page files that hold a text and an image of its own for each page, unless
    a row says which ("markdown", "image")."""
    by_document: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for page in pages:
        by_document[page["doc_id"]].append(page)
    indexed = []
    for doc_id, members in by_document.items():
        held = [
            {"markdown": noise_text(doc_id, p["page_num"]), "image": noise(doc_id, p["page_num"]), **p} for p in members
        ]
        file = f"{digest('pages', *(p['markdown'] for p in held), *(p['image'] for p in held))}.parquet"
        said = {"page_start_char": 0, "page_end_char": 1, "content_box": [0.0] * 4, "style": "{}", "agreement": 1.0}
        table = pa.Table.from_pylist([{**said, **{k: p[k] for k in p if k in SCHEMA.names}} for p in held], SCHEMA)
        cached(file).folder.write_table(file, table)
        indexed += [{**dict.fromkeys(INDEX.names), "agreement": 1.0, **p, "file": file} for p in held]
    folder = Folder(home()) / name
    folder.write_table("pages.parquet", pa.Table.from_pylist(indexed, INDEX))
    folder.write_rejects([])
    return finish(folder, name, measured(indexed))


def noise_text(*name: object) -> str:
    rng = random.Random(str(name))
    return " ".join(f"w{rng.randrange(10**6)}" for _ in range(60))


def noise(*name: object) -> bytes:
    """A small PNG of dark cells in places of its own."""
    rng = np.random.default_rng(int(digest(*map(str, name)), 16))
    cells = np.where(rng.random((12, 12)) < 0.3, 0, 255).astype(np.uint8)
    return bytes(cv2.imencode(".png", np.kron(cells, np.ones((4, 4), np.uint8)))[1])


def rows(families: int, seed: int = 0, largest: int = 30) -> list[dict[str, Any]]:
    """Index rows of families of mixed size, language, source and features."""
    rng = random.Random(seed)
    out: list[dict[str, Any]] = []
    for f in range(families):
        language, source = rng.choice(["en", "en", "ja"]), rng.choice(["github", "wikipedia"])
        for number in range(rng.randint(1, largest)):
            features = [x for x in ("table", "code", "math") if rng.random() < 0.15]
            page = {"doc_id": f"{seed}-{f}", "page_num": number, "family": f"{seed}-family{f}", "features": features}
            out.append({**page, "language": language, "source": source})
    return out
