"""Our checker of facts against olmOCR-bench's own test classes, on the same facts and answers.

They agree but for what `check` is stricter in on purpose; each such class is named here, and counted.
"""

import random
from collections import Counter
from dataclasses import replace

import pytest
from scoring_pages import PAGES, TABLES, WRITTEN

from tasks.scoring.fact_text import normalise_fact
from tasks.scoring.facts import Fact, check, from_olmocr, inject_typo, mine, to_olmocr
from tasks.scoring.grids import grids, near

tests = pytest.importorskip("olmocr.bench.tests", reason="olmOCR's checker is not installed")
TABLED = [name for name, page in PAGES.items() if "\n|" in page]
NAMES = list(dict.fromkeys([*WRITTEN, *TABLED[:20], *list(PAGES)[::6]]))


def theirs(fact: Fact, answer: str) -> bool:
    return bool(tests.load_single_test(to_olmocr(fact, "a.pdf", 1, "a")).run(answer)[0])


def short(fact: Fact, answer: str) -> bool:
    """The answer is shorter than what it is searched for: theirs slides it along the text, ours compares it whole."""
    return fact.kind in ("present", "absent") and len(normalise_fact(answer)) < len(normalise_fact(fact.text))


def at_the_edge(fact: Fact, answer: str) -> bool:
    """The cell stands where its table ends on the side of the neighbour that is asked for: theirs asks nothing then."""
    return any(
        near(fact.text, cell, fact.max_diffs)
        and ((fact.down and i + 1 == len(grid.rows)) or (fact.right and j + 1 == len(row)))
        for grid in grids(answer)
        for i, row in enumerate(grid.rows)
        for j, cell in enumerate(row)
    )


def damaged(page: str, seed: str) -> str:
    rng = random.Random(seed)
    return "\n".join(inject_typo(line, seed) if rng.random() < 0.3 else line for line in page.split("\n"))


def html(page: str) -> str:
    """The page's pipe tables as HTML."""
    lines = []
    for line in page.split("\n"):
        if not line.startswith("|"):
            lines.append("</table>" if lines and lines[-1].startswith("<tr>") else line)
        elif set(line) - set("|-: "):
            tag = "td" if lines and lines[-1].startswith(("<tr>", "<table>")) else "th"
            row = "".join(f"<{tag}>{cell.strip()}</{tag}>" for cell in line.strip("|").split("|"))
            lines.append(("<table>" if tag == "th" else "") + f"<tr>{row}</tr>")
    return "\n".join(lines)


def loosened(fact: Fact) -> list[Fact]:
    half = min(len(fact.text), len(fact.after) or len(fact.text)) // 2
    return [replace(fact, max_diffs=edits) for edits in (1, 4) if edits <= half]


def searched(fact: Fact) -> list[Fact]:
    if fact.kind not in ("present", "absent"):
        return []
    return [replace(fact, first_n=300), replace(fact, last_n=300), replace(fact, first_n=50, last_n=50)]


def test_both_checkers_agree_but_for_short_answers_and_missing_neighbours() -> None:
    seen: Counter[tuple[str, bool]] = Counter()
    apart: Counter[str] = Counter()
    for number, name in enumerate(NAMES):
        page = PAGES[name]
        answers = [page, damaged(page, "a"), damaged(page, "b"), html(page), PAGES[NAMES[number - 1]], ""]
        mined = [fact for fact in mine(page, "ja" if "ja" in name else "en", limit=12) if fact.kind != "math"]
        facts = [*mined, *(fact for one in mined for fact in (*loosened(one), *searched(one)))]
        for fact in facts:
            if fact.kind != "table":
                fact = replace(fact, case_sensitive=fact.kind == "order" or len(fact.text) % 2 == 0)
            for answer in [*answers, fact.text[2:9]]:
                ours = check(fact, answer)
                if ours == theirs(fact, answer):
                    seen[fact.kind, ours] += 1
                elif fact.kind == "table":
                    assert at_the_edge(fact, answer), (fact, answer)
                    assert not ours
                    apart["no neighbour"] += 1
                else:
                    assert short(fact, answer), (fact, answer)
                    assert ours == (fact.kind == "absent")  # ours does not take a fragment for the text
                    apart["short answer"] += 1
    assert len(seen) == 8  # each kind both holds and fails
    assert min(seen.values()) > 20
    assert 0 < apart["short answer"] < 0.15 * seen.total()
    assert 0 < apart["no neighbour"] < 0.05 * (seen["table", True] + seen["table", False])


