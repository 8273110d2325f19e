"""Pages for the compared systems to read."""

from __future__ import annotations

import io
from functools import cache

import pymupdf

from tasks.evaluate.page_set import PageInput

TEXT = "The quick brown fox jumps over the lazy dog near the river bank."


@cache
def pdf(text: str = TEXT) -> bytes:
    with pymupdf.open() as document:
        sheet = document.new_page(width=420, height=200)
        sheet.insert_text((30, 60), "A heading", fontsize=22)
        sheet.insert_text((30, 110), text, fontsize=11)
        return bytes(document.tobytes())


@cache
def image(text: str = TEXT) -> bytes:
    with pymupdf.open(stream=pdf(text), filetype="pdf") as document:
        return bytes(document[0].get_pixmap(dpi=150, colorspace="GRAY").tobytes("png"))


def page(name: str, text: str = TEXT, language: str = "en", with_pdf: bool = True) -> PageInput:
    return PageInput(name, language, image(text), pdf(text) if with_pdf else None)


def blank() -> PageInput:
    from PIL import Image

    sink = io.BytesIO()
    Image.new("L", (600, 400), 255).save(sink, "PNG")
    return PageInput("blank", "en", sink.getvalue(), None)
