from __future__ import annotations

import random
from pathlib import Path

import pytest
from training_pages import page, write_dataset

from tasks.dataset.reading import dataset_folder
from tasks.records import StageError, StageRef
from tasks.train.pages import choose_pages, draw, image_sizes, read_images, trainer_dataset
from tasks.train_config import PagesConfig


def test_pages_that_fit(tmp_path: Path) -> None:
    rows = [
        page(0, "12345678"),
        page(1, "1234567"),
        page(2, "x" * 21),
        page(3, "| a |\n| --- |\n", features=["table"]),
        page(4, "12345678", language="ja"),
    ]
    dataset = write_dataset(tmp_path, rows)
    config = PagesConfig(min_label_chars=8, max_label_chars=20)

    def chosen(**changes: object) -> list[tuple[str, int]]:
        pages = choose_pages(dataset, "train", config.model_copy(update=changes))
        return [(p.doc_id, p.page_num) for p in pages]

    assert chosen() == [("doc0", 0)]
    assert chosen(languages=("ja",)) == [("doc1", 1)]
    assert chosen(languages=()) == [("doc0", 0), ("doc1", 1)]
    assert chosen(tables=True) == [("doc0", 0), ("doc1", 0)]
    assert chosen(min_label_chars=7) == [("doc0", 0), ("doc0", 1)]
    assert chosen(max_label_chars=21) == [("doc0", 0), ("doc0", 2)]


def test_too_few_pages_are_an_error_with_numbers(tmp_path: Path) -> None:
    dataset = write_dataset(tmp_path, [page(0), page(1, "x" * 999), page(2, language="ja")])
    with pytest.raises(StageError, match=r"1 of 3 train pages fit, 2 are needed, 1 in other languages, 1 with"):
        choose_pages(dataset, "train", PagesConfig(), at_least=2)
    with pytest.raises(StageError, match="0 of 0 test pages fit"):
        choose_pages(dataset, "test", PagesConfig())


def test_only_the_split_is_read(tmp_path: Path) -> None:
    write_dataset(tmp_path, [page(0)])
    dataset = write_dataset(tmp_path, [page(1)], split="test")
    assert [p.page_num for p in choose_pages(dataset, "train", PagesConfig())] == [0]


def test_the_order_of_rows_and_files_does_not_matter(tmp_path: Path) -> None:
    rows = [page(i) for i in range(12)]
    shuffled = random.Random(1).sample(rows, len(rows))
    orders = []
    for name, some, shards in (("a", rows, 2), ("b", shuffled, 3)):
        dataset = write_dataset(tmp_path / name, some, shards)
        pages = draw(choose_pages(dataset, "train", PagesConfig()), 30, "sft", "0")
        images = read_images(dataset, pages)
        orders.append([(p.doc_id, p.page_num, images[p]) for p in pages])
    assert orders[0] == orders[1]


def test_every_epoch_has_every_page_in_an_order_of_its_own(dataset: StageRef) -> None:
    pages = choose_pages(dataset, "train", PagesConfig())
    drawn = draw(pages, 30, "sft", "0")
    first, second = drawn[:12], drawn[12:24]
    assert len(drawn) == 30
    assert set(first) == set(second) == set(pages)
    assert first != second
    assert first != draw(pages, 12, "sft", "1")
    assert first != draw(pages, 12, "grpo", "0")
    assert drawn[:5] == draw(pages, 5, "sft", "0")


def test_images_are_those_of_the_pages(tmp_path: Path) -> None:
    rows = [page(i) for i in range(11)]
    dataset = write_dataset(tmp_path, rows, shards=1)  # row groups of 3
    pages = choose_pages(dataset, "train", PagesConfig())
    images = read_images(dataset, pages[1::3])
    assert len(images) == 4
    of = {(row["doc_id"], row["page_num"]): row for row in rows}
    for chosen, image in images.items():
        row = of[chosen.doc_id, chosen.page_num]
        assert (image, chosen.markdown) == (row["image"]["bytes"], row["markdown"])
    assert image_sizes(images) == {(64, 32)}


def test_a_trainers_rows(dataset: StageRef) -> None:
    pages = choose_pages(dataset, "train", PagesConfig())
    order = [pages[3], pages[0], pages[3]]
    rows = trainer_dataset(read_images(dataset, order), order, label=lambda p: p.markdown)
    assert [row["label"] for row in rows] == [p.markdown for p in order]
    assert [image.mode for row in rows for image in row["images"]] == ["RGB"] * 3
    assert rows[0]["images"][0].tobytes() == rows[2]["images"][0].tobytes() != rows[1]["images"][0].tobytes()


def test_where_a_dataset_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert dataset_folder("me/pages@v1").uri == "hf://datasets/me/pages@v1"
    assert dataset_folder("/some/where").uri == "/some/where"
    assert dataset_folder("s3://bucket/pages").uri == "s3://bucket/pages"
    monkeypatch.chdir(tmp_path)
    (tmp_path / "me" / "pages@v1").mkdir(parents=True)
    assert dataset_folder("me/pages@v1").uri == "me/pages@v1"
