"""A rebuild: what is gone is said, what changed is named, and a shard is written a few rows at a time."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from dataset_pages import LOOK, content, documents, draw, drawn, published, rows

from tasks.config import PublishConfig, SplitConfig
from tasks.dataset import shards
from tasks.dataset.publish import publish_stage
from tasks.dataset.shards import ROWS_PER_GROUP, Part, dataset_schema, write_shard
from tasks.dataset.split import split_stage
from tasks.records import Document, StageError, StageRef, digest
from tasks.render import cache
from tasks.render.stage import changes, render_stage
from tasks.store import Folder, stage_at
from tasks.store import home as store


def test_pages_that_are_gone_are_an_error_that_says_how_to_draw_them_again(home: Path) -> None:
    whole = content(published(documents()).uri)
    shutil.rmtree(home / "publish")
    (lost, *_) = sorted((home / "pages").rglob("*.parquet"))
    lost.unlink()
    with pytest.raises(StageError, match=r"pages of document doc\d\d are gone; remove .*/render and run again"):
        as_drawn_before(documents())
    shutil.rmtree(home / "render")
    drawn_again = content(published(documents()).uri)
    assert {n: d for n, d in drawn_again.items() if n.startswith("data/")}.items() <= whole.items()


def as_drawn_before(docs: list[Document]) -> StageRef:
    """Published from the stages as they stand, without a look at the page files."""
    collected = stage_at(f"{store()}/collect/{digest('collect', *(repr(d) for d in docs))}")
    rendered = render_stage(LOOK, collected)
    dealt = split_stage(SplitConfig(test_share=0.25, test_pages=0), rendered, "")
    return publish_stage(PublishConfig(shards=4), collected, rendered, dealt)


def test_a_rebuild_says_what_changed_and_why(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    docs = documents()
    first = Folder(draw(docs)[1].uri)
    assert changes(Folder(str(home / "none")), first) == "8 documents, nothing known of an earlier run"
    assert changes(first, first) == "8 documents: 8 as before, 0 drawn anew (other text), 0 new, 0 gone"
    docs[2] = replace(docs[2], markdown=docs[2].markdown + "\nOne more line.\n")
    second = Folder(draw([*docs[1:], replace(docs[1], doc_id="newer")])[1].uri)
    assert changes(first, second) == "8 documents: 6 as before, 1 drawn anew (other text), 1 new, 1 gone"
    monkeypatch.setattr(cache, "_renderer", lambda: "another MuPDF")
    third = Folder(draw(docs)[1].uri)
    assert "0 as before, 8 drawn anew (other renderer), 0 new" in changes(first, third)


def test_another_schema_rewrites_shards_and_draws_nothing(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = published(documents())
    stood = {p: p.stat().st_mtime_ns for p in home.rglob("*") if p.is_file() and "publish" not in p.parts}
    monkeypatch.setattr("tasks.dataset.shards.SCHEMA_VERSION", "next")
    monkeypatch.setattr("tasks.dataset.publish.SCHEMA_VERSION", "next")
    second = published(documents(), previous=first.uri)
    assert second.digest != first.digest
    assert second.counts["shards written"] == second.counts["shards"]
    again = {p: p.stat().st_mtime_ns for p in home.rglob("*") if p.is_file() and "publish" not in p.parts}
    assert again.keys() == stood.keys()
    monkeypatch.setattr("tasks.dataset.publish.card_digest", lambda: "another card")
    assert published(documents(), previous=second.uri).counts["shards written"] == 0


def test_a_shard_is_written_a_row_group_at_a_time(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pages = [{**p, "page_num": n % 5, "doc_id": f"d{n // 5:03d}"} for n, p in enumerate(rows(1, 1, largest=1) * 300)]
    index = Folder(drawn(pages, "many").uri).read_table("pages.parquet", ["doc_id", "file"]).to_pylist()
    files = {row["doc_id"]: row["file"] for row in index}
    held: list[int] = []
    waiting = 0
    real = shards._row

    def counting(*given: object) -> dict[str, object]:
        nonlocal waiting
        waiting += 1
        held.append(waiting)
        return real(*given)  # type: ignore[arg-type]

    class Writer(pq.ParquetWriter):
        def write_table(self, table: object, *more: object) -> None:
            nonlocal waiting
            waiting = 0
            super().write_table(table, *more)

    monkeypatch.setattr(shards, "_row", counting)
    monkeypatch.setattr(shards.pq, "ParquetWriter", Writer)
    parts = (Part(d, f, "en", "s", "MIT", "f", {n: ["table"] for n in range(5)}) for d, f in sorted(files.items()))
    write_shard(tmp_path / "shard.parquet", parts)
    assert max(held) == ROWS_PER_GROUP
    assert len(held) == 300
    shard = pq.ParquetFile(tmp_path / "shard.parquet")
    assert shard.schema_arrow.equals(dataset_schema())
    groups = [shard.metadata.row_group(n) for n in range(shard.num_row_groups)]
    assert [g.num_rows for g in groups] == [64, 64, 64, 64, 44]
    columns = {groups[0].column(n).path_in_schema: groups[0].column(n) for n in range(groups[0].num_columns)}
    assert columns["image.bytes"].compression == "UNCOMPRESSED"
    assert {c.compression for name, c in columns.items() if name != "image.bytes"} == {"ZSTD"}
    assert columns["page_num"].statistics.max == 4
    assert all(column.has_offset_index and column.has_column_index for column in columns.values())
