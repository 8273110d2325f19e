"""Rendered pages for the bootstrap's last phase, and held-out ones to measure on, from what a fresh clone has."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from tasks.collect.intake import Intake
from tasks.collect.snapshot import fetcher_for
from tasks.collect.source import Original
from tasks.collect.sources.corpus import CORPUS, Source
from tasks.config import RUNS, CollectConfig, load_run
from tasks.markdown import Node, parse, visible_text
from tasks.records import Document, digest
from tasks.render_config import RenderConfig
from tasks.train.bootstrap_data import DEMO_DRAWING, Drawing, Page
from tasks.train.bootstrap_text import CHARACTERS, is_share_alike, package_descriptions


def clone_documents(corpus: Path = CORPUS, language: str = "en") -> list[Document]:
    """The documents of the embedded corpus in a language, cleaned; in English also the installed packages' own."""
    config = CollectConfig(max_chars=6000)
    embedded, packages = Intake(config), Intake(config)
    for text in Source(root=corpus).read(fetcher_for(config), config):
        embedded.take(text)
    for package, markdown in package_descriptions() if language == "en" else ():
        doc_id = digest("package", package)
        packages.take(Original(markdown.encode(), package, doc_id, source="package", family=package, language="en"))
    found = [d for d in embedded.documents if d.language == language and not is_share_alike(d.license)]
    return found + packages.documents


def small_page() -> RenderConfig:
    """How the demo draws the pages it trains on."""
    small = load_run(RUNS / "demo.toml").small
    assert small is not None
    return small


def _has_table(node: Node) -> bool:
    return node.kind == "Table" or any(map(_has_table, node.children))


def suits(markdown: str, longest: int = 200) -> bool:
    """Whether the reader can be asked for this page: its characters only, no table, 4 to `longest` of them."""
    text = visible_text(markdown)
    return (
        4 <= len(text) <= longest and CHARACTERS.issuperset("".join(text.split())) and not _has_table(parse(markdown))
    )


def draw_pages(
    documents: Iterable[Document],
    wanted: Callable[[str], bool],
    seed: int = 0,
    drawing: Drawing = DEMO_DRAWING,
    fits: Callable[[str], bool] = suits,
) -> Iterator[Page]:
    """(PNG, Markdown) of the good pages of the families that are wanted, document after document.

    Another `seed` draws the same documents in other fonts, sizes and margins, so cut into other pages.
    """
    from tasks.render.document import render_document

    drawn = {"seed": seed, "height": drawing.height, "max_chars": drawing.max_chars}
    config = small_page().model_copy(update=drawn)
    for document in documents:
        if wanted(document.family):
            for page in render_document(document, config).pages:
                if page.reject is None and fits(page.markdown):
                    yield page.image, page.markdown


def write_pages(pages: Iterable[Page], path: Path) -> int:
    """Write a parquet file with the columns `image` and `markdown`; return the number of pages."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    images, markdowns = zip(*pages, strict=True)
    pq.write_table(pa.table({"image": list(images), "markdown": list(markdowns)}), path)
    return len(images)


def read_pages(path: Path) -> list[Page]:
    """(PNG, Markdown) pairs of a parquet file's columns `image` and `markdown`."""
    import pyarrow.parquet as pq

    table = pq.read_table(path, columns=["image", "markdown"])
    return list(zip(table["image"].to_pylist(), table["markdown"].to_pylist(), strict=True))
