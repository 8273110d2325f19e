"""Labels written out by hand: what a page break may not do to a list, a fence, a table, or emphasis."""

from __future__ import annotations

import re

import pytest
from render_pages import document, labels, lay, small_page

from tasks.markdown import visible_text
from tasks.render.document import render_document


def test_a_cut_fence_is_opened_again_with_its_info_string() -> None:
    lines = [f"value_{i} = {i}" for i in range(20)]
    pages = labels("Before.\n\n```python title=x\n" + "\n".join(lines) + "\n```\n\nAfter.\n", small_page())
    assert len(pages) > 2
    assert all(page.count("```python title=x\n") == 1 and page.count("```") == 2 for page in pages[:-1])
    assert [line for page in pages for line in page.split("\n") if line.startswith("value_")] == lines
    assert pages[0].startswith("Before.\n\n```python title=x\nvalue_0 = 0\n")


def test_a_fence_keeps_its_indentation_and_outgrows_the_ticks_in_it() -> None:
    code = "def f():\n    if x:\n\n        return 1\n```\nnot the end\n" + "    y = 2\n" * 12
    pages = labels(f"````\n{code}````\n", small_page())
    assert len(pages) > 1
    assert pages[0].startswith("````\ndef f():\n    if x:\n\n        return 1\n```\n")
    assert all(re.fullmatch(r"```\n(    y = 2\n)+```\n", page) for page in pages[1:])


def test_an_info_string_keeps_its_backslashes_and_ampersands() -> None:
    source = "```sh a\\\\*b c\\d \\&amp; R&D\ncode\n```\n"
    assert labels(source, small_page()) == [source]


def test_a_list_that_goes_on_keeps_its_numbers() -> None:
    pages = labels("".join(f"{i}. Item number {i}.\n" for i in range(7, 27)), small_page())
    assert len(pages) > 2
    assert "".join(pages) == "".join(f"{i}. Item number {i}.\n" for i in range(7, 27))


@pytest.mark.parametrize("mark", ["-", "4."])
def test_the_rest_of_an_item_is_no_item(mark: str) -> None:
    words = " ".join(f"word{i}" for i in range(120))
    pages = labels(f"{mark} First.\n{mark} {words}\n{mark} Last.\n", small_page())
    assert len(pages) > 2
    second, last = ("-", "-") if mark == "-" else ("5.", "6.")
    assert pages[0].startswith(f"{mark} First.\n{second} word0 ")
    assert all(page.startswith("word") for page in pages[1:])
    assert pages[-1].endswith(f"\n\n{last} Last.\n")
    assert " ".join(pages).split() == f"{mark} First. {second} {words} {last} Last.".split()


def test_a_task_box_stands_where_it_is_drawn() -> None:
    words = " ".join(f"word{i}" for i in range(90))
    pages = labels(f"- [x] {words}\n- [ ] open\n", small_page())
    assert pages[0].startswith("- [x] word0 ")
    assert all(page.startswith("word") for page in pages[1:])
    assert pages[-1].endswith("\n\n- [ ] open\n")


@pytest.mark.parametrize(
    ("source", "label"),
    [
        ("- [ ] \\\n  *below* the box\n", "- [ ] \\\n  *below* the box\n"),
        ("> + [x] \\\n>   \\\n>   below\n", "> - [x] \\\n>   \\\n>   below\n"),
        ("- [ ] \\\n  below\n  ===\n", "- [ ] \\\n  below\n  ===\n"),
        ("- [ ]\n  beside\n", "- [ ] beside\n"),
    ],
)
def test_text_below_a_task_box_stays_below_it(source: str, label: str) -> None:
    assert labels(source, small_page()) == [label]


def test_a_repeated_table_head_is_in_the_label_where_it_is_shown() -> None:
    rows = "".join(f"| row {i} | `x|{i}` |\n".replace("x|", "x\\|") for i in range(24))
    source = f"Text.\n\n| *Name* | **Value** `v` |\n| :-- | --: |\n{rows}\nEnd.\n"
    pages = labels(source, small_page())
    drawn = lay(source, small_page())
    assert len(pages) > 2
    head = "| *Name* | **Value** `v` |\n| :--- | ---: |\n"
    assert all(page.count(head) == 1 for page in pages if "| row" in page)
    assert [bool(x.repeated) for x in drawn.layouts] == [i > 0 and "| row" in p for i, p in enumerate(pages)]
    assert "".join(re.findall(r"\| row.*\n", "".join(pages))) == rows


def test_a_table_that_ends_with_the_page_leaves_no_head_on_the_next() -> None:
    for count in range(2, 12):
        rows = "".join(f"| a{i} | b |\n" for i in range(count))
        pages = labels(f"| H | I |\n| --- | --- |\n{rows}\nAfter the table.\n", small_page())
        assert all(("| H |" in page) == ("| a" in page) for page in pages)


