"""A dataset on the Hub: what goes up and what may not, what a kill leaves, and what readers find."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from dataset_pages import content, documents, draw, published
from doubles.hub import Blob
from doubles.on_hub import OnHub
from killed_upload import upload_until_killed

from tasks.config import SplitConfig, UploadConfig
from tasks.dataset.licences import publishable_stage
from tasks.dataset.publish import dataset_at, export, previous_ledger
from tasks.dataset.upload import ledger_on_hub, upload_dataset
from tasks.licences import may_publish
from tasks.records import DatasetRef, StageError, StageRef, UsageError
from tasks.render_config import Config
from tasks.store import Folder, read_documents
from tasks.train.pages import choose_pages, read_images
from tasks.train_config import PagesConfig

NAME = "me/pages"
TO = UploadConfig(dataset=NAME)


@pytest.fixture
def dataset(built: tuple[Path, StageRef], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DatasetRef:
    monkeypatch.setenv("RECTO_HOME", str(built[0]))
    return export(built[1], Folder(str(tmp_path / "out")))


def held(on_hub: OnHub) -> dict[str, bytes]:
    return {name: blob.data for name, blob in on_hub.hub.repositories["dataset", NAME].files.items()}


def without_two(dataset: DatasetRef, before: StageRef) -> DatasetRef:
    """The dataset rebuilt without two of its documents, with the same ledger."""
    out = Folder(dataset.uri)
    ledger = previous_ledger(out, "other base")
    return export(published(documents(6), ledger=ledger, previous=before.uri), out)


def test_what_goes_up_is_the_folder(dataset: DatasetRef, on_hub: OnHub) -> None:
    uploaded = upload_dataset(TO, dataset)
    there, folder = held(on_hub), Path(dataset.uri)
    names = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    assert there.keys() == names | {".gitattributes"}
    for name in names - {"README.md", "manifest.json"}:
        assert there[name] == (folder / name).read_bytes(), name
    assert f'load_dataset("{NAME}"' in there["README.md"].decode()
    assert json.loads(there["manifest.json"])["content"] == dataset.digest
    assert on_hub.hub.repositories["dataset", NAME].private
    assert (uploaded.tag, uploaded.changed) == ("v1", True)


def test_the_same_content_made_elsewhere_is_no_commit(
    dataset: DatasetRef, on_hub: OnHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = upload_dataset(TO, dataset)
    monkeypatch.setenv("RECTO_HOME", str(tmp_path / "elsewhere"))
    other = export(published(documents()), Folder(str(tmp_path / "other")), split_base="another run")
    manifests = [Path(uri, "manifest.json").read_bytes() for uri in (dataset.uri, other.uri)]
    assert manifests[0] != manifests[1]
    again = upload_dataset(TO, other)
    assert (again.revision, again.changed) == (first.revision, False)


def test_a_new_version_sends_what_is_new_and_deletes_what_is_stale(
    dataset: DatasetRef, on_hub: OnHub, built: tuple[Path, StageRef]
) -> None:
    upload_dataset(TO, dataset)
    before = held(on_hub)
    changed = without_two(dataset, built[1])
    on_hub.service.calls.clear()
    assert upload_dataset(TO, changed).tag == "v2"
    after = held(on_hub)
    assert after.keys() == set(content(dataset.uri)) | {".gitattributes"}
    assert len([name for name in before if name.startswith("pdf/")]) == 8
    assert len([name for name in after if name.startswith("pdf/")]) == 6
    sent = [call for call in on_hub.service.calls if call.method == "PUT"]
    large = {data for name, data in after.items() if name.endswith((".parquet", ".pdf"))} - set(before.values())
    assert len(sent) == len(large) > 0


@pytest.mark.parametrize(("method", "part", "spare"), [("PUT", "/lfs/", 3), ("POST", "/tag/", 0)])
def test_a_killed_upload_goes_on_and_ends_with_the_same_bytes(
    method: str, part: str, spare: int, dataset: DatasetRef, on_hub: OnHub
) -> None:
    upload_until_killed(on_hub, NAME, dataset.uri, dataset.digest, method, part, spare)
    repository = on_hub.hub.repositories["dataset", NAME]
    assert len(repository.commits) == (2 if part == "/tag/" else 1), "a reader sees all of a version, or none of it"
    assert upload_dataset(TO, dataset).tag == "v1"
    assert len(repository.commits) == 2
    assert repository.tags == {"v1": repository.head}
    assert len(on_hub.hub.received) == len(on_hub.hub.lfs), "a file that had arrived was sent again"
    folder = Path(dataset.uri)
    assert {name: data for name, data in held(on_hub).items() if name.startswith(("data/", "pdf/"))} == {
        name: (folder / name).read_bytes() for name in content(folder) if name.startswith(("data/", "pdf/"))
    }


def test_training_reads_the_pages_from_the_hub(dataset: DatasetRef, on_hub: OnHub) -> None:
    uploaded = upload_dataset(TO, dataset)
    there = dataset_at(f"{NAME}@v1")
    assert there.uri == uploaded.reference
    assert (there.digest, there.counts["train"]) == (dataset.digest, dataset_at(dataset.uri).counts["train"])
    suits = PagesConfig(languages=(), max_label_chars=10_000, tables=True)
    found, local = (choose_pages(ref, "train", suits) for ref in (there, dataset))
    assert found == local
    assert read_images(there, found) == read_images(dataset, local)


def test_a_branch_that_moved_is_another_input(dataset: DatasetRef, on_hub: OnHub, built: tuple[Path, StageRef]) -> None:
    upload_dataset(TO, dataset)
    before = dataset_at(f"{NAME}@main")
    upload_dataset(TO, without_two(dataset, built[1]))
    after = dataset_at(f"{NAME}@main")
    assert before.uri != after.uri
    assert before.digest != after.digest
    assert dataset_at(f"{NAME}@v1") == before
    with pytest.raises(UsageError, match=r"me/pages@v7: not on the Hub"):
        dataset_at(f"{NAME}@v7")


def test_a_dataset_that_recto_did_not_make_is_known_by_its_commit(on_hub: OnHub) -> None:
    repository = on_hub.hub.create("dataset", NAME)
    assert dataset_at(f"{NAME}@main").uri == f"{NAME}@{repository.head}"
    before = dataset_at(f"{NAME}@main")
    repository.commit({**repository.files, "data/train-0.parquet": Blob(b"rows", lfs=True)})
    assert dataset_at(f"{NAME}@main").digest != before.digest


def test_a_family_never_moves_between_versions(
    dataset: DatasetRef, on_hub: OnHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ledger_on_hub(TO) == ""
    upload_dataset(TO, dataset)
    monkeypatch.setenv("RECTO_HOME", str(tmp_path / "elsewhere"))
    other = SplitConfig(test_share=0.25, test_pages=0, seed=5)
    afresh = export(published(documents(), split=other), Folder(str(tmp_path / "afresh")))
    with pytest.raises(
        StageError, match=r"me/pages: \d families of its ledger, such as family\d, are not where .*afresh"
    ):
        upload_dataset(TO, afresh)
    assert len(on_hub.hub.repositories["dataset", NAME].commits) == 2
    went_on = export(published(documents(), split=other, ledger=ledger_on_hub(TO)), Folder(str(tmp_path / "went-on")))
    assert not upload_dataset(TO, went_on).changed


def test_a_licence_that_forbids_it_stops_the_upload(
    on_hub: OnHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECTO_HOME", str(tmp_path / "home"))
    docs = [replace(d, license="CC-BY-NC-ND-4.0") if d.doc_id == "doc03" else d for d in documents()]
    closed = export(published(docs), Folder(str(tmp_path / "out")))
    with pytest.raises(StageError, match=r"1 of 8 documents may not be published, such as u3: CC-BY-NC-ND-4"):
        upload_dataset(TO, closed)
    assert not on_hub.service.calls


def test_documents_that_may_not_be_published_are_rejects_of_the_collection(home: Path) -> None:
    docs = [replace(d, license="NOASSERTION") if d.doc_id in ("doc01", "doc06") else d for d in documents()]
    collected = draw(docs)[0]
    left = publishable_stage(Config(), collected)
    assert [d.doc_id for d in read_documents(Folder(left.uri))] == [
        "doc00",
        "doc02",
        "doc03",
        "doc04",
        "doc05",
        "doc07",
    ]
    assert (left.counts["found"], left.counts["documents"], left.counts["rejected"]) == (9, 6, 3)
    rejects = Folder(left.uri).read_rejects()
    assert [(r["stage"], r["reason"], r["doc_id"]) for r in rejects[1:]] == [
        ("collect", "licence", "doc01"),
        ("collect", "licence", "doc06"),
    ]


@pytest.mark.parametrize(
    ("license", "allowed"),
    [
        ("MIT", True),
        ("CC-BY-SA-4.0", True),
        ("GPL-3.0-only OR MIT", True),
        ("MIT AND CC-BY-4.0", True),
        ("MIT AND CC-BY-NC-4.0", False),
        ("CC-BY-NC-ND-4.0", False),
        ("NOASSERTION", False),
        ("(GPL-2.0-only OR MIT OR X) AND CC-BY-NC-4.0", False),
        ("", False),
    ],
)
def test_the_list_of_licences_is_closed(license: str, allowed: bool) -> None:
    assert may_publish(license) is allowed
