"""The published folder: what `datasets` reads, what a change rewrites, and what a kill leaves."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from dataset_pages import LOOK, content, documents, draw, published

from tasks.dataset.publish import export, publish_stage
from tasks.dataset.shards import Part, dataset_schema
from tasks.dataset.split import keep_ledger, read_ledger
from tasks.markdown import visible_text
from tasks.records import StageRef
from tasks.store import Folder, finished, read_documents


def shards(ref: StageRef) -> dict[str, str]:
    return {name: value for name, value in content(ref.uri).items() if name.startswith("data/")}


def page_rows(ref: StageRef | str) -> list[dict[str, Any]]:
    folder = Folder(ref if isinstance(ref, str) else ref.uri)
    return [row for name in folder.names("data/*") for row in folder.read_table(name).to_pylist()]


def test_datasets_reads_both_splits(built: tuple[Path, StageRef], tmp_path: Path) -> None:
    from datasets import load_dataset

    out = Folder(str(tmp_path / "out"))
    export(built[1], out)
    data = load_dataset(out.uri, cache_dir=str(tmp_path / "cache"))
    assert {split: len(pages) for split, pages in data.items()} == {k: built[1].counts[k] for k in ("train", "test")}
    assert data["train"].features.arrow_schema.equals(dataset_schema())
    families = {split: set(pages["family"]) for split, pages in data.items()}
    assert families["train"].isdisjoint(families["test"])
    sources = {d.doc_id: d for d in read_documents(out)}
    for row in [*data["train"], *data["test"]]:
        assert row["image"].size == (113, 60)  # 300 x 160 CSS px at 36 dpi
        assert row["image"].getextrema()[0][0] < 200 < row["image"].getextrema()[0][1]
        document = sources[row["doc_id"]]
        assert (row["language"], row["family"], row["license"]) == (
            document.language,
            document.family,
            document.license,
        )
        piece = document.markdown[row["page_start_char"] : row["page_end_char"]]
        assert "".join(visible_text(row["markdown"]).split())[-20:] in "".join(visible_text(piece).split())
        assert row["agreement"] >= LOOK.min_agreement
        assert json.loads(row["style"])["width"] == LOOK.width
    streamed = load_dataset(out.uri, split="test", streaming=True)
    assert [r["markdown"] for r in streamed] == data["test"]["markdown"]


def test_a_document_is_in_one_shard(built: tuple[Path, StageRef]) -> None:
    folder = Folder(built[1].uri)
    found: dict[str, set[str]] = {}
    for name in folder.names("data/*"):
        for row in folder.read_table(name, ["doc_id"]).to_pylist():
            found.setdefault(row["doc_id"], set()).add(name.partition("-")[2])
    assert len(found) == 8
    assert all(len(names) == 1 for names in found.values())


def test_one_changed_document_rewrites_its_shard_only(
    built: tuple[Path, StageRef], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECTO_HOME", str(built[0]))
    before = built[1]
    docs = documents()
    changed = [replace(d, markdown=d.markdown + "\nOne more line.\n") if d.doc_id == "doc03" else d for d in docs]
    ledger = keep_ledger(read_ledger(Folder(before.uri)))
    after = published(changed, ledger=ledger, previous=before.uri)
    old, new = shards(before), shards(after)
    assert set(old) == set(new)
    touched = {name for name in old if old[name] != new[name]}
    holding = {n for n in old if any(r["doc_id"] == "doc03" for r in Folder(before.uri).read_table(n).to_pylist())}
    assert touched == holding
    assert len(holding) == 1


def test_unchanged_shards_are_copied_not_made_again(
    built: tuple[Path, StageRef], monkeypatch: pytest.MonkeyPatch
) -> None:
    import tasks.dataset.publish as publishing

    monkeypatch.setenv("RECTO_HOME", str(built[0]))
    made = []
    real = publishing.write_shard

    def counting(path: Path, parts: list[Part]) -> None:
        made.append({part.doc_id for part in parts})
        real(path, parts)

    monkeypatch.setattr(publishing, "write_shard", counting)
    docs = documents()
    docs[5] = replace(docs[5], markdown=docs[5].markdown + "\nOne more line.\n")
    ledger = keep_ledger(read_ledger(Folder(built[1].uri)))
    after = published(docs, ledger=ledger, previous=built[1].uri)
    assert len(made) == 1
    assert docs[5].doc_id in made[0]
    again = publish_stage.folder("nothing")
    assert finished(again) is None
    assert shards(after) == shards(published(docs, ledger=ledger, previous=again.uri))


def test_a_changed_licence_rewrites_the_shard(built: tuple[Path, StageRef], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECTO_HOME", str(built[0]))
    docs = documents()
    docs[2] = replace(docs[2], license="CC-BY-4.0")
    ledger = keep_ledger(read_ledger(Folder(built[1].uri)))
    after = published(docs, ledger=ledger, previous=built[1].uri)
    assert {r["license"] for r in page_rows(after) if r["doc_id"] == "doc02"} == {"CC-BY-4.0"}


def test_a_new_document_moves_no_old_one(built: tuple[Path, StageRef], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECTO_HOME", str(built[0]))
    ledger = keep_ledger(read_ledger(Folder(built[1].uri)))
    after = published(documents(12), ledger=ledger, previous=built[1].uri)
    sides = []
    for ref in (built[1], after):
        folder = Folder(ref.uri)
        names = folder.names("data/*")
        sides.append(
            {r["family"]: n.split("-")[0] for n in names for r in folder.read_table(n, ["family"]).to_pylist()}
        )
    assert len(sides[1]) > len(sides[0])
    assert {f: sides[1][f] for f in sides[0]} == sides[0]


def test_the_card_says_what_the_data_holds(built: tuple[Path, StageRef]) -> None:
    folder = Folder(built[1].uri)
    text = folder.read("README.md").decode()
    _, front, body = text.split("---\n", 2)
    head = yaml.safe_load(front)
    rows = page_rows(built[1])
    assert set(head["language"]) == {r["language"] for r in rows}
    assert head["size_categories"] == ["n<1K"]
    (config,) = head["configs"]
    assert [f["split"] for f in config["data_files"]] == ["train", "test"]
    assert body.lstrip().startswith("# recto-pages\n")
    assert f"{len(rows)} page images" in body
    lines = [[c.strip() for c in line.split("|")] for line in body.splitlines()]
    table = {cells[1]: cells[2:-1] for cells in reversed(lines) if len(cells) > 3}  # the split is the first table
    for split in ("train", "test"):
        held = [r for n in folder.names(f"data/{split}-*") for r in folder.read_table(n, ["family"]).to_pylist()]
        assert table[split] == [str(len(held)), str(len({r["family"] for r in held}))]
    languages = Counter(r["language"] for r in rows)
    assert {name: int(table[name][0]) for name in languages} == dict(languages)
    features = Counter(f for r in rows for f in r["features"])
    assert {name: int(table[name][0]) for name in features} == dict(features)
    assert table["file rejected: too_short"] == ["1"]
    assert table["documents"] == ["8"]
    assert table["test"][0] != "0"
    dropped = Counter(r["reason"] for r in folder.read_rejects() if r["stage"] != "collect")
    funnel = int(table["pages rendered"][0]) - dropped.total()
    assert funnel == int(table["pages published"][0]) == len(rows)


def test_an_empty_side_is_still_a_dataset(tmp_path: Path, home: Path) -> None:
    from datasets import load_dataset

    ref = published(documents(1), shards=2)
    export(ref, Folder(str(tmp_path / "out")))
    assert ref.counts["test"] == 0
    data = load_dataset(str(tmp_path / "out"), cache_dir=str(tmp_path / "cache"))
    assert {split: len(pages) for split, pages in data.items()} == {"train": ref.counts["train"]}
    assert len(Folder(ref.uri).names("data/*")) == 1


def test_a_dataset_of_nothing_is_published(tmp_path: Path, home: Path) -> None:
    docs = [replace(documents(1)[0], markdown="---\n")]
    collected, rendered = draw(docs)
    assert rendered.counts["kept"] == 0
    ref = published(docs)
    assert (ref.counts["train"], ref.counts["test"]) == (0, 0)
    assert collected.counts["documents"] == 1
