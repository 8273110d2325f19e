"""Tables, lists, formulas and language tags: what their parts measure, and the rules they keep."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scoring_pages import LISTS, PAGES, TABLES

from tasks.scoring import composite_reward, score_page
from tasks.scoring.canonical import canonical
from tasks.scoring.features import extract
from tasks.scoring.languages import language
from tasks.scoring.latex import formulas, normalise_latex
from tasks.scoring.tables import equal_cells, teds, teds_structure

PARTS = ("table_structure", "table_cells", "list_f1", "math_similarity", "code_language", "edit_similarity_raw")
WORDS = st.sampled_from(["alpha", "beta", "a b", "12", "漢字", "x_1", ""])
ITEM = st.tuples(st.sampled_from(["- ", "1. ", "  - ", "   1. "]), WORDS).map("".join)
CODE = st.tuples(st.sampled_from(["", "py", "python", "js", "text"]), WORDS).map(lambda b: f"```{b[0]}\n{b[1]}\n```\n")
MATH = st.sampled_from(["$x_1$", "$$y = 2$$", r"\(x_1\)", r"\[a \le b\]", "```math\nz^2\n```\n"])
ROWS = st.lists(st.lists(WORDS, min_size=2, max_size=2), min_size=1, max_size=4)
PIPES = ROWS.map(lambda rows: "\n".join(["|h|i|", "|-|-|", *(f"|{a}|{b}|" for a, b in rows)]) + "\n")
HTML = ROWS.map(lambda rows: f"<table>{''.join(f'<tr><td>{a}</td><td>{b}</td></tr>' for a, b in rows)}</table>")
BLOCKS = st.lists(ITEM | CODE | MATH | PIPES | HTML | st.just("Some words of text."), max_size=6)
PAGE = BLOCKS.map("\n\n".join)
MANY = settings(max_examples=200, deadline=None)


@given(PAGE, PAGE)
@MANY
def test_parts_keep_the_rules(a: str, b: str) -> None:
    itself, other, both = score_page(a, a), score_page(b, b), score_page(a, b)
    for name in PARTS:
        assert itself[name] in (1, None)
        assert both[name] is None or 0 <= both[name] <= 1
        assert (both[name] is None) == (itself[name] is None and other[name] is None)
        if (itself[name] is None) != (other[name] is None):
            assert both[name] == 0
    if a.strip():
        assert all(score_page(" \n", a)[name] in (0, None) for name in PARTS)


@given(BLOCKS, st.randoms(use_true_random=False))
@MANY
def test_the_order_of_pieces_does_not_count(blocks: list[str], rng: random.Random) -> None:
    shuffled = rng.sample(blocks, len(blocks))
    apart = "\n\nSome words between.\n\n"
    parts = score_page(apart.join(shuffled), apart.join(blocks))
    for name in ("table_structure", "table_cells", "math_similarity", "code_language"):
        assert parts[name] in (None, pytest.approx(1)), name


def test_structure_of_tables_leaves_texts_out() -> None:
    truth = "|a|b|\n|-|-|\n|1|2|\n|3|4|\n"  # 1 table + 3 rows + 6 cells
    assert score_page("|a|x|\n|-|-|\n|y|2|\n|3|z|\n", truth)["table_structure"] == 1
    assert score_page("|a|b|\n|-|-|\n|1|2|\n", truth)["table_structure"] == pytest.approx(1 - 3 / 10)
    assert score_page("|a|b|c|\n|-|-|-|\n|1|2||\n|3|4||\n", truth)["table_structure"] == pytest.approx(1 - 3 / 13)


def test_cells_are_counted_in_their_rows() -> None:
    truth = "|a|b|\n|-|-|\n|1|2|\n|3|4|\n"
    assert score_page("|a|b|\n|-|-|\n|1|9|\n|3|4|\n", truth)["table_cells"] == pytest.approx(5 / 6)
    assert score_page("|a|b|\n|-|-|\n|3|4|\n", truth)["table_cells"] == pytest.approx(4 / 6)
    assert score_page("|a|b|\n|-|-|\n|3|4|\n|1|2|\n", truth)["table_cells"] == pytest.approx(4 / 6)
    assert score_page("|b|a|\n|-|-|\n|2|1|\n|4|3|\n", truth)["table_cells"] == pytest.approx(3 / 6)
    assert score_page("|a|b|c|\n|-|-|-|\n|1|2||\n|3|4||\n", truth)["table_cells"] == pytest.approx(6 / 9)
    assert score_page(f"{truth}\n|b|\n|-|\n|9|\n", truth)["table_cells"] == pytest.approx(6 / 8)


GRID = st.integers(1, 3).flatmap(
    lambda width: st.lists(st.tuples(*[st.sampled_from("ab12")] * width), min_size=1, max_size=4).map(tuple)
)


@given(GRID, GRID)
@MANY
def test_table_measures_bound_each_other(a: tuple, b: tuple) -> None:
    assert equal_cells(a, b) == equal_cells(b, a) <= min(sum(map(len, a)), sum(map(len, b)))
    assert teds(a, b) <= teds_structure(a, b) + 1e-9
    assert teds_structure(a, b) == 1 or len(a) != len(b) or len(a[0]) != len(b[0])


def test_html_tables_of_an_answer_are_tables() -> None:
    html = TABLES.replace("\n|---------|-----------:|------------:|-------:|", "").replace("\n|---|---|", "")
    lines = [
        f"<tr>{''.join(f'<td>{cell.strip()}</td>' for cell in line.strip('|').split('|'))}</tr>"
        if "|" in line
        else line
        for line in html.split("\n")
    ]
    answer = "\n".join(lines).replace("\n\n<tr>", "\n\n<table>\n<tr>").replace("</tr>\n\n", "</tr>\n</table>\n\n")
    parts = score_page(answer, TABLES)
    assert answer.count("<table>") == 2
    assert {parts[name] for name in ("table_teds", "table_structure", "table_cells", "structure")} == {1}
    assert parts["edit_similarity"] == 1
    assert composite_reward(answer, TABLES).total == 1


def test_spans_fill_the_places_they_cover() -> None:
    spans = "<table><tr><td rowspan=2>a</td><td colspan=2>b</td></tr><tr><td>c</td><td>d|e</td></tr></table>"
    assert extract(spans).tables == [(("a", "b", ""), ("a", "c", "d|e"))]
    assert extract("<table><tr><td rowspan=0>a<td colspan=x>b<tr><td>c</table>").tables == [(("a", "b"), ("c", ""))]
    assert extract("<table><tr><td>a<!-- b --></td></tr></table>").tables == [(("a",),)]
    assert extract("<table><tr><td>cut off</td><td>here").tables == [(("cut off",),)]


@pytest.mark.parametrize(
    "source", ["```html\n<table><tr><td>a</td></tr></table>\n```", "`<table><tr>`", "<table></table>", r"`\(x_1\)`"]
)
def test_code_and_empty_marks_are_left_alone(source: str) -> None:
    assert canonical(source) == source
    assert extract(source).tables == []
    assert extract(source).formulas == []


@pytest.mark.parametrize(
    "source",
    [
        r"see \[the guide\]",
        r"\[--flag=VALUE\] \[a_b\] \[x\]",
        r"\(optional\)",
        r"\(a",
        "\\(x_1\n\ny\\)",
        r"\\(x_1\\)",
        "costs $5 and $6",
    ],
)
def test_escaped_brackets_and_prices_are_prose(source: str) -> None:
    assert canonical(source) == source
    assert extract(source).formulas == []


def test_lists_are_matched_by_text_depth_and_number() -> None:
    truth = "- alpha\n- beta\n"
    assert score_page("- beta\n- alpha\n", truth)["list_f1"] == 1
    assert score_page("- alpha\n", truth)["list_f1"] == pytest.approx(2 / 3)
    assert score_page("1. alpha\n2. beta\n", truth)["list_f1"] == 0.5
    assert score_page("- alpha\n  - beta\n", truth)["list_f1"] == 0.75
    assert score_page("- alphq\n- beta\n", truth)["list_f1"] == pytest.approx(0.9)
    assert score_page("2. alpha\n3. beta\n", "1. alpha\n2. beta\n")["list_f1"] == 0.5
    assert score_page("alpha\n\nbeta\n", truth)["list_f1"] == 0
    assert extract(LISTS).items[:2] == [("Clothes", 1, None), ("a wind-proof jacket", 2, None)]
    assert extract(LISTS).items[8] == ("a rescue blanket", 2, 3)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (r"\frac{a}{b}", r"\dfrac{a}{b}"),
        ("x_{1}", "x_1"),
        ("x _ 1", "x_1"),
        ("x^2_{ij}", "x_{ij}^{2}"),
        (r"\left( a \right)", "(a)"),
        (r"a \le b", "a ≤ b"),
        (r"\text{if } x", r"\mathrm{if} x"),
        (r"f^\prime", "f'"),
        (r"f^{\prime\prime}", "f''"),
        (r"x\,dx.", "x dx"),
        ("a % note\n+ b", "a+b"),
        (r"e = 1 \tag{3}", "e=1"),
        ("α + β", r"\alpha+\beta"),
    ],
)
def test_spellings_of_a_formula_are_one(a: str, b: str) -> None:
    assert normalise_latex(a) == normalise_latex(b)


@pytest.mark.parametrize(("a", "b"), [("x_{12}", "x_12"), ("x_1", "x^1"), (r"\alpha", r"a"), ("A", "a"), ("-x", "x")])
def test_other_formulas_are_not(a: str, b: str) -> None:
    assert normalise_latex(a) != normalise_latex(b)


def test_formulas_are_matched_one_to_one() -> None:
    truth = "So $x_1$ and\n\n$$\na \\leq b\n$$\n"
    assert formulas(truth) == ["x_1", "a \\leq b"]
    assert score_page(r"So \(x_{1}\) and \[a \le b\]", truth)["math_similarity"] == 1
    assert score_page("```math\na ≤ b\n```\n\nSo $x_1$.", truth)["math_similarity"] == 1
    assert score_page("So $x_1$ and", truth)["math_similarity"] == 0.5
    assert score_page("So $x_1$ and $x_1$ and $x_1$ and $a \\leq b$", truth)["math_similarity"] == 0.5
    assert score_page("So x_1 and `$x_1$`", truth)["math_similarity"] == 0
    assert 0 < score_page("So $x_2$ and $a \\leq b$", truth)["math_similarity"] < 1


def test_language_tags_of_paired_blocks() -> None:
    truth = "```python\nx = 1\n```\n\n```js\nlet y\n```\n"
    assert score_page("```py\nx = 1\n```\n\n```javascript\nlet y\n```\n", truth)["code_language"] == 1
    assert score_page("```py\nx = 1\n```\n\n```\nlet y\n```\n", truth)["code_language"] == pytest.approx(2 / 3)
    assert score_page("```js\nx = 1\n```\n\n```py\nlet y\n```\n", truth)["code_language"] == 0
    assert score_page("```\na\n```", "```text\na\n```")["code_language"] is None
    assert [language(info) for info in ("Python", "{.py}", "language-js", "sh title=x", " ", "text")] == [
        *("python", "python", "javascript", "bash", "", "")
    ]


def test_raw_similarity_forgives_nothing() -> None:
    assert score_page("* a", "- a")["edit_similarity_raw"] == pytest.approx(2 / 3)
    assert score_page("a\n", "a")["edit_similarity_raw"] == 0.5
    assert score_page("  \n", "a b\n")["edit_similarity_raw"] == 0
    assert score_page("", " ")["edit_similarity_raw"] == 1


@pytest.mark.parametrize("name", list(PAGES)[::5])
def test_real_pages_lose_by_what_they_lose(name: str) -> None:
    page = PAGES[name]
    lines = page.split("\n")
    parts = score_page("\n".join(lines[: len(lines) // 2]), page)
    assert parts["edit_similarity_raw"] < 1
    assert all(parts[part] is None or 0 <= parts[part] <= 1 for part in PARTS)
