"""Columns of tables: words of ordinary length stay whole, long ones are cut before the page is left."""

from __future__ import annotations

import re

import pytest
from render_pages import document, lay, small_page

from tasks.collect.clean import normalise
from tasks.markdown import parse
from tasks.records import Reason
from tasks.render.columns import least_widths
from tasks.render.document import render_document
from tasks.render.page_html import PageHtml
from tasks.render_config import RenderConfig

OPTIONS = """
| Keyword | Type | Default | What it does |
| --- | --- | --- | --- |
| `timeout` | `number` | `5000` | How long the client waits for the first byte of an answer before it gives up |
| `maxConnectionsPerServer` | `number` | `undefined` | How many connections are kept open to a server |
| `factory` | `(options: RequestOptions) => Request` | none | See https://example.org/documentation/request-factories |
"""


def cut_words(source: str, config: RenderConfig) -> set[str]:
    """Words of table cells, up to 13 letters, that stand on two lines of their cell."""
    drawn = lay(source, config)
    return {word for word in re.findall(r"\w+", source) if len(word) <= 13} - set(_lines(drawn.html, config))


def _lines(html: PageHtml, config: RenderConfig) -> list[str]:
    """Words as they stand in lines: the pieces of text that layout made, split at what is no word."""
    from weasyprint.formatting_structure import boxes

    from tasks.render.layout import lay_out
    from tasks.render.sheet import css
    from tasks.render.style import draw_style

    style = draw_style(document(html.markdown), config)
    stack = [page._page_box for page in lay_out(html, css(style, "en"), "en").pages]
    words: list[str] = []
    while stack:
        box = stack.pop()
        if isinstance(box, boxes.TextBox):
            words += re.findall(r"\w+", box.text)
        elif isinstance(box, boxes.ParentBox):
            stack += box.children
    return words


@pytest.mark.parametrize("family", ["DejaVu Sans", "Liberation Serif", "Lato"])
@pytest.mark.parametrize("width", [794, 559])
def test_ordinary_words_stay_whole_and_long_ones_are_cut_inside_the_page(family: str, width: int) -> None:
    source = normalise(OPTIONS)
    config = small_page(width, 700, font_sizes=(13,), margins=(50, 50), fonts_en=(family,))
    assert cut_words(source, config) <= {"RequestOptions"}
    assert {page.reject for page in render_document(document(source), config).pages} == {None}


def test_columns_that_fit_keep_every_word() -> None:
    (table,) = parse("| `aVeryLongNameOfAnOption` | b |\n| --- | --- |\n| c | some text |\n").children
    assert least_widths(table, 60) == [None, None]
    narrow = least_widths(table, 15)
    assert narrow[1] is None
    assert narrow[0] is not None
    assert 0 < narrow[0] < 15


def test_lists_and_quotes_leave_a_table_less_room() -> None:
    table = "| aaaaaaaaaaaa | bbbbbbbbbbbb | cccccccccccc |\n| --- | --- | --- |\n| d | e | f |\n"
    nested = "- x\n\n" + "".join(f"  > {line}\n" for line in table.splitlines())
    for source in (table, nested):
        for width in (300, 360, 420, 500):
            pages = render_document(document(source), small_page(width, 200)).pages
            assert {page.reject for page in pages} == {None}


def test_a_row_that_fits_no_page_is_a_counted_reject() -> None:
    cell = " ".join(f"word{i}" for i in range(3000))
    source = f"Before.\n\n| a | b |\n| --- | --- |\n| {cell} | c |\n| d | e |\n\nAfter.\n"
    config = RenderConfig(width=794, height=1123, dpi=36, look="plain")
    pages = render_document(document(source), config).pages
    assert {page.reject for page in pages} == {None, Reason.NOT_CONTIGUOUS}
    assert all("its interval holds" in page.detail for page in pages if page.reject)
    assert pages[0].page_start_char == 0
    assert pages[-1].page_end_char == len(source)
