"""A document of the catalogue to the pages of a page set."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pymupdf

from tasks.evaluate.page_set import PageInput, SetPage
from tasks.evaluate.pdf_pages import one_page
from tasks.evaluate.real.catalogue import RealDocument
from tasks.evaluate.real.degrade import degrade
from tasks.evaluate.real.facts import page_facts
from tasks.evaluate.real.located import Located
from tasks.evaluate.real.margins import body_box, running_lines
from tasks.evaluate.real.page_text import PageText
from tasks.evaluate.real.pieces import pieces
from tasks.evaluate.real.sources import to_markdown, unpack
from tasks.records import Reason, Reject, StageError, digest

FEWEST = 3  # facts of a page that is used
STAGE = "real-pages"
MAX_PDF = 128_000_000  # bytes, unpacked


@dataclass(frozen=True, slots=True)
class RealPage:
    known: SetPage
    given: PageInput


def read_document(
    document: RealDocument, pdf: bytes, sources: Sequence[bytes], dpi: int, seed: int
) -> Iterator[RealPage | Reject]:
    """The document's pages, or why one is not used. Raises StageError where its files cannot be read."""
    try:
        source = pieces(to_markdown(sources, document.format, document.language), document.language)
        drawing = pymupdf.open(stream=unpack(pdf, MAX_PDF), filetype="pdf")
    except (StageError, RuntimeError) as e:
        raise StageError(f"{document.name} of {document.package}: {e}") from None
    doc_id = digest(STAGE, document.name)
    with drawing:
        if document.pages[-1] >= len(drawing):
            raise StageError(f"{document.name}: no page {document.pages[-1]}: its PDF has {len(drawing)}")
        running = running_lines(drawing)
        whole = "\0".join(PageText.of(page).squashed for page in drawing)
        for number in document.pages:
            page = drawing[number]
            body = PageText.of(page, body_box(page, running[number]))
            located = Located(source, body, whole, document.language)
            facts = page_facts(located, running[number], f"{seed} {document.name} {number}")
            if len(facts) < FEWEST:
                detail = f"{document.name}: {len(facts)} facts, at least {FEWEST} are asked"
                yield Reject(STAGE, Reason.FEW_FACTS, doc_id, number, detail)
                continue
            scan = number in document.scans
            known = SetPage(
                page_id=f"{document.name}-{number}",
                doc_id=doc_id,
                page_num=number,
                family=document.family or document.name,
                language=document.language,
                source="scan" if scan else document.slice,
                features=tuple(kind for kind in ("table", "math") if any(fact.kind == kind for fact in facts)),
                label=None,
                facts=facts,
            )
            image = page.get_pixmap(dpi=dpi, alpha=False).tobytes("png")
            if scan:
                image = degrade(image, f"{seed} {known.page_id}")
            given = PageInput(known.page_id, document.language, image, None if scan else one_page(drawing, number))
            yield RealPage(known, given)
