"""Published folders for the tests of the browser, written by hand: what no rendering would let through."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from tasks.dataset.publish import dataset_at
from tasks.records import StageRef

STYLE = {"width": 794, "height": 1123, "family": "DejaVu Serif", "font_size": 14, "dpi": 150, "columns": 2}


def png() -> bytes:
    sink = io.BytesIO()
    Image.new("L", (60, 80), 255).save(sink, "PNG")
    return sink.getvalue()


def page(number: int, **changes: Any) -> dict[str, Any]:
    given = {
        "image": {"bytes": png(), "path": f"{number}.png"},
        "markdown": f"# Title {number}\n\nwords of page {number}\n",
        "language": "en",
        "source": "github",
        "doc_id": f"doc{number}",
        "page_num": 0,
        "page_start_char": 0,
        "page_end_char": 7,
        "content_box": [0.0, 0.0, 1.0, 1.0],
        "agreement": 1.0,
        "features": ["heading"],
        "family": f"family{number}",
        "license": "MIT",
        "style": json.dumps(STYLE),
    }
    return {**given, **changes}


def document(number: int, **changes: Any) -> dict[str, Any]:
    given = {
        "doc_id": f"doc{number}",
        "markdown": f"# Title {number}\n\nwords of page {number}\n",
        "language": "en",
        "source": "github",
        "url": f"https://example.org/{number}",
        "revision": "r1",
        "license": "MIT",
        "attribution": f"author {number}",
        "family": f"family{number}",
    }
    return {**given, **changes}


def write(
    folder: Path,
    train: Sequence[dict[str, Any]],
    test: Sequence[dict[str, Any]] = (),
    documents: Sequence[dict[str, Any]] | None = None,
) -> StageRef:
    """A dataset of these pages; each page's document has its doc_id, and says what `document` says."""
    (folder / "data").mkdir(parents=True)
    for name, rows in (("train", train), ("test", test)):
        if rows:
            path = folder / "data" / f"{name}-00000-of-00001.parquet"
            pq.write_table(pa.Table.from_pylist(list(rows)), path, row_group_size=64)
    if documents is None:
        documents = [document(0, doc_id=doc_id) for doc_id in dict.fromkeys(row["doc_id"] for row in (*train, *test))]
    pq.write_table(pa.Table.from_pylist(list(documents)), folder / "documents.parquet")
    manifest = {"digest": "d", "content": "c1", "shards": {}, "config": {"name": "pages"}, "counts": {}}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return dataset_at(str(folder))
