"""Bringing a folder up to a published dataset: repeatable, resumable, and never over what is somebody else's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import pytest
from dataset_pages import content, documents, published

from tasks import store
from tasks.dataset.publish import check_out, dataset_at, export, previous_ledger
from tasks.dataset.split import LEDGER_FILE, PROOF_FILE, read_ledger
from tasks.records import StageError, StageRef, UsageError
from tasks.store import MANIFEST, Folder, finished


def test_export_is_repeatable(built: tuple[Path, StageRef], tmp_path: Path) -> None:
    one, two = Folder(str(tmp_path / "one")), Folder(str(tmp_path / "two"))
    first = export(built[1], one)
    standing = content(one.uri)
    stamps = {p: p.stat().st_mtime_ns for p in Path(one.uri).rglob("*") if p.is_file()}
    assert export(built[1], one) == first
    assert {p: p.stat().st_mtime_ns for p in stamps} == stamps
    assert export(built[1], two).digest == first.digest
    assert content(two.uri) == standing
    assert dataset_at(one.uri).digest == dataset_at(built[1].uri).digest == first.digest
    assert {
        "data",
        "documents.parquet",
        "rejects.jsonl",
        LEDGER_FILE,
        MANIFEST,
        "README.md",
        "pdf",
        "samples",
        PROOF_FILE,
    } == {p.name for p in Path(one.uri).iterdir()}


def test_the_content_digest_is_that_of_the_content(
    built: tuple[Path, StageRef], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECTO_HOME", str(tmp_path / "elsewhere"))
    other = published(documents())
    assert _shards(other) == _shards(built[1])
    assert dataset_at(other.uri).digest == dataset_at(built[1].uri).digest


def test_two_builds_into_one_folder_are_told_apart(built: tuple[Path, StageRef], tmp_path: Path) -> None:
    out = Folder(str(tmp_path / "out"))
    with out.held(), pytest.raises(StageError, match="another build wrote here at this moment; run again"):
        export(built[1], out)
    assert not out.names()
    export(built[1], out, since={})
    whole = content(out.uri)
    with pytest.raises(StageError, match="another build wrote here while this one ran; run again"):
        export(built[1], out, since={})
    assert content(out.uri) == whole


class Killed(BaseException):
    pass


def test_a_killed_export_is_completed(
    built: tuple[Path, StageRef], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Folder(str(tmp_path / "whole"))
    ref = export(built[1], whole)
    real = store._replace
    for limit in range(len(whole.names())):
        out = Folder(str(tmp_path / f"out{limit}"))
        written = 0

        def replace_file(
            target: str, fill: Callable[[BinaryIO], object], limit: int = limit, out: Folder = out
        ) -> None:
            nonlocal written
            if written == limit:
                (Path(out.uri) / "half.0123.part").write_bytes(b"half")
                raise Killed
            written += 1
            real(target, fill)

        monkeypatch.setattr(store, "_replace", replace_file)
        with pytest.raises(Killed):
            export(built[1], out)
        monkeypatch.setattr(store, "_replace", real)
        assert finished(out) is None
        assert check_out(out) == {}
        assert export(built[1], out) == replace(ref, uri=out.uri)
        (Path(out.uri) / "half.0123.part").unlink()
        assert content(out.uri) == content(whole.uri)


def test_an_update_that_is_killed_is_completed(
    built: tuple[Path, StageRef], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECTO_HOME", str(built[0]))
    out = Folder(str(tmp_path / "out"))
    export(built[1], out)
    ledger = previous_ledger(out, "other base")
    after = published(documents(10), ledger=ledger, previous=built[1].uri, shards=2)
    real = store._replace

    def replace_file(target: str, fill: Callable[[BinaryIO], object]) -> None:
        if "/data/test" in target:
            raise Killed
        real(target, fill)

    monkeypatch.setattr(store, "_replace", replace_file)
    with pytest.raises(Killed):
        export(after, out)
    monkeypatch.setattr(store, "_replace", real)
    assert finished(out) is None
    assert read_ledger(out) == read_ledger(Folder(after.uri))
    export(after, out)
    fresh = Folder(str(tmp_path / "fresh"))
    export(after, fresh)
    assert content(out.uri) == content(fresh.uri)


def test_what_is_stale_goes(built: tuple[Path, StageRef], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECTO_HOME", str(built[0]))
    out = Folder(str(tmp_path / "out"))
    export(built[1], out)
    fewer = published(documents(6), shards=1)
    export(fewer, out)
    assert out.names("data/*") == ["data/test-00000-of-00001.parquet", "data/train-00000-of-00001.parquet"]
    assert len(out.names("pdf/*")) == 6


def test_a_foreign_folder_is_refused(
    built: tuple[Path, StageRef], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "mine.txt").write_text("mine")
    (tmp_path / "web").mkdir()
    (tmp_path / "web" / MANIFEST).write_text('{"name": "a web app"}')
    (tmp_path / "empty").mkdir()
    for name in ("notes", "web"):
        with pytest.raises(UsageError, match="choose another folder"):
            export(built[1], Folder(str(tmp_path / name)))
    assert [p.name for p in (tmp_path / "notes").iterdir()] == ["mine.txt"]
    assert check_out(Folder(str(tmp_path / "empty"))) == {}
    monkeypatch.setenv("RECTO_HOME", str(tmp_path / "store"))
    with pytest.raises(UsageError, match="the store itself"):
        check_out(Folder(f"{tmp_path}/store/"))


def test_the_same_command_twice_deals_from_the_same_ledger(
    built: tuple[Path, StageRef], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECTO_HOME", str(built[0]))
    out = Folder(str(tmp_path / "out"))
    assert previous_ledger(out, "base") == ""
    export(built[1], out, split_base="base", split_previous="")
    assert previous_ledger(out, "base") == ""
    other = previous_ledger(out, "another base")
    assert read_ledger(Folder(str(built[0])) / "ledgers" / other) == read_ledger(out)


def _shards(ref: StageRef) -> dict[str, str]:
    return {name: value for name, value in content(ref.uri).items() if name.startswith("data/")}
