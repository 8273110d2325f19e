"""The held-out stage: the test pages that every system is asked to read, spread over families."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from importlib.metadata import version

import pyarrow as pa

from tasks.config import HeldOutRun
from tasks.dataset.reading import dataset_folder
from tasks.evaluate.page_set import PageInput, SetPage, write_page_set
from tasks.evaluate.pdf_pages import one_page
from tasks.records import StageError, StageRef, digest
from tasks.stage import Counts, Stage
from tasks.store import Folder
from tasks.train.pages import DatasetPage, choose_pages, read_images

READ_AT_ONCE = 64  # pages whose images are in memory


def unseen_pages(dataset: StageRef, config: HeldOutRun) -> list[DatasetPage]:
    """The test pages that fit the selection, those of families `without` left out.

    Raises StageError where none is left.
    """
    suited = choose_pages(dataset, "test", config.selection)
    unseen = [page for page in suited if page.family not in config.without]
    if not unseen:
        raise StageError(
            f"{dataset.uri}: what is evaluated was trained on every family of the {len(suited)} test pages"
        )
    return unseen


def held_out_families(dataset: StageRef) -> frozenset[str]:
    """The families of a dataset's test split."""
    published = dataset_folder(dataset.uri)
    tables = [published.read_table(name, columns=["family"]) for name in published.names("data/test-*.parquet")]
    return frozenset(family for table in tables for family in table["family"].to_pylist())


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


def _held_out(folder: Folder, config: HeldOutRun, dataset: StageRef) -> Counts:
    """Write pages.parquet from the test pages of a published dataset. Raises StageError where none is left."""
    unseen = unseen_pages(dataset, config)
    chosen = spread(unseen, config.skip + config.pages, config.seed)[config.skip :]
    if not chosen:
        raise StageError(f"{dataset.uri}: {len(unseen)} held-out pages suit, and the first {config.skip} are left out")
    write_page_set(folder, _with_inputs(dataset, chosen))
    languages = Counter(page.language for page in chosen)
    return {
        "suited pages": len(unseen),
        "pages": len(chosen),
        "families": len({page.family for page in chosen}),
        **{f"pages {language}": n for language, n in sorted(languages.items())},
    }


def _with_inputs(dataset: StageRef, pages: Sequence[DatasetPage]) -> Iterator[tuple[SetPage, PageInput]]:
    published = dataset_folder(dataset.uri)
    sources = _sources(published, pages)
    pdfs = _single_pages(published, pages)
    for first in range(0, len(pages), READ_AT_ONCE):
        part = pages[first : first + READ_AT_ONCE]
        images = read_images(dataset, part)
        for page in part:
            page_id = f"{page.doc_id}-{page.page_num:04d}"
            known = SetPage(
                page_id,
                page.doc_id,
                page.page_num,
                page.family,
                page.language,
                sources[page.doc_id],
                page.features,
                page.markdown,
            )
            yield known, PageInput(page_id, page.language, images[page], pdfs.get(page))


def _sources(published: Folder, pages: Sequence[DatasetPage]) -> dict[str, str]:
    """Document -> its source."""
    tables = [published.read_table(file, columns=["doc_id", "source"]) for file in sorted({p.file for p in pages})]
    table = pa.concat_tables(tables)
    return dict(zip(table["doc_id"].to_pylist(), table["source"].to_pylist(), strict=True))


def _single_pages(published: Folder, pages: Sequence[DatasetPage]) -> dict[DatasetPage, bytes]:
    """The pages whose document has a PDF, each as a PDF of its own."""
    import pymupdf

    documents: dict[str, list[DatasetPage]] = defaultdict(list)
    for page in pages:
        documents[f"pdf/{page.doc_id}.pdf"].append(page)
    single: dict[DatasetPage, bytes] = {}
    for name in sorted(documents.keys() & set(published.names("pdf/*.pdf"))):
        with pymupdf.open(stream=published.read(name), filetype="pdf") as document:
            single |= {page: one_page(document, page.page_num) for page in documents[name]}
    return single


def _environment(config: HeldOutRun) -> str:
    return f"pymupdf {version('pymupdf')}"


held_out_stage = Stage("held-out", 1, _held_out, _environment)
held_out = held_out_stage.task(retries=1, retry_delay_seconds=5)
