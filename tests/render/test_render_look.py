"""Styles: what they are drawn from, and that no layout changes what a page says or hides where its words are."""

from __future__ import annotations

import itertools
import json
import re

import pymupdf
import pytest
from pydantic import ValidationError
from render_pages import document, labels, lay, small_page, solid

from tasks.records import Reason
from tasks.render.check import geometry_fault, shown_text
from tasks.render.code import coloured, theme_css
from tasks.render.document import render_document
from tasks.render.fonts import PACKAGES, bold_family, is_one_of
from tasks.render.layout import PageBoxes
from tasks.render.style import PAPERS, draw_style
from tasks.render_config import LookConfig, RenderConfig, ScanConfig

WORDS = "Internationalization of representative documentation necessitates comprehensive characterization"
DOCS = [document("# Title\n\ntext\n", "ja" if i % 4 == 0 else "en", f"doc{i}") for i in range(400)]


def look(**fixed: object) -> RenderConfig:
    """A narrow A4 strip on which everything but `fixed` is drawn as it may come."""
    plain = {"columns": (1,), "justify": 0, "header": 0, "footer": 0, "code_themes": ("",)}
    return small_page(420, 300, look={**plain, **fixed})


def two_columns(**fixed: object) -> RenderConfig:
    return small_page(560, 260, look={"columns": (2,), "header": 0, "footer": 0, "code_themes": ("",), **fixed})


def test_every_range_is_drawn_from_and_everything_drawn_is_on_the_page() -> None:
    styles = [draw_style(d, RenderConfig()) for d in DOCS]
    ranges = LookConfig()
    assert {(s.width, s.height) for s in styles} == set(PAPERS.values())
    assert {s.columns for s in styles} == {1, 2}
    for name, choices in (
        *(("heading", ranges.headings), ("table", ranges.tables), ("bullet", ranges.bullets)),
        *(("quote", ranges.quotes), ("code_theme", ranges.code_themes), ("ink", ranges.inks)),
        *(("accent", ranges.accents), ("justify", (True, False)), ("hyphenate", (True, False))),
    ):
        assert {getattr(s, name) for s in styles} == set(choices)
    assert {s.family for s in styles} == {*RenderConfig().fonts_en, *RenderConfig().fonts_ja}
    assert len(RenderConfig().fonts_en) >= 10
    assert len(RenderConfig().fonts_ja) >= 4
    assert {bool(s.header) for s in styles} == {bool(s.footer) for s in styles} == {True, False}
    (page,) = render_document(DOCS[1], RenderConfig(dpi=36, scan=ScanConfig(share=0))).pages
    assert json.loads(page.style) == json.loads(draw_style(DOCS[1], RenderConfig(dpi=36)).to_json())


def test_a_style_is_the_same_wherever_it_is_drawn() -> None:
    assert [draw_style(d, RenderConfig()) for d in DOCS] == [draw_style(d, RenderConfig()) for d in DOCS]
    assert draw_style(DOCS[0], RenderConfig()) != draw_style(DOCS[0], RenderConfig(seed=1))


def test_two_columns_are_drawn_only_where_they_hold_lines() -> None:
    narrow = [draw_style(d, small_page(300, 300, look={"columns": (2,)})) for d in DOCS]
    assert {s.columns for s in narrow} == {1}


@pytest.mark.parametrize("wrong", [{"width": 300}, {"width": 20, "height": 300}, {"look": "plain"}, {"look": "x"}])
def test_a_page_without_a_size_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        RenderConfig.model_validate(wrong)


@pytest.mark.parametrize("family", sorted({*PACKAGES} - {"DejaVu Sans", "Symbola"}))
def test_every_family_is_drawn_as_itself_and_has_a_bold_face(family: str) -> None:
    name = "fonts_code" if family in RenderConfig().fonts_code else "fonts_en"
    mark = "`code`" if name == "fonts_code" else "text"
    rendered = render_document(document(f"Regular and **bold** {mark}.\n"), look().model_copy(update={name: (family,)}))
    assert [(p.reject, p.detail) for p in rendered.pages] == [(None, "")]
    with pymupdf.open(stream=rendered.pdf) as drawing:
        drawn = [font[3] for font in drawing[0].get_fonts()]
    assert any(is_one_of(font, (family,)) for font in drawn)
    if name == "fonts_en":
        assert any(is_one_of(font, (bold_family(family),)) and "Bold" in font for font in drawn)


@pytest.mark.parametrize("language", ["en", "ja"])
def test_columns_are_read_one_after_the_other(language: str) -> None:
    words = [f"word{i}" for i in range(400)]
    pages = labels(" ".join(words) + "\n", two_columns(), language)
    assert len(pages) > 1
    assert " ".join(pages).split() == words


def test_a_table_head_repeated_within_a_page_stands_once_in_its_label() -> None:
    rows = "".join(f"| row {i} | *x* {i} |\n" for i in range(60))
    source = f"Text.\n\n| **Name** `v` | $f(x)$ |\n| --- | --- |\n{rows}\nEnd.\n"
    config = two_columns(tables=("rules",))
    pages = labels(source, config)
    drawn = lay(source, config)
    assert len(pages) > 1
    assert any(layout.cut_rects for layout in drawn.layouts)
    head = "| **Name** `v` | $f(x)$ |\n| --- | --- |\n"
    assert all(page.count(head) == 1 for page in pages if "| row" in page)
    assert "".join(re.findall(r"\| row.*\n", "".join(pages))) == rows


