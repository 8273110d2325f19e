"""The render stage: the same pages in any order, at any parallelism, under any hash seed, and each drawn once."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from render_pages import document, small_page

from tasks.records import Document, Reason, Reject, StageError, StageRef, digest
from tasks.render.cache import page_file
from tasks.render.document import render_document
from tasks.render.stage import measured, plan, render_pages, render_stage
from tasks.store import Folder, finish, read_documents, write_documents

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
    key = digest(*(repr(d) for d in docs))
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
    first = render_pages(config, collected(Folder(str(home / "c1")), docs), workers=1)
    drawn = {p: p.stat().st_mtime_ns for p in (home / "pages").rglob("*.parquet")}
    assert len(drawn) == 7
    changed = [*docs[:-1], document("# Another\n\ntext\n", "en", docs[-1].doc_id, docs[-1].family)]
    given = collected(Folder(str(home / "c2")), changed)
    assert [int(batch.counts["documents"]) for batch in plan(config, given)] == [1]
    second = render_pages(config, given, workers=1)
    assert {p: p.stat().st_mtime_ns for p in drawn} == drawn
    old, new = (Folder(ref.uri).read_table("pages.parquet").to_pylist() for ref in (first, second))
    assert [r for r in old if r["doc_id"] != "d6"] == [r for r in new if r["doc_id"] != "d6"]
    assert [r["markdown"] for r in new if r["doc_id"] == "d6"] == ["# Another\n\ntext\n"]


def test_a_pdf_that_is_asked_for_later_is_drawn_again(home: Path) -> None:
    docs = documents()[:1]
    refs = collected(Folder(str(home / "c")), docs)
    render_pages(small_page(height=300), refs, workers=1)
    assert not list((home / "pages").rglob("*.pdf"))
    render_pages(small_page(height=300, keep_pdf=True), refs, workers=1)
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


def test_batches_hold_what_the_cache_lacks_once(home: Path) -> None:
    docs = [document(f"text {i}\n", doc_id=f"d{i}") for i in range(130)]
    ref = collected(Folder(str(home / "c")), docs)
    held = [read_documents(Folder(batch.uri)) for batch in plan(small_page(), ref)]
    assert [len(batch) for batch in held] == [44, 43, 43]
    assert sorted(d.doc_id for batch in held for d in batch) == sorted(d.doc_id for d in docs)


def test_a_rejected_document_is_counted_and_named_and_tried_once(home: Path) -> None:
    config, deep = small_page(), document("> " * 1200 + "deep\n", doc_id="deep")
    docs = [deep, documents()[0]]
    whole = render_pages(config, collected(Folder(str(home / "c")), docs), workers=1)
    assert whole.counts["rejected documents"] == 1
    (row,) = Folder(whole.uri).read_rejects()
    assert (row["doc_id"], row["reason"]) == ("deep", "render_error")
    more = collected(Folder(str(home / "c2")), [*docs, documents()[1]])
    (batch,) = plan(config, more)
    assert [d.doc_id for d in read_documents(Folder(batch.uri))] == ["d1"]
    assert Folder(render_pages(config, more, workers=1).uri).read_rejects() == [row]


def test_what_may_have_been_the_machines_fault_is_tried_again(home: Path) -> None:
    (doc, *_) = documents()
    config, given = small_page(), collected(Folder(str(home / "c")), [doc])
    file = page_file(Folder(str(home)), doc, config)
    file.refuse(Reject("render", Reason.RENDER_TIMEOUT, doc.doc_id, detail="over 60 s"))
    slow = render_stage(config, given)
    assert (slow.counts["rejected documents"], slow.counts["pages"]) == (1, 0)
    more = collected(Folder(str(home / "c2")), [doc, documents()[1]])
    assert int(plan(config, more)[0].counts["documents"]) == 2
    assert render_pages(config, more, workers=1).counts["rejected documents"] == 0


def test_where_most_documents_fail_the_run_stops_and_tries_them_again(home: Path) -> None:
    docs = [document("> " * 1200 + f"deep {i}\n", doc_id=f"deep{i}") for i in range(4)]
    given = collected(Folder(str(home / "c")), docs)
    for _ in range(2):
        with pytest.raises(StageError, match=r"4 of 4 documents could not be drawn.*the first, deep0: Recursion"):
            render_pages(small_page(), given, workers=1)
        assert len(plan(small_page(), given)) == 1


@pytest.mark.parametrize("changed", [(), (3,), (0, 5, 6), tuple(range(7))])
def test_whatever_was_known_before_the_index_has_the_same_bytes(
    home: Path, monkeypatch: pytest.MonkeyPatch, changed: tuple[int, ...]
) -> None:
    config, docs = small_page(), documents()
    file = {d.doc_id: page_file(Folder(str(home)), d, config) for d in docs}
    for i, doc in enumerate(docs):
        if i not in changed:
            file[doc.doc_id].write(render_document(doc, config))
    monkeypatch.setattr("tasks.render.stage.BATCH", 2)
    before = collected(Folder(str(home / "c1")), [d for i, d in enumerate(docs) if i not in changed] or docs[:1])
    earlier = render_pages(config, before, workers=1)
    # what is said of a document may be other while its pages are not
    said = [replace(d, license="MIT", family="other") if i == 1 else d for i, d in enumerate(docs)]
    given = collected(Folder(str(home / "c2")), said)
    alone = render_pages(config, given, workers=1)
    whole = {n: Folder(alone.uri).read(n) for n in ("pages.parquet", "rejects.jsonl")}
    shutil.rmtree(home / "render" / alone.digest)
    taken = render_pages(config, given, workers=1, previous=earlier.uri)
    assert {n: Folder(taken.uri).read(n) for n in whole} == whole


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
