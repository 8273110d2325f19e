"""What each part measures."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scoring_pages import CODE, INSTALL, LISTS, PROSE, TABLES

from tasks.scoring import repetition_rate, score_page
from tasks.scoring.features import extract
from tasks.scoring.tables import MAX_NODE_PAIRS, aligned_distance, size, teds


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("**bold** and _more_", "bold and more"),
        ("Title\n=====\n\n* a\n* b", "# Title\n\n- a\n- b"),
        ("| a | b |\n|:--|--:|\n|1|2|", "|a|b|\n| --- | --- |\n| 1 | 2 |"),
        ("see [the guide](https://a.example)", "see [the guide](https://b.example)"),
        ("ＡＢＣ１２３", "ABC123"),
        ("one\ntwo", "one two"),
        ("~~~py\nx\n~~~", "```python\nx\n```"),
        ("~~~\nx\n~~~", "```text\nx\n```"),
        ("<table><tr><th>a<th>b<tr><td>1<td>2</table>", "|a|b|\n|-|-|\n|1|2|"),
        (r"so \(a_1\) is \[x = 2\]", "so $a_1$ is $$x = 2$$"),
        ("```math\nx^2\n```", "$$\nx^2\n$$"),
        ("***\n", "---\n"),
        ("3. a\n3. b", "3) a\n4) b"),
        ("word\u00ad\u200b", "word"),
    ],
)
def test_spellings_of_the_same_page_are_equal(a: str, b: str) -> None:
    assert all(value in (1, None) for name, value in score_page(a, b).items() if name != "edit_similarity_raw")
    assert score_page(a, b)["edit_similarity_raw"] < 1


@pytest.mark.parametrize("junk", ["<!-- notes to myself -->", "[ref]: https://junk.example", "![](x)", "<div>"])
def test_what_a_page_hides_still_costs(junk: str) -> None:
    assert score_page(f"{PROSE}\n\n{junk}\n", PROSE)["edit_similarity"] < 1


def test_what_a_table_hides_costs() -> None:
    plain = f"{PROSE}\n\n<table><tr><td>one</td><td>two</td></tr></table>"
    assert score_page(plain, f"{PROSE}\n\n|one|two|\n|-|-|")["edit_similarity"] == 1
    for junk in (f"<!-- {PROSE} -->", f"<tr title='{PROSE}'>"):
        hidden = score_page(plain.replace("<tr>", f"<tr>{junk}"), f"{PROSE}\n\n|one|two|\n|-|-|")
        assert hidden["edit_similarity"] < 0.6


@pytest.mark.parametrize("loop", ["*", "-", "`", "[r]: s\n", "<b>", "[](x)", "\n---\n", "word "])
def test_an_answer_that_runs_on_loses_its_edit_similarity(loop: str) -> None:
    assert score_page(f"{PROSE}\n\n{loop * 20_000}", PROSE)["edit_similarity"] < 0.1


def test_words_are_cjk_characters_and_lower_case_runs() -> None:
    parts = score_page("Python で 書く", "python で書け now")
    assert parts["word_precision"] == pytest.approx(3 / 4)
    assert parts["word_recall"] == pytest.approx(3 / 5)
    assert parts["word_f1"] == pytest.approx(6 / 9)


def test_headings_are_matched_one_to_one_by_text_and_level() -> None:
    truth = "# Alpha\n\n## Beta\n"
    assert score_page("# Alpha\n\n# Alpha\n\n# Alpha\n\n## Beta", truth)["heading_precision"] == 0.5
    assert score_page("# Alpha\n\n# Alpha\n\n# Alpha\n\n## Beta", truth)["heading_recall"] == 1
    assert score_page("# Alpha\n\n# Alpha\n\n# Alpha\n\n## Beta", truth)["heading_f1"] == pytest.approx(2 / 3)
    assert score_page("# Alpha\n\n### Beta", truth)["heading_f1"] == 0.75
    assert score_page("# Alphq\n\n## Beta", truth)["heading_f1"] == pytest.approx(0.9)
    assert score_page("Alpha\n\nBeta", truth)["heading_f1"] == 0
    assert score_page("```\n# Alpha\n```", truth)["heading_f1"] == 0


def test_code_blocks_are_averaged_over_the_greater_number() -> None:
    truth = "```\nabcd\n```\n\n```\nwxyz\n```\n"
    assert score_page("```\nwxyz\n```\n", truth)["code_similarity"] == 0.5
    assert score_page("```\nwxyz\n```\n", truth)["code_count"] == 0.5
    swapped = score_page("```\nwxyz\n```\n\n```\nabcx\n```\n", truth)
    assert swapped["code_similarity"] == pytest.approx((1 + 0.75) / 2)
    assert score_page("```\n  x\n```", "```\nx\n```")["code_similarity"] < 1


def test_teds_of_known_edits() -> None:
    truth = "|a|b|\n|-|-|\n|1|2|\n|3|4|\n"  # 1 table + 3 rows + 6 cells
    assert score_page("|a|b|\n|-|-|\n|1|2|\n", truth)["table_teds"] == pytest.approx(1 - 3 / 10)
    assert score_page("|a|b|\n|-|-|\n|1|9|\n|3|4|\n", truth)["table_teds"] == pytest.approx(1 - 1 / 10)
    assert score_page("|a|b|c|\n|-|-|-|\n|1|2||\n|3|4||\n", truth)["table_teds"] == pytest.approx(1 - 3 / 13)
    assert score_page("a b 1 2 3 4", truth)["table_teds"] == 0
    assert score_page(f"{truth}\n{truth}", truth)["table_teds"] == 0.5


def test_tables_in_another_order_are_still_found() -> None:
    first, second = "|a|b|\n|-|-|\n|one|two|\n", "|c|\n|-|\n|three|\n"
    assert score_page(f"{second}\n{first}", f"{first}\n{second}")["table_teds"] == 1


GRID = st.tuples(st.integers(1, 4), st.integers(1, 3)).flatmap(
    lambda shape: st.lists(
        st.tuples(*[st.sampled_from(["", "a", "ab", "xyz", "12"])] * shape[1]), min_size=shape[0], max_size=shape[0]
    ).map(tuple)
)


@given(GRID, GRID)
@settings(max_examples=200, deadline=None)
def test_alignment_bounds_the_tree_edit_distance(a: tuple, b: tuple) -> None:
    assert size(a) * size(b) <= MAX_NODE_PAIRS
    exact = (1 - teds(a, b)) * max(size(a), size(b))
    assert aligned_distance(a, b) >= exact - 1e-6
    assert aligned_distance(a, b) == pytest.approx(aligned_distance(b, a))
    if len(a[0]) == len(b[0]) == 1:
        assert aligned_distance(a, b) == pytest.approx(exact)


def test_large_tables_are_scored_by_alignment() -> None:
    def table(rows: range) -> str:
        return "|n|square|\n|-|-|\n" + "".join(f"|{n}|{n * n}|\n" for n in rows)

    nodes = 1 + 3 * 61
    assert score_page(table(range(100, 150)), table(range(100, 160)))["table_teds"] == pytest.approx(1 - 30 / nodes)
    beyond_the_cap = score_page(table(range(1000)), table(range(1, 1001)))["table_teds"]
    assert beyond_the_cap == pytest.approx(1 - (2 * 3 + 901 * 3) / (1 + 1001 * 3))


def test_reading_order_counts_what_stays_in_order() -> None:
    one, two, three = "Alpha comes first here.", "Bravo stands second now.", "Never mind the third one."
    truth = f"{one}\n\n{two}\n\n{three}"
    assert score_page(f"{two}\n\n{one}\n\n{three}", truth)["reading_order"] == pytest.approx(2 / 3)
    assert score_page(f"{one}\n\n{two}", truth)["reading_order"] == pytest.approx(4 / 5)
    assert score_page(f"{one}\n\n{two}\n\n{three}\n\n{two}", truth)["reading_order"] == pytest.approx(6 / 7)
    assert score_page(f"{one} {two} {three}", truth)["reading_order"] == 1
    assert score_page("xxxxxxxxxxxxxxxxxxxxxxxx", truth)["reading_order"] == 0
    assert score_page(one.replace("first", "frist"), one)["reading_order"] == pytest.approx(21 / 23)


def test_structure_is_an_average_over_classes() -> None:
    assert score_page("a\n\nb", "a\n\nb\n\nc\n\nd")["structure"] == pytest.approx(4 / 6)
    assert score_page("a\n\n- b", "a")["structure"] == 0.5
    assert score_page("## a\n\nb", "# a\n\nb")["structure"] == 0.5
    assert score_page("- a\n- b", "- a\n  - b")["structure"] == 0.5
    assert score_page("1. a", "- a")["structure"] == 0
    assert score_page("|a|\n|-|\n|b|", "|a|\n|-|\n|b|\n|c|")["structure"] == pytest.approx(4 / 5)


def test_a_fence_that_never_closes_is_a_fault_unless_the_page_has_it() -> None:
    closed, unclosed = "Text.\n\n```\ncode\n```", "Text.\n\n```\ncode"
    assert score_page(unclosed, closed)["structure"] == pytest.approx(2 / 3)
    assert score_page(unclosed, unclosed)["structure"] == 1
    for source in ("    indented\n    code", "- ```\n  a\n  ```\n- b", "> ~~~~\n> ```\n> ~~~~", "```\n```"):
        assert "unclosed fence" not in extract(source).shape, source
    for source in ("```", "````\na\n```", "> ```\n> a\n\nb", "~~~\n```", "```\na ```"):
        assert "unclosed fence" in extract(source).shape, source


def test_features_of_real_pages() -> None:
    assert extract(INSTALL).headings == [(1, "Installing the server"), (2, "Upgrading")]
    assert [len(table) for table in extract(TABLES).tables] == [4, 3]
    assert [code.count("\n") + 1 for code in extract(CODE).code] == [5, 2, 2]
    assert extract(LISTS).shape["item"] == {(1, 0): 5, (2, 0): 3, (2, 1): 3}
    assert extract(LISTS).shape["task"] == {(0,): 1, (1,): 1}
    assert extract("3. a\n3. b\n   - c").text == "3. a 4. b - c"
    assert extract(PROSE).shape == {"paragraph": {(): 4}}


def test_repetition_is_a_rate() -> None:
    assert repetition_rate(PROSE) == 0
    assert repetition_rate("") == 0
    assert repetition_rate("over and over again " * 100) > 0.9


@pytest.mark.parametrize("tag", ["mark", "b", "SPAN", "sup"])
def test_formatting_tags_are_emphasis_like_any_other(tag: str) -> None:
    plain = "# Title\n\nThe status is fine here.\n"
    marked = f"# <{tag}>Title</{tag}>\n\nThe <{tag} class='x'>status</{tag}> is fine<br>here.\n"
    found = score_page(marked, plain)
    assert {name: value for name, value in found.items() if value is not None and name != "edit_similarity_raw"} == {
        name: 1.0 for name, value in found.items() if value is not None and name != "edit_similarity_raw"
    }


def test_what_is_hidden_in_a_tag_costs() -> None:
    plain = "The status is fine here.\n"
    assert score_page(plain.replace("status", f'<span title="{"junk " * 20}">status</span>'), plain)["word_f1"] < 0.5