def test_hyphens_of_line_ends_are_no_text() -> None:
    config = look(justify=1, hyphenate=1)
    source = f"{WORDS} " * 9 + "and a well-known self-contained state-of-the-art end.\n"
    rendered = render_document(document(source), config)
    (page,) = rendered.pages
    (drawn,) = lay(source, config).layouts
    assert (page.reject, page.markdown, page.agreement) == (None, source, 1)
    assert len(drawn.cut_rects) > 2
    with pymupdf.open(stream=rendered.pdf) as drawing:
        style = draw_style(document(source), config)
        raw = shown_text(drawing[0], style.content_box, drawn.marker_rects)
        assert raw.count("-") == solid(source).count("-") + len(drawn.cut_rects)
        cut = shown_text(drawing[0], style.content_box, drawn.marker_rects, drawn.cut_rects)
        assert solid(cut) == solid(source)


def test_addresses_and_code_are_not_hyphenated() -> None:
    config = look(justify=1, hyphenate=1)
    address = "https://example.org/internationalization/representative/characterization"
    source = f"See {address} `internationalization_of_representative(documentation, characterization)` etc.\n" * 6
    (drawn,) = lay(source, config).layouts
    assert drawn.cut_rects == []


def test_letters_of_code_are_all_as_wide_as_each_other() -> None:
    # TeX Gyre Cursor has an "fi" as narrow as one letter
    config = look(columns=(1,)).model_copy(update={"fonts_code": ("TeX Gyre Cursor",)})
    rendered = render_document(document("The `config` here.\n\n```\nconfig\nabcdef\n```\n"), config)
    with pymupdf.open(stream=rendered.pdf) as drawing:
        widths = [x1 - x0 for x0, _, x1, _, text, *_ in drawing[0].get_text("words") if text in ("config", "abcdef")]
    assert len(widths) == 3
    assert widths == pytest.approx([widths[0]] * 3, abs=0.2)


def test_running_lines_stand_outside_the_content_box() -> None:
    config = look(header=1, footer=1).model_copy(update={"margins": (44, 48)})
    source = '# A "title", with \\\\ odd; {signs} & #\n\n' + f"{WORDS} " * 60 + "\n"
    rendered = render_document(document(source), config)
    style = draw_style(document(source), config)
    _, top, _, bottom = style.content_box
    assert style.header == 'A "title", with \\ odd; {signs} &'
    with pymupdf.open(stream=rendered.pdf) as drawing:
        for page, drawn in zip(rendered.pages, drawing, strict=True):
            assert (page.reject, page.agreement) == (None, 1)
            above = "".join(word[4] for word in drawn.get_text("words") if word[3] < top)
            below = "".join(word[4] for word in drawn.get_text("words") if word[1] > bottom)
            assert above == ("" if page.page_num == 0 else solid(style.header))  # the title stands there itself
            assert str(page.page_num + 1) in below
    assert len(rendered.pages) > 1
    assert "".join(p.markdown for p in rendered.pages).count("title") == 1


def test_a_header_with_a_character_no_font_has_is_left_out() -> None:
    config = look(header=1).model_copy(update={"margins": (44, 48)})
    assert draw_style(document("# Unknown \u0915\n\ntext\n"), config).header == ""


@pytest.mark.parametrize("theme", [t for t in LookConfig().code_themes if t])
def test_code_themes_change_colours_only(theme: str) -> None:
    code = 'def f(x):\n    """Doc."""\n    return {"a": 1.5}  # why\n\n\n@decorated\nclass C: ...\n'
    source = f"Before.\n\n```python\n{code}```\n\n> ```js title=x\n> const a = `b${{c}}`;\n> ```\n"
    page, *rest = render_document(document(source), look(code_themes=(theme,)).model_copy(update={"height": 700})).pages
    assert (page.reject, page.markdown, page.agreement, rest) == (None, source, 1, [])
    assert "font" not in theme_css(theme)


@pytest.mark.parametrize(
    "info", ["python", "js", "html", "nosuchlanguage", "", "c++", "{.python .x}", "console", "diff"]
)
def test_coloured_pieces_are_the_code(info: str) -> None:
    for code in ("", "\n\nx = 1\n\n", "<b>&amp;</b>\n", "\tif (a) {\n  }\n", "$ ls\n- a\n+ b\n", "日本\n", "x"):
        assert "".join(text for _, text in coloured(code, info)) == code


def test_text_across_the_gap_between_columns_is_a_fault() -> None:
    style = draw_style(document("x"), two_columns())
    (left, right), (second, end) = style.column_edges
    ok = [(left, 20, right, 30), (second, 20, end, 30)]
    assert geometry_fault(PageBoxes(text=ok), style) == ""
    assert "outside" in geometry_fault(PageBoxes(text=[(left, 20, second + 20, 30)]), style)
    assert "outside" in geometry_fault(PageBoxes(text=[(right - 5, 20, right + 10, 30)]), style)


@pytest.mark.parametrize(("paper", "columns"), [*itertools.product(PAPERS, (1, 2))])
def test_no_paper_changes_what_is_said(paper: str, columns: int) -> None:
    words = " ".join(f"word{i}" for i in range(700))
    table = "| a | b |\n| --- | --- |\n" + "".join(f"| {i} | cell {i} |\n" for i in range(70))
    source = f"# Title\n\n{words}\n\n{table}\n```python\nx = 1\n```\n\n- [x] done\n- [ ] open[^1]\n\n[^1]: Note.\n"
    config = RenderConfig(dpi=36, font_sizes=(11,), look=LookConfig(papers=(paper,), columns=(columns,)))  # type: ignore[arg-type]
    pages = render_document(document(source), config).pages
    assert {p.reject for p in pages} == {None}
    assert [w for p in pages for w in p.markdown.split() if w.startswith("word")] == words.split()
    assert [n for p in pages for n in re.findall(r"cell (\d+)", p.markdown)] == [str(i) for i in range(70)]
    assert Reason.NOT_CONTIGUOUS not in {p.reject for p in pages}
