"""Converters that read the text layer of a PDF. They are given the page's PDF, not its image: on a PDF that was
printed from text they start from the true characters, so their table columns say how well structure is found. They
run in a process of their own, as the PDFs are anybody's."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING

from tasks.config import Ocr
from tasks.evaluate.guarded import MEMORY, Worker
from tasks.evaluate.page_set import PageInput
from tasks.evaluate.systems.reader import PageByPage, cores, installed

if TYPE_CHECKING:
    from markitdown import MarkItDown

SECONDS = 300  # longest that a page may take
MEMORY_PER_CORE = 2**27  # bytes of address space: the stacks and heaps of onnxruntime's threads

PACKAGES = {
    "pymupdf4llm": ("pymupdf4llm", "pymupdf-layout", "pymupdf"),
    "markitdown": ("markitdown", "pdfminer-six", "pdfplumber"),
}


class TextLayerError(Exception):
    """The page is only an image."""


def versions(system: Ocr) -> Mapping[str, str]:
    return installed(*PACKAGES[system.kind])


def open_reader(system: Ocr) -> PageByPage:
    versions(system)
    prepare, to_markdown = CONVERTERS[system.kind]
    worker = Worker(prepare, SECONDS, MEMORY + cores() * MEMORY_PER_CORE)

    def convert(page: PageInput) -> str:
        if page.pdf is None:
            raise TextLayerError("the page has no PDF, only an image")
        return worker(to_markdown, page.pdf)

    return PageByPage(convert, needs_pdf=True)


def _load_pymupdf4llm() -> None:
    import pymupdf4llm  # noqa: F401


def _pymupdf4llm(pdf: bytes) -> str:
    import pymupdf
    import pymupdf4llm

    with pymupdf.open(stream=pdf, filetype="pdf") as document:
        # OCR off: it would call another of the compared systems
        return str(pymupdf4llm.to_markdown(document, use_ocr=False, show_progress=False)).strip()


@cache
def _pdf_converter() -> MarkItDown:
    from markitdown import MarkItDown
    from markitdown.converters import PdfConverter

    converter = MarkItDown(enable_builtins=False, enable_plugins=False)
    converter.register_converter(PdfConverter())  # only this one: a broken PDF would be read as plain text
    return converter


def _load_markitdown() -> None:
    _pdf_converter()


def _markitdown(pdf: bytes) -> str:
    from markitdown import StreamInfo

    found = _pdf_converter().convert_stream(io.BytesIO(pdf), stream_info=StreamInfo(extension=".pdf"))
    return str(found.text_content).strip()


CONVERTERS: dict[str, tuple[Callable[[], None], Callable[[bytes], str]]] = {
    "pymupdf4llm": (_load_pymupdf4llm, _pymupdf4llm),
    "markitdown": (_load_markitdown, _markitdown),
}
