"""The pages of a dataset that train or test a model: which ones, and in what order.

Both follow from the pages' names alone, so neither the order of the rows in the dataset's files nor any state of a
random generator can change what a run sees.
"""

from __future__ import annotations

import io
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import fsspec
import pyarrow.parquet as pq

from tasks.dataset.reading import dataset_folder, rows_at
from tasks.records import DatasetRef, StageError, StageRef, digest
from tasks.train_config import PagesConfig

COLUMNS = ["doc_id", "page_num", "markdown", "language", "family", "features"]


@dataclass(frozen=True, slots=True)
class DatasetPage:
    """A page of a dataset, its image left where it is: row `row` of the file `file`."""

    doc_id: str
    page_num: int
    markdown: str
    language: str
    family: str
    features: tuple[str, ...]
    file: str = field(repr=False)
    row: int = field(repr=False)


def choose_pages(
    dataset: StageRef | DatasetRef, split: str, config: PagesConfig, at_least: int = 1
) -> list[DatasetPage]:
    """The pages of a split that fit the configuration, by doc_id and page_num.

    Raises StageError, naming how many were left out and why, where fewer than `at_least` fit.
    """
    folder = dataset_folder(dataset.uri)
    pages: list[DatasetPage] = []
    unfit: Counter[str] = Counter()
    for name in folder.names(f"data/{split}-*.parquet"):
        with fsspec.open(f"{folder.uri.rstrip('/')}/{name}", "rb") as file:
            rows = pq.read_table(file, columns=COLUMNS).to_pylist()
        for number, row in enumerate(rows):
            page = DatasetPage(**{**row, "features": tuple(row["features"])}, file=name, row=number)
            if problem := _problem(page, config):
                unfit[problem] += 1
            else:
                pages.append(page)
    if len(pages) < at_least:
        reasons = "".join(f", {n} {reason}" for reason, n in sorted(unfit.items())) or ", the split has no more"
        raise StageError(
            f"{dataset.uri}: {len(pages)} of {len(pages) + unfit.total()} {split} pages fit, {at_least} are needed"
            f"{reasons}; widen [pages] of the run, or build the dataset from more documents"
        )
    return sorted(pages, key=lambda page: (page.doc_id, page.page_num))


def _problem(page: DatasetPage, config: PagesConfig) -> str:
    if config.languages and page.language not in config.languages:
        return "in other languages"
    if len(page.markdown) < config.min_label_chars:
        return f"with labels under {config.min_label_chars} characters"
    if len(page.markdown) > config.max_label_chars:
        return f"with labels over {config.max_label_chars} characters"
    return "with tables" if "table" in page.features and not config.tables else ""


def read_images(dataset: StageRef | DatasetRef, pages: Iterable[DatasetPage]) -> dict[DatasetPage, bytes]:
    """The encoded images of the pages; only the row groups that hold them are read."""
    folder = dataset_folder(dataset.uri)
    wanted: dict[str, dict[int, DatasetPage]] = defaultdict(dict)
    for page in pages:
        wanted[page.file][page.row] = page
    return {wanted[name][row]: found["image"]["bytes"] for name, row, found in rows_at(folder, wanted, ["image"])}


def image_sizes(images: Mapping[DatasetPage, bytes]) -> set[tuple[int, int]]:
    """The different sizes (width, height) of encoded images."""
    from PIL import Image

    return {Image.open(io.BytesIO(image)).size for image in images.values()}


def draw(pages: Sequence[DatasetPage], count: int, *salt: str) -> list[DatasetPage]:
    """`count` pages: epoch after epoch, every epoch in an order of its own."""
    drawn: list[DatasetPage] = []
    for epoch in range(-(-count // len(pages))):
        drawn += sorted(pages, key=lambda page: digest(*salt, str(epoch), page.doc_id, str(page.page_num)))
    return drawn[:count]


def trainer_dataset(
    images: Mapping[DatasetPage, bytes], order: Sequence[DatasetPage], **columns: Callable[[DatasetPage], Any]
) -> Any:
    """A `datasets.Dataset` of the pages in this order: `images` (one a row, RGB) and what `columns` make of a page."""
    from datasets import Dataset, Features, Image, List

    place = {page: position for position, page in enumerate(images)}
    rows = Dataset.from_dict(
        {"images": [[{"bytes": image, "path": None}] for image in images.values()]},
        features=Features({"images": List(Image(mode="RGB"))}),
    )
    for name, of in columns.items():
        rows = rows.add_column(name, [of(page) for page in images])
    return rows.select([place[page] for page in order])
