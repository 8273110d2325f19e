"""The pages that every system is asked to read: held out, suitable, spread over families."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from tasks.config import EvaluateRun
from tasks.model.load import trained_families
from tasks.records import StageError, StageRef, digest
from tasks.train.pages import DatasetPage, choose_pages, dataset_folder, read_images


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Pages in the order chosen, with their encoded images and sources. `suited` pages were there to choose from."""

    pages: Sequence[DatasetPage]
    images: Sequence[bytes]
    sources: Sequence[str]
    suited: int


def unseen_pages(dataset: StageRef, config: EvaluateRun) -> list[DatasetPage]:
    """The test pages that fit [pages], those of families that the base model has seen left out.

    Raises StageError where none is left.
    """
    suited = choose_pages(dataset, "test", config.pages)
    seen = trained_families(config.model.base)
    unseen = [page for page in suited if page.family not in seen]
    if not unseen:
        raise StageError(
            f"{dataset.uri}: {config.model.base} was trained on every family among the {len(suited)} test pages"
        )
    return unseen


def held_out(dataset: StageRef, config: EvaluateRun) -> HeldOut:
    """Choose test pages and read their images. Raises StageError where there is none to choose."""
    unseen = unseen_pages(dataset, config)
    pages = spread(unseen, config.evaluate.pages, config.evaluate.seed)
    images = read_images(dataset, pages)
    folder = dataset_folder(dataset.uri)
    sources: dict[str, str] = {}
    for file in {page.file for page in pages}:
        table = folder.read_table(file, columns=["doc_id", "source"])
        sources |= dict(zip(table["doc_id"].to_pylist(), table["source"].to_pylist(), strict=True))
    return HeldOut(pages, [images[page] for page in pages], [sources[page.doc_id] for page in pages], len(unseen))


def spread(pages: Sequence[DatasetPage], limit: int, seed: int = 0) -> list[DatasetPage]:
    """Up to `limit` pages, one of each family in turn; families and the pages within one in the order of a digest.

    The order depends on the pages' names alone, and the choice for a smaller limit is a beginning of it.
    """
    families: dict[str, list[DatasetPage]] = defaultdict(list)
    for page in sorted(pages, key=lambda p: digest("evaluate", str(seed), p.doc_id, str(p.page_num))):
        families[page.family].append(page)
    order = sorted(families, key=lambda family: digest("evaluate", str(seed), family))
    deepest = max(map(len, families.values()), default=0)
    turns = (families[f][i] for i in range(deepest) for f in order if i < len(families[f]))
    return [page for page, _ in zip(turns, range(limit), strict=False)]
