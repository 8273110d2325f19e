"""Our measures against the packages that are known for them."""

from html import escape

import jiwer
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rapidfuzz import fuzz
from rapidfuzz.distance import Levenshtein
from scoring_pages import PAGES, WRITTEN
from table_recognition_metric import TEDS

from tasks.markdown import visible_text
from tasks.scoring import character_error_rate, score_page, word_error_rate
from tasks.scoring.fact_text import holds
from tasks.scoring.features import Table, extract
from tasks.scoring.tables import MAX_NODE_PAIRS, exact_distance, in_place, size, teds, teds_structure
from tasks.scoring.text import normalise, words
from tasks.scoring.typos import inject_typo

MANY = settings(max_examples=150, deadline=None)
TEXT = st.text("ab cd\n", min_size=1, max_size=60)
GRID = st.tuples(st.integers(1, 4), st.integers(1, 3)).flatmap(
    lambda shape: st.lists(
        st.tuples(*[st.sampled_from(["", "a", "ab", "xyz", "12", "1,200"])] * shape[1]),
        min_size=shape[0],
        max_size=shape[0],
    ).map(tuple)
)


def as_html(table: Table) -> str:
    """The table as the other package has it: no header, which it would put one level deeper."""
    rows = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in table)
    return f"<html><body><table>{rows}</table></body></html>"


def compare(a: Table, b: Table) -> None:
    """Equal, but where it pays to take the header for a row: ours then charges up to one node on each side for it."""
    for structure_only, ours in ((False, teds(a, b)), (True, teds_structure(a, b))):
        theirs = max(0.0, TEDS(structure_only=structure_only)(as_html(a), as_html(b)))  # theirs may be negative
        assert ours <= theirs + 1e-6
        assert ours >= theirs - 2 / max(size(a), size(b)) - 1e-6
        if len(a) == len(b) and a[0] == b[0] and structure_only:
            assert ours == pytest.approx(theirs)


@given(GRID, GRID)
@MANY
def test_teds_of_generated_tables(a: Table, b: Table) -> None:
    compare(a, b)


@given(GRID, st.data())
@MANY
def test_teds_is_theirs_where_the_header_stays_in_place(a: Table, data: st.DataObject) -> None:
    """Cells change, rows below the header go: what a reading of a table does to it."""
    kept = [row for row in a[1:] if data.draw(st.booleans())]
    b = (
        ("head " + a[0][0], *a[0][1:]),
        *(tuple(cell + "x" if data.draw(st.booleans()) else cell for cell in row) for row in kept),
    )
    a = (("head " + a[0][0], *a[0][1:]), *a[1:])
    for structure_only, ours in ((False, teds(a, b)), (True, teds_structure(a, b))):
        assert ours == pytest.approx(max(0.0, TEDS(structure_only)(as_html(a), as_html(b))), abs=1e-6)


@given(GRID, st.data())
@MANY
def test_cells_in_their_places_give_the_tree_edit_distance(a: Table, data: st.DataObject) -> None:
    changed = [tuple(data.draw(st.sampled_from([cell, cell + "x", "12"])) for cell in row) for row in a]
    assert min(2.0, in_place(a, tuple(changed))) == pytest.approx(min(2.0, exact_distance(a, tuple(changed))))


def test_teds_of_the_pages_tables() -> None:
    tables = [table for page in PAGES.values() for table in extract(page).tables if size(table) <= 40]
    assert len(tables) >= 5
    same = 0
    for a in tables[:12]:
        for b in tables[:12]:
            if size(a) * size(b) <= MAX_NODE_PAIRS:
                compare(a, b)
                same += 1
        wrong = (a[0], *(tuple(inject_typo(cell, "t") for cell in row) for row in a[1:]))
        compare(wrong, a)
    assert same > 20


@pytest.mark.parametrize("name", WRITTEN)
def test_error_rates_are_those_of_jiwer(name: str) -> None:
    page = WRITTEN[name]
    answer = "\n".join(inject_typo(line, name) for line in page.split("\n")[:-3])
    a, b = normalise(visible_text(answer)), normalise(visible_text(page))
    assert character_error_rate(answer, page) == pytest.approx(jiwer.cer(b, a))
    assert word_error_rate(answer, page) == pytest.approx(jiwer.wer(" ".join(words(b)), " ".join(words(a))))
    assert character_error_rate(page, page) == word_error_rate(page, page) == 0


def test_error_rates_of_nothing() -> None:
    assert character_error_rate("", "abc") == word_error_rate("", "abc") == 1
    assert character_error_rate("abc", "---") is None
    assert word_error_rate("abc", "...") is None
    assert word_error_rate("one two three", "one") == 2
    assert character_error_rate(">" * 5_000, "word") == pytest.approx(1250)


@given(TEXT.filter(str.strip), TEXT.filter(str.strip))
@MANY
def test_edit_similarity_of_plain_text_is_rapidfuzz_on_its_normalised_form(a: str, b: str) -> None:
    plain = [" ".join(text.split()) for text in (a, b)]
    parts = score_page(*plain)
    shorter, longer = sorted(map(len, plain))
    expected = min(Levenshtein.normalized_similarity(*plain), 2 * shorter / longer)
    assert parts["edit_similarity"] == pytest.approx(expected)
    assert score_page(a, b)["edit_similarity_raw"] == pytest.approx(Levenshtein.normalized_similarity(a, b))


@given(st.text("abc ", min_size=1, max_size=12), st.text("abc ", max_size=80), st.integers(0, 3))
@MANY
def test_a_text_is_held_as_partial_ratio_has_it(text: str, answer: str, edits: int) -> None:
    if len(answer) >= len(text):
        assert holds(text, answer, edits) == (fuzz.partial_ratio(text, answer) / 100 >= 1 - edits / len(text))
