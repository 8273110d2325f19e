"""Every check a page must pass can fail, and says what it saw."""

from __future__ import annotations

from typing import Any

import pymupdf
import pytest
from render_pages import document, lay, small_page

from tasks.records import Page, Reason, StageError
from tasks.render import document as rendering
from tasks.render.check import agreement, geometry_fault, shown_text
from tasks.render.document import render_document
from tasks.render.fonts import is_one_of, require, uncovered
from tasks.render.label import LabelError
from tasks.render.layout import PageBoxes
from tasks.render.page_html import PageHtml
from tasks.render.style import Style, draw_style


def pages_of(markdown: str, language: str = "en", **more: object) -> tuple[Page, ...]:
    return render_document(document(markdown, language), small_page(**more)).pages  # type: ignore[arg-type]


def test_agreement_masks_numbers_and_marks_and_nothing_else() -> None:
    label = "1. One *two*\n2. ~~three~~[^a]\n\n- [x] done\n"
    assert agreement(label, "Onetwothreea☑done") == 1
    assert agreement(label, "One two\nthree a • done") == 1
    assert agreement(label, "OnetwothreeaXdone") < 1
    assert agreement(label, "") == 0
    assert agreement("ﬁrst Ⅳ", "first IV") == 1


def test_a_tampered_text_layer_is_seen() -> None:
    config = small_page(600, 300)
    source = "# Title\n\nA paragraph of the original text.\n\n1. one\n2. two\n"
    rendered = render_document(document(source), config)
    style = draw_style(document(source), config)
    (drawn,) = lay(source, config).layouts
    with pymupdf.open(stream=rendered.pdf) as drawing:
        page = drawing[0]
        assert agreement(rendered.pages[0].markdown, shown_text(page, style.content_box, drawn.marker_rects)) == 1
        page.insert_text((40, 200), "smuggled words of some length")
        tampered = shown_text(page, style.content_box, drawn.marker_rects)
        assert agreement(rendered.pages[0].markdown, tampered) < 0.9
        page.insert_text((2, 3), "outside")
        assert shown_text(page, style.content_box, drawn.marker_rects) == tampered


def test_a_page_whose_label_says_something_else_is_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rendering, "write_label", lambda tree: "Something that is not on the page.\n")
    (page,) = pages_of("The text that is drawn.\n")
    assert page.reject is Reason.DISAGREEMENT
    assert page.agreement < 0.6


def test_a_label_that_cannot_be_written_is_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(tree: object) -> str:
        raise LabelError("this reads back as that")

    monkeypatch.setattr(rendering, "write_label", refuse)
    (page,) = pages_of("The text that is drawn.\n")
    assert (page.reject, page.detail) == (Reason.LABEL_STRUCTURE, "this reads back as that")


def test_a_character_that_was_not_written_is_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    class Changed(PageHtml):
        def __init__(self, markdown: str, *more: Any) -> None:
            super().__init__(markdown, *more)
            self.html = self.html.replace("written", "wrItten")

    monkeypatch.setattr(rendering, "PageHtml", Changed)
    (page,) = pages_of("What was written.\n")
    assert page.reject is Reason.CHARACTER_MISMATCH
    assert "'I' where 'i' was written" in page.detail


def test_a_row_higher_than_the_page_is_not_contiguous() -> None:
    cell = " ".join(f"word{i}" for i in range(80))
    pages = pages_of(f"Before.\n\n| a | b |\n| --- | --- |\n| {cell} | {cell} |\n\nAfter.\n")
    assert Reason.NOT_CONTIGUOUS in {p.reject for p in pages}
    assert {p.reject for p in pages} <= {Reason.NOT_CONTIGUOUS, None}


STYLE = draw_style(document("x"), small_page(300, 200))


