"""Damaged documents through the whole local path, file to page: none is lost, hangs, or is labelled wrongly."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from pathlib import Path

import pytest
from mutated_documents import mutated_document
from render_pages import as_drawn, lay_document, small_page, visible

from tasks.collect import collect
from tasks.config import CollectConfig
from tasks.records import Document, Reason, Reject
from tasks.render.cache import PageFile
from tasks.render.pool import draw, draw_all
from tasks.render_config import RenderConfig
from tasks.store import Folder

_RICH = {"header": 1.0, "footer": 1.0, "code_themes": ("default",)}
LAYOUTS = (
    small_page(420, 300),
    small_page(480, 640, margins=(40, 44), look={**_RICH, "columns": (1,), "hyphenate": 1.0}),
    small_page(560, 500, margins=(40, 44), font_sizes=(9,), look={**_RICH, "columns": (2,), "justify": 1.0}),
    RenderConfig.model_validate({"dpi": 36, "look": {"papers": ("A4",), "justify": 0}, "scan": {"share": 0.5}}),
    RenderConfig.model_validate({"dpi": 36, "look": {"papers": ("A5", "card")}, "links": "text"}),
)


def layout(document: Document) -> RenderConfig:
    return random.Random(document.doc_id).choice(LAYOUTS)


def examine(document: Document, _: RenderConfig, file: PageFile) -> Reject | None:
    """Draw a document in its layout, and hold what was written against what was laid out."""
    config = layout(document)
    reject = draw(document, config, file)
    if reject is not None:
        assert (reject.doc_id, reject.stage) == (document.doc_id, "render"), document.url
        return reject
    pages = file.read(document.doc_id)
    assert pages, document.url
    assert all(page.image for page in pages)
    assert (pages[0].page_start_char, pages[-1].page_end_char) == (0, len(document.markdown)), document.url
    assert all(a.page_end_char == b.page_start_char for a, b in itertools.pairwise(pages)), document.url
    drawn = lay_document(document, config)
    assert len(drawn.layouts) == len(pages), document.url
    for page in pages:
        if page.reject is None:
            where = f"{document.url} page {page.page_num}"
            assert as_drawn(visible(page)) == as_drawn(drawn.shown(page.page_num)), where
            assert page.agreement >= config.min_agreement, where
    return None


def outcomes(seeds: range, folder: Path) -> Counter[str]:
    """What became of each seed's document and of its pages; asserts that nothing else became of any."""
    source, store = folder / "source", Folder(str(folder / "pages"))
    source.mkdir()
    for seed in seeds:
        (source / f"{seed}.md").write_bytes(mutated_document(seed))
    documents, rejects = collect(CollectConfig(sources=("folder",), folder=str(source), min_chars=20))
    dropped = [r for r in rejects if r.reason is not Reason.CUT]
    assert (
        len(documents) + len(dropped) == len(seeds) == len({d.doc_id for d in documents} | {r.doc_id for r in dropped})
    )
    found = Counter(f"{r.stage}: {r.reason}" for r in rejects)
    files = {d.doc_id: PageFile(store, f"{d.doc_id}.parquet") for d in documents}
    drawn = list(draw_all([(d, files[d.doc_id]) for d in documents], LAYOUTS[0], 2, examine))
    assert sorted(d.doc_id for d, _ in drawn) == sorted(files)
    for document, reject in drawn:
        if reject:
            found[f"render: {reject.reason}"] += 1
            assert reject.reason is Reason.RENDER_ERROR, f"{document.url}: {reject.detail}"
        else:
            pages = files[document.doc_id].read(document.doc_id, images=False)
            found.update(f"page: {page.reject or 'kept'}" for page in pages)
    found["documents"] = len(drawn)
    return found


def check(found: Counter[str], count: int) -> None:
    """Most files are documents and most of their pages are kept: the tests are about something."""
    pages = sum(n for name, n in found.items() if name.startswith("page: "))
    assert found["documents"] > 0.75 * count, found
    assert found["page: kept"] > 0.7 * pages, found
    assert found["page: label_structure"] <= 3 + 0.01 * pages, found
    assert found["render: render_error"] <= 0.001 * count, found


def test_damaged_documents_are_pages_or_named_rejects(tmp_path: Path) -> None:
    check(outcomes(range(40), tmp_path), 40)


@pytest.mark.full
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("part", range(10))
def test_many_damaged_documents_are_pages_or_named_rejects(tmp_path: Path, part: int) -> None:
    check(outcomes(range(500 * part, 500 * part + 500), tmp_path), 500)
