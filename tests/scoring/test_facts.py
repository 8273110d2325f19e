"""Facts: what holds, what does not, and what is refused."""

import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scoring_pages import INSTALL, JA_TABLE, TABLES

from tasks.scoring.fact_text import extent
from tasks.scoring.facts import Fact, check, from_olmocr, pass_rate, to_olmocr

HTML = """\
<table><thead><tr><th rowspan="2">Town</th><th colspan="2">Rain (mm)</th></tr>
<tr><th>May</th><th>June</th></tr></thead>
<tr><td rowspan=2>Bergen</td><td>106</td><td>132</td></tr><tr><td>98<br>wet</td><td>141</td></tr></table>
"""


@pytest.mark.parametrize(
    ("fact", "answer", "holds"),
    [
        (Fact("present", "runs on Linux"), INSTALL, True),
        (Fact("present", "runs on linux"), INSTALL, False),
        (Fact("present", "runs on linux", case_sensitive=False), INSTALL, True),
        (Fact("present", "runs on Linux and"), "it **runs** on\n_Linux_<br>and", True),
        (Fact("present", "“it’s” – one"), '"it\'s" - one', True),
        (Fact("present", "caf\u00e9"), "cafe\u0301 bar", True),
        (Fact("present", "signs in as admin", max_diffs=2), "then sgns in as admn to", True),
        (Fact("present", "signs in as admin", max_diffs=1), "then sgns in as admn to", False),
        (Fact("present", "alpha", first_n=10), "alpha beta gamma", True),
        (Fact("present", "gamma", first_n=10), "alpha beta gamma", False),
        (Fact("present", "gamma", last_n=5), "alpha beta gamma", True),
        (Fact("present", "alpha", last_n=5), "alpha beta gamma", False),
        (Fact("present", "beta", first_n=5, last_n=5), "alpha beta gamma", False),
        (Fact("present", "a long sentence of the page"), "a", False),
        (Fact("present", "a page", max_diffs=1), "a pag", True),
        (Fact("absent", "a long sentence of the page"), "a", True),
        (Fact("absent", "alpha", last_n=5), "alpha beta gamma", True),
        (Fact("absent", "page 12"), "", True),
        (Fact("absent", "runs on Linux"), INSTALL, False),
        (Fact("order", "one", after="two"), "one two", True),
        (Fact("order", "two", after="one"), "one two", False),
        (Fact("order", "two", after="one"), "one two one", True),
        (Fact("order", "one", after="three"), "one two", False),
        (Fact("order", "the first", after="the second", max_diffs=1), "the frst, the secnd", True),
        (Fact("order", "the second", after="the first", max_diffs=1), "the frst, the secnd", False),
        (Fact("table", "beta", right="9.7", up="alpha", down="gamma", top_heading="Library"), TABLES, True),
        (Fact("table", "66 MB", left="120.4", left_heading="beta", top_heading="Memory"), TABLES, True),
        (Fact("table", "beta", right="120.4"), TABLES, False),
        (Fact("table", "beta", left="9.7"), TABLES, False),
        (Fact("table", "gamma", down="threads"), TABLES, False),
        (Fact("table", "66 MB", left_heading="alpha"), TABLES, False),
        (Fact("table", "66 MX", max_diffs=1), TABLES, True),
        (Fact("table", "那覇", right="29.0℃"), JA_TABLE, True),
        (Fact("table", "a|b", right="c"), "| h | i |\n|---|---|\n| a\\|b | c |", True),
        (Fact("table", "b", right="c"), "loose | lines\nb | c", True),
        (Fact("table", "b"), "one | line", False),
        (Fact("table", "141", top_heading="Rain (mm)", left_heading="Bergen", up="132"), HTML, True),
        (Fact("table", "141", top_heading="May"), HTML, False),
        (Fact("table", "Bergen", top_heading="Rain (mm)"), HTML, False),
        (Fact("table", "141", top_heading="June", left_heading="Bergen", up="132", left="98 wet"), HTML, True),
        (Fact("table", "106", top_heading="Rain (mm)", up="May"), HTML, True),
        (Fact("table", "Bergen", up="Town", down="Bergen"), HTML, True),
        (Fact("table", "106", left_heading="132"), HTML, False),
        (Fact("table", "106", right="132"), f"```html\n{HTML}```", True),
        (Fact("table", "9", right="8"), "<table><tr><td>9<table><tr><td>x</table><td>8</table>", True),
        (Fact("math", r"\frac{a}{b} \leq x_{1}"), r"so $\dfrac{a}{b}\le x_1$.", True),
        (Fact("math", "x_1"), r"so \(x_1\) and \[y\]", True),
        (Fact("math", "x_1"), "```math\nx_1\n```", True),
        (Fact("math", "x_1"), "`$x_1$` and\n\n```\n$x_1$\n```", False),
        (Fact("math", "x_1 + y"), "$x_2+y$", False),
        (Fact("math", "x_1 + y", max_diffs=1), "$x_2+y$", True),
    ],
)
def test_what_holds(fact: Fact, answer: str, holds: bool) -> None:
    assert check(fact, answer) is holds


