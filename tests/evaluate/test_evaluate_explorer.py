from __future__ import annotations

from pathlib import Path

import pytest
from evaluation_inputs import FACTS, Tags, content_of, labelled, set_page, system_read

from tasks.evaluate.report.explorer import MOST_PAGES, by_change, in_words
from tasks.evaluate.report.marked import marked
from tasks.evaluate.report.stage import render_report
from tasks.html import frame
from tasks.html.text import MAX_CHARS
from tasks.scoring.facts import Fact


def test_facts_are_shown_with_what_holds_for_whom(tmp_path: Path) -> None:
    pages = [set_page(i, None, f"f{i}", facts=FACTS) for i in range(2)]
    reads = [system_read("a", pages, ["It says hello"] * 2), system_read("b", pages, ["goodbye"] * 2)]
    text = Tags(render_report(content_of(tmp_path, pages, reads))).shown
    assert "has “hello” ✓ yes ✗ no" in text
    assert "has “says” before “hello” ✓ yes ✗ no" in text
    assert "has no “goodbye” ✓ yes ✗ no" in text
    assert "Label" not in text
    assert "b is worse than a" in text


def test_facts_in_words() -> None:
    cell = Fact("table", "7", up="Total", left_heading="2024")
    assert in_words(cell) == "has the table cell “7” with up “Total”, left heading “2024”"
    assert in_words(Fact("present", "x", first_n=50)) == "has “x” in its first 50 characters"
    assert in_words(Fact("math", r"\frac12")) == r"has the formula \frac12"


def test_marks_show_what_differs() -> None:
    assert marked("a new word", "a word") == "a <ins>new </ins>word"
    assert marked("a word", "a new word") == "a <del>new </del>word"
    assert marked("a <b> word", "a <i> word") == "a &lt;<ins>b</ins>&gt; word"
    assert marked("東京と", "東京に") == "東京<ins>と</ins>"
    assert marked("same", "same") == "same"
    assert marked("x " * MAX_CHARS, "x").endswith(f"{MAX_CHARS:,} more characters")


def test_pages_come_by_change_whatever_its_sign() -> None:
    assert by_change([0.1, None, -0.5, 0.3, 0.0]) == [2, 3, 0, 4, 1]


def test_a_report_has_a_size_and_says_which_pages_it_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    label = "words " * 100
    pages = labelled([label] * (MOST_PAGES + 5), [f"f{i % 30}" for i in range(MOST_PAGES + 5)])
    hostile = ["x" * 100_000, *[label] * (len(pages) - 1)]
    reads = [system_read("base", pages, [label] * len(pages)), system_read("sft", pages, hostile)]
    content = content_of(tmp_path, pages, reads)
    assert len(content.views) == MOST_PAGES
    assert content.views[0].page.page_id == "p0", "the largest change"
    monkeypatch.setattr(frame, "MOST_BYTES", 200_000)
    html = render_report(content)
    assert 150_000 < len(html.encode()) < 300_000
    assert "94,000 more characters" in html
    shown = html.count('data-scores="')
    assert f"{shown} of {MOST_PAGES + 5} pages, as many as a report holds" in html
