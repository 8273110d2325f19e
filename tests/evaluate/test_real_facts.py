"""Facts of real pages: located in the text layer, true of the page, able to fail."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pymupdf
import pytest
from hypothesis import given
from hypothesis import strategies as st
from real_packages import LATEX, TABLE, TEXTS, draw_pdf

from tasks.evaluate.real.facts import LIMITS, can_fail, page_facts
from tasks.evaluate.real.located import Located
from tasks.evaluate.real.margins import body_box, running_lines
from tasks.evaluate.real.page_text import PageText, squash
from tasks.evaluate.real.pieces import Pieces, pieces
from tasks.evaluate.real.sources import to_markdown
from tasks.scoring.facts import Fact, check

HONEST = f"""# Lighting the lamps

{TEXTS[0]} {TEXTS[1]}

The distance to the horizon follows from

$$d^2 = 2rh + h^2$$

where the radius of the earth is meant.

{TEXTS[2]} {TEXTS[3]}

| {" | ".join(TABLE[0])} |
|---|---|
""" + "\n".join(f"| {' | '.join(row)} |" for row in TABLE[1:])


@pytest.fixture(scope="module")
def drawing() -> Iterator[Any]:
    with pymupdf.open(stream=draw_pdf(), filetype="pdf") as opened:
        yield opened


def located(drawing: Any, number: int, source: Pieces | None = None, language: str = "en") -> Located:
    source = source or pieces(to_markdown([LATEX.encode()], "latex", "en"), "en")
    body = PageText.of(drawing[number], body_box(drawing[number], running_lines(drawing)[number]))
    return Located(source, body, "\0".join(PageText.of(page).squashed for page in drawing), language)


def facts_of(drawing: Any, number: int, seed: str = "") -> tuple[Fact, ...]:
    return page_facts(located(drawing, number), running_lines(drawing)[number], seed)


def page_of(*lines: str) -> PageText:
    with pymupdf.open() as drawing:
        page = drawing.new_page()
        for i, line in enumerate(lines):
            page.insert_text((60, 80 + 20 * i), line, fontname="japan" if not line.isascii() else "helv")
        return PageText.of(page)


def located_on(page: PageText, markdown: str, language: str = "en", whole: str = "") -> list[str]:
    return [f.text for f in Located(pieces(markdown, language), page, whole or page.squashed, language).texts]


def test_every_fact_holds_on_an_honest_reading(drawing: Any) -> None:
    for seed in map(str, range(8)):
        facts = facts_of(drawing, 1, seed)
        assert [fact for fact in facts if not check(fact, HONEST)] == []


def test_all_kinds_of_facts_are_found(drawing: Any) -> None:
    facts = facts_of(drawing, 1)
    assert {fact.kind for fact in facts} == {"present", "absent", "order", "table", "math"}
    assert len(facts) <= sum(LIMITS.values()) == 15


def test_every_fact_can_fail(drawing: Any) -> None:
    assert all(map(can_fail, facts_of(drawing, 1)))
    assert not any(check(fact, "") for fact in facts_of(drawing, 1) if fact.kind != "absent")


def test_facts_depend_on_the_seed_alone(drawing: Any) -> None:
    assert facts_of(drawing, 1, "a") == facts_of(drawing, 1, "a")
    assert facts_of(drawing, 1, "a") != facts_of(drawing, 1, "b")


def test_a_page_that_shows_nothing_of_the_source_has_no_facts_of_it(drawing: Any) -> None:
    assert {fact.kind for fact in facts_of(drawing, 0)} == {"absent"}


def test_a_running_title_and_a_page_number_are_absent(drawing: Any) -> None:
    absent = {fact.text for fact in facts_of(drawing, 1) if fact.kind == "absent"}
    assert {"The Lighthouse Manual", "41"} <= absent


def test_a_running_title_that_the_page_says_too_is_not_asked() -> None:
    with pymupdf.open() as drawing:
        for _ in range(3):
            page = drawing.new_page()
            page.insert_text((60, 40), "Lamps and oil")
            page.insert_text((60, 300), "This is about lamps and oil.")
        assert [line.text for line in running_lines(drawing)[0]] == ["Lamps and oil"]
        source = pieces("This is about lamps and oil.", "en")
        facts = page_facts(located(drawing, 0, source), running_lines(drawing)[0], "")
    assert facts == ()


def test_the_heads_of_tables_are_no_running_lines() -> None:
    with pymupdf.open() as drawing:
        for number in range(3):
            page = drawing.new_page()
            page.insert_text((60, 40), f"Tables {number}")
            page.insert_text((60, 70), "Command")
        assert [line.text for line in running_lines(drawing)[1]] == ["Tables 1"]


def test_a_word_parted_at_the_end_of_a_line_is_found() -> None:
    page = page_of("The keeper of the light-", "house has written it.")
    assert located_on(page, "The keeper of the lighthouse has written it.") == [
        "The keeper of the lighthouse has written it."
    ]


def test_whether_a_hyphen_of_its_own_stays_is_not_asked() -> None:
    page = page_of("The keeper of the well-", "known light has written it.")
    assert located_on(page, "The keeper of the well-known light has written it.") == []


def test_what_another_page_shows_too_belongs_to_none() -> None:
    page = page_of("The keeper has written this down.")
    twice = f"{page.squashed}\0{page.squashed}"
    assert located_on(page, "The keeper has written this down.", whole=twice) == []


def test_a_heading_in_a_table_of_contents_is_not_located() -> None:
    contents = page_of("1 Lighting the lamps . . . 3")
    assert located_on(contents, "# Lighting the lamps\n\nThe keeper has written this down.") == []


def test_a_heading_is_located_above_its_text() -> None:
    page = page_of("1 Lighting the lamps", "The keeper has written this down.")
    assert located_on(page, "# Lighting the lamps\n\nThe keeper has written this down.") == [
        "Lighting the lamps",
        "The keeper has written this down.",
    ]


def test_a_japanese_clause_is_located_where_it_lies_on_one_line() -> None:
    page = page_of("灯台守は毎晩ランプに火をともす、", "そして次の朝までそれを", "見守り続けることになっている。")
    markdown = "灯台守は毎晩ランプに火をともす、そして次の朝までそれを見守り続けることになっている。"
    assert located_on(page, markdown, "ja") == ["灯台守は毎晩ランプに火をともす"]


def test_texts_that_the_layer_has_in_another_order_make_no_order_facts() -> None:
    with pymupdf.open() as drawing:
        page = drawing.new_page()
        page.insert_text((60, 300), TEXTS[1])
        page.insert_text((60, 200), TEXTS[0])
        facts = page_facts(located(drawing, 0, pieces(f"{TEXTS[0]} {TEXTS[1]}", "en")), [], "")
    assert {fact.kind for fact in facts} == {"present", "absent"}


def test_cells_that_do_not_lie_as_in_the_source_make_no_facts() -> None:
    markdown = "| Signal | Meaning |\n|---|---|\n| two bells | boat in sight |\n| one rocket | help is wanted |\n"
    with pymupdf.open() as drawing:
        page = drawing.new_page()
        for i, cell in enumerate(["help is wanted", "one rocket", "boat in sight", "two bells", "Meaning", "Signal"]):
            page.insert_text((60, 100 + 20 * i), cell)
        assert page_facts(located(drawing, 0, pieces(markdown, "en")), [], "") == ()


@given(st.text())
def test_squashing_again_changes_nothing(text: str) -> None:
    assert squash(squash(text)) == squash(text)


@given(st.lists(st.text(alphabet="abcd-é ", min_size=1, max_size=6), min_size=1, max_size=8), st.data())
def test_whole_words_are_found_where_they_stand(words: list[str], data: st.DataObject) -> None:
    squashed = [squash(word) for word in words]
    starts = [len("".join(squashed[:i])) for i in range(len(words))]
    boxes = [(10.0 * i, 0.0, 10.0 * i + 9, 9.0) for i in range(len(words))]
    page = PageText(tuple(boxes), tuple(words), "".join(squashed), tuple(starts))
    first = data.draw(st.integers(0, len(words) - 1))
    last = data.draw(st.integers(first, len(words) - 1))
    wanted = " ".join(words[first : last + 1])
    if squash(wanted):
        assert starts[first] in {place.start for place in page.find(wanted)}


def test_a_running_title_is_asked_without_its_numbers() -> None:
    with pymupdf.open() as drawing:
        for number in range(3):
            page = drawing.new_page()
            page.insert_text((60, 40), f"3. Signals by night  {number + 17}")
            page.insert_text((60, 300), "Lamps are lit here.")
        facts = page_facts(located(drawing, 1), running_lines(drawing)[1], "")
    assert [fact.text for fact in facts] == ["Signals by night"]