def test_pass_rate_is_the_share_that_holds() -> None:
    facts = [Fact("present", "alpha"), Fact("absent", "alpha"), Fact("present", "beta"), Fact("present", "delta")]
    assert pass_rate(facts, "alpha beta") == 0.5
    assert pass_rate([], "alpha") is None


@pytest.mark.parametrize(
    "fields",
    [
        {"kind": "baseline", "text": "a"},
        {"kind": "present", "text": " **** "},
        {"kind": "order", "text": "a"},
        {"kind": "present", "text": "a", "max_diffs": -1},
        {"kind": "present", "text": "a" * 2_000},
    ],
)
def test_a_fact_without_sense_is_refused(fields: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="fact"):
        Fact(**fields)


FACTS = [
    Fact("present", "text", max_diffs=2, case_sensitive=False, first_n=9),
    Fact("absent", "text", last_n=30),
    Fact("order", "one two", after="three four", max_diffs=1),
    Fact("table", "c", up="u", down="d", left="l", right="r", top_heading="t", left_heading="h"),
    Fact("math", r"\alpha + 1"),
]


@pytest.mark.parametrize("fact", FACTS, ids=lambda fact: fact.kind)
def test_a_fact_comes_back_from_its_row(fact: Fact) -> None:
    row = to_olmocr(fact, "a.pdf", 3, "a_3")
    assert (row["pdf"], row["page"], row["id"], row["type"]) == ("a.pdf", 3, "a_3", fact.kind)
    assert from_olmocr(json.loads(json.dumps(row))) == fact
    assert from_olmocr(row | {"checked": "verified", "url": "https://a.example"}) == fact


@pytest.mark.parametrize(
    "row",
    [
        {"type": "baseline"},
        {"type": "present"},
        {"type": "present", "text": None},
        {"type": "present", "text": "a", "max_diffs": 1.5},
        {"type": "present", "text": "a", "first_n": -4},
        {"type": "present", "text": "a", "threshold": 0.9},
        {"type": "order", "before": "abc", "after": ""},
        {"type": "order", "before": "abc", "after": "abcdefgh", "max_diffs": 2},
        {"type": "table", "cell": "a", "ignore_markdown_tables": True},
        {"type": "math", "math": "a", "ignore_dollar_delimited": True},
        {},
    ],
)
def test_a_row_that_no_fact_expresses_is_named(row: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="row t7"):
        from_olmocr({"pdf": "a.pdf", "page": 1, "id": "t7", **row})


def test_switches_that_are_off_are_no_obstacle() -> None:
    row = {"type": "table", "cell": "a", "ignore_markdown_tables": False, "up": None}
    assert from_olmocr(row) == Fact("table", "a")


@given(st.text("ab ", min_size=3, max_size=8), st.text("ab c", max_size=40), st.integers(0, 2))
@settings(max_examples=300, deadline=None)
def test_readings_are_found_where_they_begin(text: str, answer: str, edits: int) -> None:
    found = extent(text, answer, edits)
    near = [
        (i, j)
        for i in range(len(answer) + 1)
        for j in range(i, len(answer) + 1)
        if abs(j - i - len(text)) <= edits and _distance(text, answer[i:j]) <= edits
    ]
    assert (found is None) == (not near)
    if found:
        assert {found[0], found[1]} <= {i for i, _ in near}
        assert found[0] <= found[1]


def _distance(a: str, b: str) -> int:
    line = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        line, above = [i], line
        for j, y in enumerate(b, 1):
            line.append(min(above[j] + 1, line[-1] + 1, above[j - 1] + (x != y)))
    return line[-1]


N = 100_000
HOSTILE = {
    "tables in tables": "<table><tr><td>" * (N // 15),
    "rows": "<table>" + "<tr>" * (N // 4),
    "spans": "<table>" + "<tr><td rowspan=9999999 colspan=99>a" * 3_000 + "</table>",
    "many tables": "<table><tr><td>a<td>b</table>\n" * (N // 30),
    "open tag": "<table " + "a" * N,
    "comments": "<table><tr><!--" * (N // 15),
    "bars": "|a|\n" * (N // 4),
    "dollars": "$x" * (N // 2),
    "brackets": r"\(x_1" * (N // 5),
    "scripts": f"${'x^{' * (N // 3)}$",
    "underscores": "_a" * (N // 2),
    "same words": "ab" * (N // 2),
    "same sentence": "これは長い文章です。" * (N // 10),
    "combining marks": "a" + "\u0301\u0316" * (N // 2),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_long_junk_is_checked_in_bounded_time(name: str) -> None:
    facts = [
        Fact("present", "ab" * 40 + "cc", max_diffs=20),
        Fact("order", "abab" * 40, after="baba" * 40, max_diffs=10),
        Fact("table", "a", right="b", top_heading="x"),
        Fact("math", "x_1 + 2", max_diffs=3),
    ]
    begin = time.process_time()
    assert pass_rate(facts, HOSTILE[name]) is not None
    assert time.process_time() - begin < 15
