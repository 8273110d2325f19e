"""The store and its stages: nothing counts before its manifest, and nothing finished is done twice."""

from __future__ import annotations

import threading
import uuid
from pathlib import Path

import pyarrow as pa
import pytest
from pydantic import BaseModel

from tasks.records import Document, Reason, Reject, StageError, StageRef, UsageError, digest
from tasks.stage import Stage
from tasks.store import MANIFEST, Folder, finish, finished, home, read_documents, write_documents


class Settings(BaseModel):
    size: int = 1
    note: str = ""


class Counter:
    def __init__(self) -> None:
        self.runs = 0

    def __call__(
        self, folder: Folder, config: Settings, *inputs: object, fail: bool = False, workers: int = 1
    ) -> dict[str, int]:
        self.runs += 1
        folder.write("half", b"x" * config.size)
        if fail:
            raise RuntimeError("killed")
        folder.write("whole", b"y" * config.size)
        return {"size": config.size}


@pytest.fixture(params=["local", "memory", "brackets", "s3"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Folder:
    match request.param:
        case "local":
            return Folder(str(tmp_path / "f"))
        case "brackets":
            return Folder(str(tmp_path / "a [b]*" / "f"))
        case "s3":
            return Folder(f"{request.getfixturevalue('s3')}/{uuid.uuid4().hex}/f")
        case _:
            return Folder(f"memory://{uuid.uuid4().hex}/f")


def test_a_folder_keeps_what_it_is_given(folder: Folder) -> None:
    assert not folder.exists()
    assert folder.names() == []
    assert finished(folder) is None
    folder.delete()
    folder.write("a/b.bin", b"\0\1")
    folder.write("a/b.bin", b"\2")
    folder.write("top.txt", b"t")
    folder.write("a/c/deep.txt", b"d")
    folder.write_json("x.json", {"k": "ü"})
    assert folder.read("a/b.bin") == b"\2"
    assert folder.read_json("x.json") == {"k": "ü"}
    assert folder.names() == ["a/b.bin", "a/c/deep.txt", "top.txt", "x.json"]
    assert folder.names("*") == ["top.txt", "x.json"]
    assert folder.names("a/*") == ["a/b.bin"]
    assert folder.names("a/**") == ["a/b.bin", "a/c/deep.txt"]
    assert (folder / "a").names() == ["b.bin", "c/deep.txt"]
    assert folder.exists("a/b.bin")
    assert not folder.exists("a/nothing")
    (folder / "a").delete()
    assert folder.names() == ["top.txt", "x.json"]


def test_a_folder_is_finished_by_its_manifest(folder: Folder) -> None:
    folder.write("data", b"d")
    assert finished(folder) is None
    ref = finish(folder, "key", {"n": 1}, stage="s")
    assert ref == StageRef(folder.uri, "key", {"n": 1})
    assert finished(folder) == {"digest": "key", "counts": {"n": 1}, "stage": "s"}
    folder.write(MANIFEST, b"{half")
    with pytest.raises(StageError, match="remove the folder"):
        finished(folder)


def test_tables_documents_and_rejects_come_back(folder: Folder) -> None:
    folder.write_table("t.parquet", pa.table({"a": [1, 2], "b": ["x", None]}))
    assert folder.read_table("t.parquet", ["b"]).to_pylist() == [{"b": "x"}, {"b": None}]
    documents = [Document(f"d{i}", "text\n", "en", "s", "u", "r", "MIT", "a", "f") for i in (2, 0, 1)]
    write_documents(folder, documents)
    assert [d.doc_id for d in read_documents(folder)] == ["d0", "d1", "d2"]
    assert set(read_documents(folder)) == set(documents)
    folder.write_rejects(
        [Reject("render", Reason.BLANK, "d0", 3, "zwei\nZeilen\u2028"), Reject("collect", Reason.CUT, "d1")]
    )
    first, second = folder.read_rejects()
    assert first == {
        "stage": "render",
        "reason": "blank",
        "doc_id": "d0",
        "page_num": 3,
        "detail": "zwei\nZeilen\u2028",
    }
    assert second["page_num"] is None


def test_a_folder_is_on_disk_where_it_is_or_as_a_copy(folder: Folder) -> None:
    folder.write("a/b", b"1")
    with folder.on_disk() as local:
        assert (local / "a" / "b").read_bytes() == b"1"
    assert local.exists() == (str(local) == folder.uri)


def test_folders_are_copied_both_ways(folder: Folder, tmp_path: Path) -> None:
    folder.write("a/b", b"1")
    folder.write("c", b"22")
    folder.pull(tmp_path / "copy")
    assert (tmp_path / "copy/a/b").read_bytes() == b"1"
    (folder / "back").push(tmp_path / "copy")
    assert (folder / "back").names() == ["a/b", "c"]


def test_a_write_that_fails_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(OSError, match="taken"):
        Folder(str(tmp_path)).write("taken", b"data")
    assert [p.name for p in tmp_path.iterdir()] == ["taken"]


def test_what_a_killed_writer_left_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "ledger.parquet.0123abcd.part").write_bytes(b"half")
    assert Folder(str(tmp_path)).names() == []


def test_concurrent_writers_leave_one_whole_file(tmp_path: Path) -> None:
    store = Folder(str(tmp_path))
    texts = [bytes([i]) * 300_000 for i in range(6)]
    threads = [threading.Thread(target=lambda t=t: [store.write("f", t) for _ in range(8)]) for t in texts]
    for thread in threads:
        thread.start()
    seen = set()
    while any(t.is_alive() for t in threads):
        if store.exists("f"):
            seen.add(store.read("f"))
    assert seen <= set(texts)
    assert store.names() == ["f"]
    assert [p.name for p in tmp_path.iterdir()] == ["f"]


def test_what_another_machine_writes_to_a_bucket_is_seen_at_once(s3: str) -> None:
    import boto3

    folder = Folder(f"{s3}/{uuid.uuid4().hex}")
    key = folder.uri.removeprefix("s3://recto/")
    folder.write("a", b"1")
    assert folder.names() == ["a"]
    assert not folder.exists("b")
    bucket = boto3.resource("s3").Bucket("recto")
    bucket.put_object(Key=f"{key}/b", Body=b"2")
    bucket.put_object(Key=f"{key}/{MANIFEST}", Body=b"{}")
    assert folder.names() == ["a", "b", MANIFEST]
    assert folder.exists("b")
    assert folder.read("b") == b"2"
    assert finished(folder) == {}
    bucket.put_object(Key=f"{key}/b", Body=b"longer")
    assert folder.read("b") == b"longer"


def test_an_unknown_store_is_bad_usage() -> None:
    with pytest.raises(UsageError, match="nowhere"):
        Folder("nowhere://bucket/x").exists()


def test_home_is_where_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECTO_HOME", "memory://store")
    assert home() == "memory://store"
    monkeypatch.setenv("RECTO_HOME", "")
    assert home().endswith(".recto")


def test_digests_part_their_parts() -> None:
    assert digest("ab", "c") != digest("a", "bc") != digest("a", "b", "c")
    assert digest("a") == digest(b"a")


@pytest.mark.parametrize("uri", ["", "memory://"])
def test_a_stage_runs_once(uri: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if uri:
        monkeypatch.setenv("RECTO_HOME", f"{uri}{uuid.uuid4().hex}")
    count = Counter()
    stage = Stage("demo", 1, count)
    first = stage(Settings(size=3), "input", workers=1)
    again = stage(Settings(size=3), "input", workers=8)
    assert count.runs == 1
    assert (first.reused, again.reused) == (False, True)
    assert (first.uri, first.digest, first.counts) == (again.uri, again.digest, again.counts)
    assert Folder(first.uri).read("whole") == b"yyy"
    assert finished(Folder(first.uri))["config"] == {"size": 3, "note": ""}  # type: ignore[index]


def test_a_stage_that_broke_off_is_run_again(home: Path) -> None:
    count = Counter()
    stage = Stage("demo", 1, count)
    with pytest.raises(RuntimeError, match="killed"):
        stage(Settings(), fail=True)
    assert (home / "demo" / stage.digest(Settings()) / "half").exists()
    assert not stage(Settings()).reused
    assert stage(Settings()).reused
    assert count.runs == 2


def test_all_that_decides_the_content_is_in_the_digest() -> None:
    ref = StageRef("uri", "abc", {})
    stage = Stage("demo", 1, Counter())
    base = stage.digest(Settings(), ref)
    assert base == Stage("demo", 1, Counter()).digest(Settings(), StageRef("elsewhere", "abc", {"n": 1}, reused=True))
    others = [
        Stage("other", 1, Counter()).digest(Settings(), ref),
        Stage("demo", 2, Counter()).digest(Settings(), ref),
        stage.digest(Settings(size=2), ref),
        stage.digest(Settings(), StageRef("uri", "abd", {})),
        stage.digest(Settings()),
        stage.digest(Settings(), ref, "more"),
        Stage("demo", 1, Counter(), environment=lambda config: f"library {config.size}").digest(Settings(), ref),
    ]
    assert len({base, *others}) == 8
    ignoring = Stage("demo", 1, Counter(), ignore=("note",))
    assert ignoring.digest(Settings(note="a")) == ignoring.digest(Settings(note="b"))
