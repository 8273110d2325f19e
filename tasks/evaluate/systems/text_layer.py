"""Converters that read the text layer of a PDF. They are given the page's PDF, not its image: on a PDF that was
printed from text they start from the true characters, so their table columns say how well structure is found."""

from __future__ import annotations

import io
from collections.abc import Mapping

from tasks.config import Ocr
from tasks.evaluate.page_set import PageInput
from tasks.evaluate.systems.reader import PageByPage, installed

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
    return _pymupdf4llm() if system.kind == "pymupdf4llm" else _markitdown()


def _pdf(page: PageInput) -> bytes:
    if page.pdf is None:
        raise TextLayerError("the page has no PDF, only an image")
    return page.pdf


def _pymupdf4llm() -> PageByPage:
    import pymupdf
    import pymupdf4llm

    def convert(page: PageInput) -> str:
        with pymupdf.open(stream=_pdf(page), filetype="pdf") as document:
            # OCR off: it would call another of the compared systems
            return str(pymupdf4llm.to_markdown(document, use_ocr=False, show_progress=False)).strip()

    return PageByPage(convert)


def _markitdown() -> PageByPage:
    from markitdown import MarkItDown, StreamInfo
    from markitdown.converters import PdfConverter

    converter = MarkItDown(enable_builtins=False, enable_plugins=False)
    converter.register_converter(PdfConverter())  # only this one: a broken PDF would be read as plain text

    def convert(page: PageInput) -> str:
        found = converter.convert_stream(io.BytesIO(_pdf(page)), stream_info=StreamInfo(extension=".pdf"))
        return str(found.text_content).strip()

    return PageByPage(convert)
