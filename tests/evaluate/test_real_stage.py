"""The real-pages stage, on a package that the test builds."""

from __future__ import annotations

import io
import shutil
from pathlib import Path

import pymupdf
import pytest
from PIL import Image
from real_packages import LATEX, PDF, SOURCE, build_deb, draw_pdf, write_catalogue

from tasks.evaluate.page_set import read_inputs, read_page_set
from tasks.evaluate.real import catalogue
from tasks.evaluate.real.archive import fetch
from tasks.evaluate.real.document import RealPage, read_document
from tasks.evaluate.real.stage import RealPagesConfig, _wanted, real_pages_stage
from tasks.records import StageError, StageRef
from tasks.store import Folder


@pytest.fixture
def debs(tmp_path: Path, store: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A folder with one package, and a catalogue with three of its pages, one of them a scan."""
    folder = tmp_path / "debs"
    folder.mkdir()
    pdf = draw_pdf()
    build_deb(folder, {PDF: pdf, SOURCE: LATEX.encode()})
    path = write_catalogue(tmp_path / "pages.toml", pdf, pages=[0, 1])
    monkeypatch.setattr(catalogue, "CATALOGUE", path)
    return str(folder)


def run(debs: str, **settings: object) -> StageRef:
    return real_pages_stage(RealPagesConfig.model_validate({"debs": debs, **settings}))


def rewrite(**changes: object) -> None:
    write_catalogue(catalogue.CATALOGUE, draw_pdf(), **{"pages": [0, 1], **changes})


def test_pages_have_facts_an_image_and_a_pdf_of_their_own(debs: str) -> None:
    ref = run(debs)
    (page,) = read_page_set(ref)
    (given,) = read_inputs(ref)
    assert (page.page_id, page.family, page.language, page.source, page.label) == (
        "small-1",
        "small",
        "en",
        "manual",
        None,
    )
    assert page.features == ("table", "math")
    assert Image.open(io.BytesIO(given.image)).size == (875, 1250)
    assert given.pdf is not None
    with pymupdf.open(stream=given.pdf, filetype="pdf") as single:
        assert len(single) == 1
        assert "ledger" in single[0].get_text()
    assert ref.counts == {"pages": 1, "en": 1, "ja": 0, "families": 1, "facts": len(page.facts), "scans": 0}


def test_a_page_with_too_few_facts_is_a_reject(debs: str) -> None:
    (reject,) = Folder(run(debs).uri).read_rejects()
    assert (reject["stage"], reject["page_num"]) == ("real-pages", 0)
    assert "2 facts, at least 3" in reject["detail"]


def test_a_scan_is_an_image_alone(debs: str) -> None:
    rewrite(scans=[1])
    ref = run(debs)
    (page,) = read_page_set(ref)
    (given,) = read_inputs(ref)
    assert page.source == "scan"
    assert given.pdf is None
    assert Image.open(io.BytesIO(given.image)).mode == "L"
    assert ref.counts["scans"] == 1


def test_the_same_pages_have_the_same_bytes(debs: str, tmp_path: Path) -> None:
    first = Folder(run(debs).uri).read("pages.parquet")
    shutil.rmtree(tmp_path / "store")
    assert Folder(run(debs).uri).read("pages.parquet") == first


def test_the_digest_covers_the_catalogue_but_not_where_packages_come_from(debs: str) -> None:
    key = real_pages_stage.digest(RealPagesConfig(debs=debs))
    assert real_pages_stage.digest(RealPagesConfig()) == key
    assert real_pages_stage.digest(RealPagesConfig(seed=1)) != key
    rewrite(why="another reason")
    assert real_pages_stage.digest(RealPagesConfig()) != key


def test_packages_are_read_once(debs: str) -> None:
    run(debs)
    shutil.rmtree(debs)
    Path(debs).mkdir()
    assert not run(debs, seed=1).reused


def test_a_language_without_documents_is_an_error(debs: str) -> None:
    with pytest.raises(StageError, match="no document in ja"):
        run(debs, languages=("ja",))


def test_a_page_that_the_pdf_does_not_have_is_an_error(debs: str) -> None:
    rewrite(pages=[1, 9])
    with pytest.raises(StageError, match="no page 9: its PDF has 4"):
        run(debs)


def test_a_pdf_that_is_none_is_an_error(debs: str) -> None:
    (document,) = catalogue.load_catalogue(catalogue.CATALOGUE)
    with pytest.raises(StageError, match="small of small-doc"):
        list(read_document(document, b"not a PDF", [LATEX.encode()], 150, 0))


def test_pages_without_facts_are_no_set(debs: str) -> None:
    rewrite(pages=[0])
    with pytest.raises(StageError, match="no real page has enough facts"):
        run(debs)


@pytest.mark.full
def test_the_archive_holds_what_the_catalogue_says(tmp_path: Path) -> None:
    """Needs apt-get and the archive of Debian 12."""
    if shutil.which("apt-get") is None:
        pytest.skip("no apt-get")
    documents = [d for d in catalogue.load_catalogue() if d.package == "debian-faq"]
    files = fetch(_wanted(documents), "", Folder(str(tmp_path)))
    for document in documents:
        pages = list(read_document(document, files[document.pdf_sha256][0], files[document.sources_sha256], 72, 0))
        assert [isinstance(page, RealPage) for page in pages] == [True] * len(document.pages)