def test_nested_quotes_and_lists_stay_nested() -> None:
    source = (
        "> Quote.\n>\n"
        + "".join(f"> - outer {i}\n>   1. inner {i}\n>   2. second {i}\n" for i in range(8))
        + ">\n> > deep quote\n"
    )
    pages = labels(source, small_page())
    assert len(pages) > 2
    assert pages[0].startswith("> Quote.\n>\n> - outer 0\n>   1. inner 0\n>   2. second 0\n")
    assert pages[-1].endswith("\n> > deep quote\n")
    assert all(line.startswith(">") for page in pages for line in page.splitlines())
    order = re.findall(r"(?:outer|inner|second) \d", "".join(pages))
    assert order == [f"{name} {i}" for i in range(8) for name in ("outer", "inner", "second")]


def test_a_paragraph_is_cut_between_words() -> None:
    words = [f"word{i}" for i in range(200)]
    pages = labels(" ".join(words) + "\n", small_page())
    assert len(pages) > 2
    assert " ".join(pages).split() == words


def test_emphasis_that_is_cut_is_closed_and_opened_again() -> None:
    words = [f"word{i}" for i in range(150)]
    source = f"Plain **{' '.join(words[:70])} *{' '.join(words[70:])}*** [{' '.join(words)}](https://e.org/a_b).\n"
    pages = labels(source, small_page())
    assert len(pages) > 3
    assert pages[0].startswith("Plain **word0 ")
    assert pages[0].endswith("**\n")
    assert any(page.startswith("**_word") for page in pages)
    assert pages[-1].startswith("[word")
    assert pages[-1].endswith("](https://e.org/a_b).\n")
    assert visible_text("".join(pages)).split() == ["Plain", *words, *words[:-1], "word149."]


def test_links_can_be_left_out_of_labels() -> None:
    source = "See [the *long* text](https://e.org) and <https://e.org/x>.\n"
    assert labels(source, small_page()) == [source]
    assert labels(source, small_page(links="text")) == ["See the *long* text and https://e.org/x.\n"]


def test_emphasis_in_japanese_is_cut_between_any_two_characters() -> None:
    text = "版面の設計は読みやすさを左右する。" * 30 + "以上"
    pages = labels(f"前文**{text}**後文。\n", small_page(fonts_ja=("Noto Sans CJK JP",)), "ja")
    assert len(pages) > 2
    assert all(page.startswith("**") for page in pages[1:])
    assert "".join(visible_text(page) for page in pages) == f"前文{text}後文。"


def test_a_wide_space_at_the_end_of_a_line_does_not_stick_out() -> None:
    text = "".join(f"{'あ' * n}？\u3000" for n in range(1, 40))
    pages = render_document(document(text + "終わり。\n", "ja"), small_page(height=300)).pages
    assert {page.reject for page in pages} == {None}


def test_footnotes_keep_mark_and_name() -> None:
    words = " ".join(f"word{i}" for i in range(80))
    pages = labels(f"Claim[^why] stands.\n\n[^why]: {words}\n", small_page())
    assert pages[0].startswith("Claim[^why] stands.\n\n[^why]: word0 ")
    assert all(page.startswith("word") for page in pages[1:])


@pytest.mark.parametrize(
    "source",
    [
        "A lone \\* star, a_b_c, 2 * 3 * 4, \\_under\\_, \\`tick and <!-- no.\n",
        "1\\. not a list\n\n\\# not a heading\n\n\\- no bullet\n\n\\> no quote\n\n\\=== no line\n",
        "| a \\| b | `c \\| d` | \\* |\n| --- | --- | --- |\n| \\_x\\_ | `` ` `` | &amp;lt; |\n",
        "- one\n\n  two\n\n  - three\n\n- ---\n\n- ```\n  code\n  ```\n\n- > quote\n",
        "* a\n* b\n\n- c\n- d\n\n1. e\n\n1) f\n",
        "-\n- x\n-\n",
        "Title  \nof two lines\n===\n\nText\\\nhard  \nbroken.\n",
        "***both** one* and **a*b*c** and *x***y** and ~~z~~`q`\n",
        "**「引用」** です。 *　x* `　` &nbsp; y\n",
        '[a <https://e.org/x> b](https://e.org/y) [c](<u v> "t")\n',
        "- [x] `code` task\n- [ ] **open**\n",
    ],
)
def test_what_the_parser_may_misread_is_escaped(source: str) -> None:
    from tasks.collect.clean import normalise

    (page,) = labels(normalise(source), small_page(600, 600))
    flat = "".join(visible_text(normalise(source)).split())
    assert "".join(visible_text(page).split()) == flat


def test_plain_text_is_not_escaped() -> None:
    source = "# A heading\n\nSnake_case, 2 * 3, a < b & c, x[0], it's #1 - 100% ~ok~ (e.g. v1.2).\n"
    (page,) = labels(source.replace(" ~ok~", ""), small_page(700, 400))
    assert page == source.replace(" ~ok~", "")