@pytest.mark.parametrize(
    ("boxes", "fault"),
    [
        ([(20, 20, 100, 32), (20, 33, 100, 45)], ""),
        ([(20, 20, 100, 32), (20, 31.5, 100, 43)], ""),  # lines may touch
        ([(20, 20, 100, 32), (100, 20, 180, 32)], ""),
        ([(20, 20, 290, 32)], "outside the content box"),
        ([(5, 20, 100, 32)], "outside the content box"),
        ([(20, 180, 100, 240)], "outside the content box"),
        ([(20, -30, 100, 10)], "outside the content box"),
        ([(20, 20, 100, 32), (90, 22, 150, 34)], "overlaps"),
        ([(20, 20, 100, 32), (20, 20, 100, 32)], "overlaps"),
        ([(20, 20, 280, 180), (30, 100, 60, 112)], "overlaps"),
    ],
)
def test_text_must_stand_in_the_page_and_on_no_other(boxes: list[tuple[float, ...]], fault: str) -> None:
    found = geometry_fault(PageBoxes(text=list(boxes)), STYLE)  # type: ignore[arg-type]
    assert fault in found
    assert bool(found) is bool(fault)
    assert bool(geometry_fault(PageBoxes(text=list(reversed(boxes))), STYLE)) is bool(fault)  # type: ignore[arg-type]


def test_thousands_of_boxes_are_compared_with_their_neighbours_only() -> None:
    grid = [(12 + 4.0 * (i % 60), 12 + 0.5 * (i // 60)) for i in range(20_000)]
    boxes = [(x, y, x + 4, y + 0.5) for x, y in grid]
    assert geometry_fault(PageBoxes(text=boxes), STYLE) == ""
    assert "overlaps" in geometry_fault(PageBoxes(text=[*boxes, (100.0, 50.0, 103.0, 50.5)]), STYLE)


def test_a_table_too_wide_for_the_page_is_rejected() -> None:
    row = "| " + " | ".join(["w" * 3] * 40) + " |\n"
    (page, *_) = pages_of(row + "| --- " * 40 + "|\n" + row)
    assert page.reject is Reason.GEOMETRY


def test_a_missing_glyph_is_rejected_on_its_page_only() -> None:
    words = " ".join(f"word{i}" for i in range(120))
    pages = pages_of(f"Unknown \u0915 here.\n\n{words}\n")
    assert (pages[0].reject, pages[0].detail) == (Reason.MISSING_GLYPH, "U+0915")
    assert {p.reject for p in pages[1:]} == {None}
    assert uncovered("a\u0915\U0001f9a5 b", STYLE.families) == {"\u0915", "\U0001f9a5"}


def test_a_page_without_characters_is_blank() -> None:
    assert [p.reject for p in pages_of("---\n")] == [Reason.BLANK]
    assert [p.reject for p in pages_of("&nbsp;\n\n\u3000\n")] == [Reason.BLANK]
    assert [p.reject for p in pages_of("-\n-\n")] == [Reason.BLANK]


def test_a_substituted_font_is_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    real = rendering.css

    def other(style: Style, language: str) -> str:
        return real(style, language).replace(style.family, "Noto Serif CJK JP")

    monkeypatch.setattr(rendering, "css", other)
    (page,) = pages_of("Drawn with another font.\n")
    assert page.reject is Reason.FONT_SUBSTITUTED
    assert "Noto" in page.detail
    assert is_one_of("ABCDEF+Liberation-Serif-Bold", ("Liberation Serif",))
    assert not is_one_of("ABCDEF+Noto-Serif-CJK-JP", ("Liberation Serif", "Noto Sans CJK JP"))


def test_a_font_that_is_not_installed_names_its_package() -> None:
    with pytest.raises(StageError, match="Georgia"):
        require(("Georgia",))


def test_the_deepest_nesting_that_is_let_in_is_drawn() -> None:
    nested = "".join("  " * i + f"- item {i}\n" for i in range(29))
    quoted = "> " * 58 + "deep\n"
    for source in (nested, quoted):
        pages = render_document(document(source), small_page(1200, 900)).pages
        assert {p.reject for p in pages} <= {None, Reason.GEOMETRY}