CELLS = "<td>1</td><td>2</td><td>3</td>"
STRICTER = {
    "a neighbour must exist": (Fact("table", "beta", right="9.7", left="anything"), TABLES),
    "a heading is not the cell itself": (Fact("table", "Parse (ms)", top_heading="Parse (ms)"), TABLES),
    "a heading of a row is to the left": (
        Fact("table", "1", left_heading="3"),
        f"<table><tr><th>a</th><th>b</th><th>c</th></tr><tr>{CELLS}</tr></table>",
    ),
    "a heading of a column is above": (
        Fact("table", "1", top_heading="total"),
        "<table><tr><th>a</th><th>b</th></tr><tr><td>1</td><td>2</td></tr><tr><th>total</th><td>3</td></tr></table>",
    ),
    "a spanning heading spans its columns alone": (
        Fact("table", "3", top_heading="wide"),
        f"<table><tr><th colspan=2>wide</th><th>narrow</th></tr><tr>{CELLS}</tr></table>",
    ),
    "a table in a cell is another table": (
        Fact("table", "9 x"),
        "<table><tr><td>9 <table><tr><td>x</td></tr></table></td><td>8</td></tr></table>",
    ),
}


@pytest.mark.parametrize("name", STRICTER)
def test_where_ours_is_stricter(name: str) -> None:
    fact, answer = STRICTER[name]
    assert theirs(fact, answer)
    assert not check(fact, answer)


LOOSER = {
    "an escaped bar is no border": (Fact("table", "a|b", right="c"), "| h | i |\n|---|---|\n| a\\|b | c |"),
    "end tags may be missing": (Fact("table", "1", right="2", up="a"), "<table><tr><td>a<td>b<tr><td>1<td>2</table>"),
}


@pytest.mark.parametrize("name", LOOSER)
def test_where_ours_reads_what_theirs_cannot(name: str) -> None:
    fact, answer = LOOSER[name]
    assert check(fact, answer)
    assert not theirs(fact, answer)


SPANS = (
    "<table><thead><tr><th rowspan=2>Town</th><th colspan=2>Rain</th></tr><tr><th>May</th><th>June</th></tr></thead>"
    "<tr><td rowspan=2>Bergen</td><td>106</td><td>132</td></tr><tr><td>98<br/>wet</td><td>141</td></tr></table>"
)


@pytest.mark.parametrize("name", ["up", "down", "left", "right", "top_heading", "left_heading"])
def test_spans_are_read_alike(name: str) -> None:
    texts = ["Town", "Rain", "May", "June", "Bergen", "106", "132", "98 wet", "141", "no such cell"]
    for cell in ("106", "132", "98 wet", "141"):
        for other in texts:
            fact = Fact("table", cell, **{name: other})
            at_the_edge = (name, cell) in (("down", "98 wet"), ("down", "141"), ("right", "132"), ("right", "141"))
            beside = name == "left_heading" and other in ("106", "132", "98 wet", "141")  # see STRICTER
            if not at_the_edge and not beside:
                assert check(fact, SPANS) == theirs(fact, SPANS), fact


def test_their_rows_are_read_and_judged_alike() -> None:
    rows = [
        {"type": "present", "text": "Gamma “parses”  slowly", "max_diffs": 3, "first_n": None, "case_sensitive": False},
        {"type": "absent", "text": "Page 7", "last_n": 40},
        {"type": "order", "before": "Benchmark", "after": "Compare rows", "max_diffs": 2},
        {"type": "table", "cell": "66 MB", "left": "120.4", "top_heading": "Memory", "checked": "verified"},
    ]
    for row in rows:
        row = {"pdf": "a.pdf", "page": 1, "id": "a", **row}
        for answer in (TABLES, html(TABLES), damaged(TABLES, "a"), WRITTEN["prose"]):
            assert check(from_olmocr(row), answer) == tests.load_single_test(row).run(answer)[0]
