"""The real-pages stage: the catalogue's pages as a page set."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from importlib.metadata import version

import pymupdf
from pydantic import Field

from tasks.collect.pandoc import pandoc_version
from tasks.evaluate.page_set import write_page_set
from tasks.evaluate.real import catalogue
from tasks.evaluate.real.archive import Wanted, fetch
from tasks.evaluate.real.catalogue import RealDocument, load_catalogue
from tasks.evaluate.real.document import STAGE, RealPage, read_document
from tasks.records import Reject, StageError, digest
from tasks.render_config import Config
from tasks.stage import Counts, Stage
from tasks.store import Folder, home

CACHE = "real-files"  # under the store, which the next run and other stages share


class RealPagesConfig(Config):
    """Which real pages are read, and how they are drawn."""

    languages: tuple[str, ...] = Field((), description="Languages of the documents; empty takes all")
    dpi: int = Field(150, ge=36, le=600, description="Resolution of the page image")
    debs: str = Field("", description="Folder with the Debian packages as .deb files; empty fetches them by apt-get")
    seed: int = Field(0, description="Which facts are asked, and how scans are degraded")


def _real_pages(folder: Folder, config: RealPagesConfig) -> Counts:
    """Write pages.parquet and rejects.jsonl."""
    documents = [d for d in load_catalogue() if not config.languages or d.language in config.languages]
    if not documents:
        raise StageError(f"{catalogue.CATALOGUE}: no document in {', '.join(config.languages)}")
    files = fetch(_wanted(documents), config.debs, Folder(home()) / CACHE)
    pages: list[RealPage] = []
    rejects: list[Reject] = []
    for document in documents:
        pdf, sources = files[document.pdf_sha256][0], files[document.sources_sha256]
        for read in read_document(document, pdf, sources, config.dpi, config.seed):
            if isinstance(read, RealPage):
                pages.append(read)
            else:
                rejects.append(read)
    if not pages:
        raise StageError("no real page has enough facts: the catalogue and the installed pandoc do not fit")
    write_page_set(folder, ((page.known, page.given) for page in pages))
    folder.write_rejects(rejects)
    return _counts(pages)


def _wanted(documents: Sequence[RealDocument]) -> list[Wanted]:
    """The packages, each once, and the files that are needed of each."""
    groups: dict[tuple[str, str], list[tuple[tuple[str, ...], str]]] = {}
    for document in documents:
        of_package = groups.setdefault((document.package, document.version), [])
        of_package += [((document.pdf,), document.pdf_sha256), (document.sources, document.sources_sha256)]
    return [Wanted(package, number, tuple(dict.fromkeys(files))) for (package, number), files in groups.items()]


def _counts(pages: Sequence[RealPage]) -> Counts:
    languages = Counter(page.known.language for page in pages)
    return {
        "pages": len(pages),
        "en": languages["en"],
        "ja": languages["ja"],
        "families": len({page.known.family for page in pages}),
        "facts": sum(len(page.known.facts) for page in pages),
        "scans": sum(page.known.source == "scan" for page in pages),
    }


def _environment(_: RealPagesConfig) -> str:
    """The catalogue, and what draws pages and reads sources."""
    libraries = [version(name) for name in ("pyromark", "numpy", "pillow")]
    return digest(catalogue.CATALOGUE.read_bytes(), pandoc_version(), *pymupdf.version[:2], *libraries)


real_pages_stage = Stage(STAGE, 1, _real_pages, _environment, ignore=("debs",))

real_pages = real_pages_stage.task(retries=1, retry_delay_seconds=5)
