"""Images on disk: drawn, from the Hub, and from a file of questions."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from doubles.hub import Blob
from doubles.on_hub import OnHub
from PIL import Image

from tasks.counting import data
from tasks.counting.data import ScenesConfig, read_scenes, scenes_stage
from tasks.counting.real import RealConfig, real_stage
from tasks.counting.scenes import draw_scene
from tasks.records import StageError, UsageError
from tasks.store import Folder


def png(colour: str) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (32, 24), colour).save(file, "PNG")
    return file.getvalue()


def test_scenes_are_what_is_drawn_and_datasets_reads_them(store: Path, tmp_path: Path) -> None:
    config = ScenesConfig(domain="shifted", images=5, first=3, size=96, counts=(1, 6), seed=4)
    ref = scenes_stage(config)
    examples = read_scenes(ref)
    assert ref.counts == {"images": 5, "objects": sum(e.count for e in examples)}
    for index, example in enumerate(examples, 3):
        scene = draw_scene(4, index, "shifted", 96, (1, 6))
        assert example.count == scene.count == len(example.objects)
        assert example.objects == tuple(map(str, scene.items))
        assert example.image.tobytes() == scene.image.tobytes()
    rows = datasets.load_dataset(ref.uri, split="train", cache_dir=str(tmp_path / "cache"))
    assert rows.column_names == ["image", "problem", "solution", "objects"]
    assert rows[2]["solution"] == f"<answer> {examples[2].count} </answer>"
    assert rows[2]["image"].tobytes() == examples[2].image.tobytes()


def test_a_stopped_drawing_goes_on(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, "ROWS_PER_FILE", 5)
    config = ScenesConfig(images=12, size=96, counts=(1, 6))
    drawn: list[int] = []

    def stop_at_seven(seed: int, index: int, *others: Any) -> Any:
        drawn.append(index)
        if index == 7 and drawn.count(7) == 1:
            raise KeyboardInterrupt
        return draw_scene(seed, index, *others)

    monkeypatch.setattr(data, "draw_scene", stop_at_seven)
    with pytest.raises(KeyboardInterrupt):
        scenes_stage(config)
    ref = scenes_stage(config)
    assert drawn.count(0) == 1
    assert len(read_scenes(ref)) == 12
    monkeypatch.setenv("RECTO_HOME", str(store.parent / "another"))
    assert [e.data for e in read_scenes(scenes_stage(config))] == [e.data for e in read_scenes(ref.uri)]


def questions(folder: Path, *entries: dict[str, Any]) -> str:
    """A file in the format of R1-V's superclevr_test200_counting_problems.jsonl."""
    (folder / "images").mkdir(exist_ok=True)
    (folder / "images" / "a.png").write_bytes(png("red"))
    (folder / "images" / "b.png").write_bytes(png("blue"))
    file = folder / "questions.jsonl"
    file.write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    return str(file)


def question(image: str, count: int) -> dict[str, Any]:
    asked = "How many different items are there in the image?"
    return {"image_path": f"./images/{image}", "question": asked, "ground_truth": count}


def test_a_file_of_questions(store: Path, tmp_path: Path) -> None:
    file = questions(tmp_path, question("a.png", 4), question("b.png", 10), question("a.png", 3))
    ref = real_stage(RealConfig(source=file))
    assert [e.count for e in read_scenes(ref)] == [4, 10, 3]
    assert read_scenes(ref)[1].image.getpixel((0, 0)) == (0, 0, 255)
    rows = Folder(ref.uri).read_table("data/train-00000.parquet").to_pylist()
    assert rows[0]["problem"] == "How many different items are there in the image?"
    part = real_stage(RealConfig(source=file, first=1, images=1))
    assert [e.count for e in read_scenes(part)] == [10]
    with pytest.raises(StageError, match="no image from number 3 on"):
        real_stage(RealConfig(source=file, first=3))


@pytest.mark.parametrize(
    ("entry", "error"),
    [
        ({"image_path": "./images/a.png"}, "line 1: no object"),
        ({**question("a.png", 4), "ground_truth": "many"}, "line 1: no object"),
        (question("../../secret.png", 4), "is not below"),
        (question("c.png", 4), "no image"),
        (question("../questions.jsonl", 4), "not a readable image"),
    ],
)
def test_what_a_file_of_questions_gets_wrong(store: Path, tmp_path: Path, entry: dict[str, Any], error: str) -> None:
    with pytest.raises((UsageError, StageError), match=error):
        real_stage(RealConfig(source=questions(tmp_path, entry)))


def test_no_such_source(store: Path) -> None:
    with pytest.raises(UsageError, match="clevr, superclevr or a readable"):
        real_stage(RealConfig(source="nowhere.jsonl"))


@pytest.fixture
def datasets_on_hub(on_hub: OnHub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> OnHub:
    """`datasets` keeps its own copy of the settings."""
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(datasets.config, "HF_ENDPOINT", on_hub.service.url)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "datasets")
    return on_hub


def parquet(rows: list[dict[str, Any]], schema: pa.Schema | None = None) -> Blob:
    file = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows, schema), file)
    return Blob(file.getvalue(), lfs=True)


def test_clevr_and_superclevr_of_the_hub(store: Path, datasets_on_hub: OnHub) -> None:
    image = {"bytes": png("red"), "path": "a.png"}
    clevr = [{"image": image, "problem": "How many?", "solution": f"<answer> {n} </answer>"} for n in (3, 8, 5)]
    vehicles = [{"image": image, "question": "How many?", "ground_truth": n, "image_id": "a"} for n in (4, 9)]
    text = datasets.Value("string")
    decoded = datasets.Features({"image": datasets.Image(), "problem": text, "solution": text}).arrow_schema
    for name, path, table in (
        ("leonardPKU/clevr_cogen_a_train", "data/train-00000-of-00001.parquet", parquet(clevr, decoded)),
        ("jigsaw-r1/super_clevr", "test.parquet", parquet(vehicles)),
    ):
        datasets_on_hub.hub.create("dataset", name).commit({path: table})
    assert [e.count for e in read_scenes(real_stage(RealConfig(source="clevr", first=1)))] == [8, 5]
    found = read_scenes(real_stage(RealConfig(source="superclevr", images=200)))
    assert [e.count for e in found] == [4, 9]
    assert found[0].image.size == (32, 24)


def test_without_network_there_is_one_clear_error(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    with pytest.raises(StageError, match=r"clevr_cogen_a_train: cannot be read from the Hub .* take drawn scenes"):
        real_stage(RealConfig(source="clevr"))
