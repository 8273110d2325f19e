"""A store and a dataset in an S3 bucket."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest
from dataset_pages import content, documents, published

from tasks.dataset.publish import dataset_at, export
from tasks.records import StageRef
from tasks.store import MANIFEST, Folder
from tasks.train.pages import choose_pages, read_images
from tasks.train_config import PagesConfig


def test_a_dataset_in_a_bucket_holds_the_same_bytes(
    built: tuple[Path, StageRef], s3: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    local = built[1]
    bucket = f"{s3}/{uuid.uuid4().hex}"
    monkeypatch.setenv("RECTO_HOME", f"{bucket}/home")
    stored = published(documents())
    out = Folder(f"{bucket}/out")
    assert export(stored, out) == export(stored, out)
    assert dataset_at(out.uri).digest == dataset_at(local.uri).digest
    assert published(documents()).reused
    out.pull(tmp_path / "copy")
    given = content(tmp_path / "copy")
    assert given.pop(MANIFEST)
    assert given.items() <= content(local.uri).items()
    pages = choose_pages(dataset_at(out.uri), "train", PagesConfig(max_label_chars=10_000, tables=True))
    images = read_images(dataset_at(out.uri), pages)
    assert images == read_images(dataset_at(local.uri), pages)
    assert len(images) == len(pages) > 0
