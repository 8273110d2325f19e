"""The render stage: the same pages in any order, at any parallelism, under any hash seed, and each drawn once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from render_pages import document, small_page

from tasks.records import Document, Reason, StageRef
from tasks.render.cache import page_file
from tasks.render.document import render_document
from tasks.render.pool import draw
from tasks.render.stage import batches, draw_stage, measured, render_stage
from tasks.store import Folder, finish, write_documents

PROGRAM = """
import hashlib, json, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from render_stage_documents import everything
print(json.dumps(everything(int(sys.argv[1]))))
"""


def documents() -> list[Document]:
    words = " ".join(f"word{i}" for i in range(60))
    table = "| a | b |\n| --- | --- |\n"
    texts = [f"# Title {i}\n\n{words}\n\n{table}| {i} | *x* |\n\n```py\nx = {i}\n```\n" for i in range(7)]
    return [document(text, "en" if i % 3 else "ja", f"d{i}", f"f{i}") for i, text in enumerate(texts)]


def collected(folder: Folder, docs: list[Document]) -> StageRef:
    write_documents(folder, docs)
    folder.write_rejects([])
    key = "-".join(d.markdown[:9] for d in docs)
    return finish(folder, key, {"found": len(docs), "documents": len(docs), "cut": 0})


def test_two_runs_are_byte_for_byte_the_same(tmp_path: Path) -> None:
    outputs = []
    for number, (seed, workers) in enumerate((("1", "1"), ("77", "2"))):
        env = {**os.environ, "PYTHONHASHSEED": seed, "RECTO_HOME": str(tmp_path / str(number))}
        command = [sys.executable, "-c", PROGRAM, workers, str(Path(__file__).parent)]
        done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        outputs.append(json.loads(done.stdout))
    assert outputs[0] == outputs[1]
    assert sum(name.startswith("pages/") for name in outputs[0]) == 14
    assert sum(name.startswith("publish/") and "data/" in name for name in outputs[0]) > 1


def test_a_document_is_drawn_once(home: Path) -> None:
    docs = documents()
    config = small_page(height=300)
    first = render_stage(config, draw_stage(config, collected(Folder(str(home / "c1")), docs), "1/1", workers=1))
    drawn = {p: p.stat().st_mtime_ns for p in (home / "pages").rglob("*.parquet")}
    assert len(drawn) == 7
    changed = [*docs[:-1], document("# Another\n\ntext\n", "en", docs[-1].doc_id, docs[-1].family)]
    batch = draw_stage(config, collected(Folder(str(home / "c2")), changed), "1/1", workers=1)
    assert batch.counts["drawn"] == 1
    second = render_stage(config, batch)
    assert {p: p.stat().st_mtime_ns for p in drawn} == drawn
    old, new = (Folder(ref.uri).read_table("pages.parquet").to_pylist() for ref in (first, second))
    assert [r for r in old if r["doc_id"] != "d6"] == [r for r in new if r["doc_id"] != "d6"]
    assert [r["markdown"] for r in new if r["doc_id"] == "d6"] == ["# Another\n\ntext\n"]


def test_a_pdf_that_is_asked_for_later_is_drawn_again(home: Path) -> None:
    docs = documents()[:1]
    refs = collected(Folder(str(home / "c")), docs)
    draw_stage(small_page(height=300), refs, "1/1", workers=1)
    assert not list((home / "pages").rglob("*.pdf"))
    draw_stage(small_page(height=300, keep_pdf=True), refs, "1/1", workers=1)
    (pdf,) = (home / "pages").rglob("*.pdf")
    assert pdf.read_bytes().startswith(b"%PDF")


def test_the_page_cache_gives_back_what_was_drawn(home: Path) -> None:
    (doc, *_) = documents()
    config = small_page()
    file = page_file(Folder(str(home)), doc, config)
    assert not file.done
    rendered = render_document(doc, config)
    file.write(rendered)
    assert file.done
    assert tuple(file.read(doc.doc_id)) == rendered.pages
    assert {p.image for p in file.read(doc.doc_id, images=False)} == {b""}
    assert len(rendered.pages) > 1


def test_a_document_drawn_by_two_at_once_is_whole(home: Path) -> None:
    (doc, *_) = documents()
    config = small_page()
    file = page_file(Folder(str(home)), doc, config)
    rendered = render_document(doc, config)
    threads = [threading.Thread(target=file.write, args=(rendered, True)) for _ in range(8)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        if file.done:
            assert tuple(file.read(doc.doc_id)) == rendered.pages
    for thread in threads:
        thread.join()
    assert sorted(p.suffix for p in (home / "pages").rglob("*.*")) == [".parquet", ".pdf"]


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({"keep_pdf": True}, True),
        ({"seconds_per_document": 5}, True),
        ({"languages": ("en",)}, True),
        ({"dpi": 72}, False),
        ({"seed": 1}, False),
        ({"margins": (12, 13)}, False),
        ({"min_agreement": 0.5}, False),
    ],
)
def test_the_cache_key_is_all_that_decides_the_pages(home: Path, change: dict[str, object], same: bool) -> None:
    doc, other, *_ = documents()
    name = page_file(Folder(str(home)), doc, small_page()).name
    assert (page_file(Folder(str(home)), doc, small_page(**change)).name == name) is same
    assert page_file(Folder(str(home)), other, small_page()).name != name


def test_batches_hold_every_document_once(home: Path) -> None:
    docs = [document(f"text {i}\n", doc_id=f"d{i}") for i in range(130)]
    ref = collected(Folder(str(home / "c")), docs)
    names = batches(ref)
    assert names == ["1/3", "2/3", "3/3"]
    from tasks.render.stage import _of_batch

    held = [d.doc_id for name in names for d in _of_batch(docs, small_page(), name)]
    assert sorted(held) == sorted(d.doc_id for d in docs)


def test_a_rejected_document_is_counted_and_named(home: Path) -> None:
    deep = document("> " * 1200 + "deep\n", doc_id="deep")
    file = page_file(Folder(str(home)), deep, small_page())
    reject = draw(deep, small_page(), file)
    assert reject is not None
    assert (reject.reason, file.done) == (Reason.RENDER_ERROR, False)
    batch = draw_stage(small_page(), collected(Folder(str(home / "c")), [deep, documents()[0]]), "1/1", workers=1)
    assert batch.counts["rejected documents"] == 1
    whole = render_stage(small_page(), batch)
    (row,) = Folder(whole.uri).read_rejects()
    assert (row["doc_id"], row["reason"]) == ("deep", "render_error")


def test_agreement_is_measured_before_any_rejection() -> None:
    rows = [
        {"agreement": 1.0, "reject": None},
        {"agreement": 0.5, "reject": "disagreement"},
        {"agreement": 1.0, "reject": "geometry"},
        {"agreement": 0.0, "reject": "blank"},
    ]
    found = measured(rows)
    assert (found["pages"], found["kept"], found["kept share"]) == (4, 1, 0.25)
    assert found["agreement"] == round(2.5 / 3, 6)
    assert found["agreement of kept"] == 1.0
    assert measured([])["agreement"] == 0.0
