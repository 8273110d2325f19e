"""Text of every kind stands inside its lines, and labels hold every character of it."""

from __future__ import annotations

import itertools
import re

import pytest
from render_pages import document, labels, lay, small_page, solid

from tasks.collect.clean import normalise
from tasks.markdown import visible_text
from tasks.records import Reason
from tasks.render.document import render_document
from tasks.render.fonts import uncovered
from tasks.render.sheet import css
from tasks.render.style import draw_style
from tasks.render_config import RenderConfig

URL = "https://example.org/" + "a-long/path_of.many/parts?" * 12
WORD = "incomprehensibilities" * 12


@pytest.mark.parametrize(
    "source",
    [
        f"Text {WORD} and {URL} end.\n",
        f"<{URL}>\n",
        f"- item {URL}\n  - [{WORD}](x)\n",
        f"> `{WORD}` and **{WORD}**\n",
        f"```\n{WORD} {URL}\n```\n",
        f"| {WORD[:60]} | b |\n| --- | --- |\n| c | {URL[:90]} |\n",
        f"# {WORD}\n",
    ],
)
@pytest.mark.parametrize("columns", [1, 2])
def test_long_words_and_addresses_are_broken_inside_the_content_box(source: str, columns: int) -> None:
    config = small_page(560, 300, look={"columns": (columns,), "header": 0, "footer": 0})
    pages = render_document(document(source), config).pages
    assert {(page.reject, page.detail) for page in pages} == {(None, "")}
    assert solid("".join(visible_text(page.markdown) for page in pages)) == solid(visible_text(source))


def test_japanese_is_broken_between_characters_and_no_line_begins_with_a_full_stop() -> None:
    text = "組版では、行の始めに句読点を置かない。" * 30
    drawn = lay(text + "\n", small_page(), "ja")
    (element,) = (ordinals for ordinals in drawn.html.elements if ordinals)
    assert "".join(drawn.html.chars[o] for o in element) == text
    starts = [layout.ordinals[0] for layout in drawn.layouts]
    assert len(starts) > 2
    assert not {drawn.html.chars[o] for o in starts} & set("。、")
    assert "".join(solid(label) for label in labels(text + "\n", small_page(), "ja")) == text


def test_english_and_japanese_in_a_line_keep_their_spaces() -> None:
    source = "Pythonで`len(x)`を呼ぶと、length が返ります。**WeasyPrint** は PDF を書く。" * 8 + "\n"
    pages = labels(source, small_page(fonts_ja=("Noto Sans CJK JP",)), "ja")
    assert len(pages) > 1
    assert " ".join(page.strip() for page in pages).replace(" ", "") == source.strip().replace(" ", "")


def test_characters_that_no_font_has_are_known_before_layout() -> None:
    style = draw_style(document("x"), small_page())
    assert uncovered("text \u2713 \u2192 \U0001f600", style.families) == set()
    assert uncovered("\u0915 \U0001f9a5", style.families) == {"\u0915", "\U0001f9a5"}
    pages = render_document(document("A sloth \U0001f9a5 here.\n"), small_page()).pages
    assert [(page.reject, page.detail) for page in pages] == [(Reason.MISSING_GLYPH, "U+1F9A5")]


def test_spaces_that_do_not_break_stand_in_the_label() -> None:
    source = "a\u00a0b \u00a0 c and *d\u00a0e*\n\n\u00a0f `\u00a0g` \u3000h\n\n| \u00a0 | i\u00a0 |\n| --- | --- |\n"
    (page,) = labels(source, small_page(300, 300))
    assert page == source


def test_a_lone_task_box_stays_one_above_a_block() -> None:
    assert labels("- [ ] ` `\n\n  > below\n- [x] a\n", small_page()) == ["- [ ] &#32;\n\n  > below\n\n- [x] a\n"]


def test_marks_and_backslashes_at_the_edges_of_cells_and_pages_read_back() -> None:
    table = "| * | a\\\\ | ** |\n| --- | --- | --- |\n| *b | c* | \\\\\\* |\n"
    (page,) = labels(table, small_page())
    assert visible_text(page) == visible_text(table)
    words = " ".join(f"\\\\{i} *{i}\\\\* {i}\\\\" for i in range(200)) + "\n"
    pages = labels(words, small_page())
    assert len(pages) > 2
    assert " ".join(visible_text(page).strip() for page in pages) == visible_text(words)


def test_nested_lists_that_go_on_over_pages_keep_their_numbers() -> None:
    source = "".join(f"{i}. outer {i}\n" + "".join(f"   {j}) inner {j}\n" for j in range(1, 5)) for i in range(3, 9))
    pages = labels(source, small_page())
    assert len(pages) > 2
    assert re.findall(r"(\d+)[.)] (?:outer|inner) (\d+)", "".join(pages)) == [
        (number, number) for i in range(3, 9) for number in (str(i), *"1234")
    ]


def test_spans_are_places_in_the_normalised_document() -> None:
    raw = "<h1>Title</h1>\n\n<p>First <b>bold</b><br>line</p>\n\n<!-- no -->\n" + "".join(
        f"<div>Paragraph {i} of &lt;raw&gt; text, long enough for a line or two.</div>\n\n" for i in range(20)
    )
    text = normalise(raw)
    pages = render_document(document(text), small_page()).pages
    assert len(pages) > 3
    assert "".join(text[page.page_start_char : page.page_end_char] for page in pages) == text
    for page, following in itertools.zip_longest(pages, pages[1:]):
        assert page.reject is None
        assert following is None or following.page_start_char == page.page_end_char
        shown = visible_text(text[page.page_start_char : page.page_end_char])
        assert solid(visible_text(page.markdown)) == solid(shown)


def test_no_style_changes_or_adds_text_in_the_content() -> None:
    for i in range(200):
        sheet = css(
            draw_style(document("# Title\n\ntext\n", "ja" if i % 4 == 0 else "en", f"d{i}"), RenderConfig()), "en"
        )
        assert not re.search(r"text-transform|font-variant(?!-ligatures)|::?(?:before|after|first-letter)|\bq\b", sheet)
        margins = re.sub(r"@(?:top|bottom)-\w+ \{[^}]*\}", "", sheet)
        assert not re.search(r"\bcontent\s*:", margins)
