"""The rules that every score keeps, on generated texts and on real pages."""

import itertools
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scoring_pages import PAGES, WRITTEN

from tasks.scoring import PARTS, PRESETS, composite_reward, score_page

SYMMETRIC = tuple(part for part in PARTS if "precision" not in part and "recall" not in part and part != "table_teds")
MARKUP = st.lists(
    st.sampled_from(
        [
            *(
                "# ",
                "## ",
                "\n",
                "\n\n",
                "- ",
                "1. ",
                "  ",
                "    ",
                "> ",
                "```",
                "~~~",
                "a",
                "bc d.",
                "**",
                "`",
                "---",
                "===",
            ),
            *(
                "[x](y)",
                "![i](j)",
                "<b>",
                "<!--",
                "[^1]",
                "[^1]: ",
                "[r]: s",
                "漢字。",
                "é",
                "\\",
                "- [x] ",
                "~~",
                "&amp;",
                "$",
                "$$",
                "x_1",
                "\\(x^2\\)",
                "```math\n",
                "<table>",
                "<tr><td>a",
                "</table>",
            ),
        ]
    ),
    max_size=40,
).map("".join)
TABLES = st.lists(st.sampled_from(["|", "|a|b|\n|-|-|\n", "|1|2|\n", "x", "\n"]), max_size=12).map("".join)
TEXTS = st.text(max_size=200) | MARKUP | TABLES | st.sampled_from(sorted(WRITTEN.values()))
EXACT = settings(max_examples=300, deadline=None)


def perfect(parts: dict[str, float | None]) -> bool:
    return all(value is None or value == 1 for value in parts.values())


@given(TEXTS)
@EXACT
def test_a_text_scores_one_against_itself(text: str) -> None:
    assert perfect(score_page(text, text))
    # the same page, parsed by itself; only the raw text tells them apart
    again = score_page(text + "\n", text) | {"edit_similarity_raw": None}
    assert perfect(again) or text.rstrip(" \n") != text
    for preset in PRESETS:
        assert composite_reward(text, text, preset).total == 1


@given(TEXTS, TEXTS)
@EXACT
def test_scores_are_bounded_symmetric_and_repeatable(a: str, b: str) -> None:
    forward, backward = score_page(a, b), score_page(b, a)
    assert tuple(forward) == PARTS
    assert all(value is None or 0 <= value <= 1 for value in forward.values())
    assert forward == score_page(a, b)
    for name in SYMMETRIC:
        assert forward[name] == (None if backward[name] is None else pytest.approx(backward[name]))
    for kind in ("word", "heading"):
        assert forward[f"{kind}_precision"] == backward[f"{kind}_recall"]
    assert 0 <= composite_reward(a, b).total <= 1


@given(TEXTS, TEXTS)
@EXACT
def test_a_part_is_none_only_where_both_texts_lack_the_feature(a: str, b: str) -> None:
    of_a, of_b, both = score_page(a, a), score_page(b, b), score_page(a, b)
    for name in PARTS:
        assert (both[name] is None) == (of_a[name] is None and of_b[name] is None)
        if (of_a[name] is None) != (of_b[name] is None):
            assert both[name] == 0


@given(TEXTS.filter(lambda text: text.strip()), st.sampled_from(["", " \n\t", "<think>hm</think>", "<think># A page"]))
@EXACT
def test_an_empty_answer_to_a_page_scores_nothing(page: str, answer: str) -> None:
    score = composite_reward(answer, page)
    assert score.total == 0
    assert all(value in (0, None) for value in score.parts.values())
    assert composite_reward(answer, page, {"table_teds": 1}).total == 0


@pytest.mark.parametrize("name", PAGES)
def test_real_page_against_itself_empty_and_doubled(name: str) -> None:
    page = PAGES[name]
    assert perfect(score_page(page, page))
    assert perfect(score_page(f"\n{page}\n\n", page) | {"edit_similarity_raw": None})
    assert composite_reward("", page).total == 0
    for preset in PRESETS:
        assert composite_reward(f"{page}\n\n{page}", page, preset).total <= 0.7


@pytest.mark.parametrize("name", WRITTEN)
@pytest.mark.parametrize("blank_lines_too", [False, True])
def test_shuffled_lines_lose(name: str, blank_lines_too: bool) -> None:
    page, rng = WRITTEN[name], random.Random(7)
    lines = page.split("\n")
    moving = [i for i, line in enumerate(lines) if blank_lines_too or line.strip()]
    for _ in range(20):
        shuffled = list(lines)
        for i, j in zip(moving, rng.sample(moving, len(moving)), strict=True):
            shuffled[i] = lines[j]
        assert composite_reward("\n".join(shuffled), page).total <= 0.9


def test_shuffled_lines_of_corpus_pages_lose() -> None:
    rng = random.Random(7)
    for name, page in PAGES.items():
        lines = [line for line in page.split("\n") if line.strip()]
        if len(set(lines)) < 10:
            continue  # of a few long lines a shuffle may move next to nothing
        shuffled = "\n".join(rng.sample(lines, len(lines)))
        assert composite_reward(shuffled, page).total <= 0.9, name


def test_unrelated_pages_score_low() -> None:
    for a, b in itertools.permutations(WRITTEN, 2):
        assert composite_reward(WRITTEN[a], WRITTEN[b]).total <= 0.35, (a, b)


def test_unrelated_corpus_pages_score_low() -> None:
    rng = random.Random(7)
    names = sorted(PAGES)
    pairs = [(a, b) for a, b in (rng.sample(names, 2) for _ in range(600)) if a.split("#")[0] != b.split("#")[0]]
    totals = sorted(composite_reward(PAGES[a], PAGES[b]).total for a, b in pairs)
    assert totals[int(len(totals) * 0.99)] <= 0.35  # two pages that share a heading may lie above


INVENTED = {
    "heading_f1": "## Further reading",
    "table_teds": "| a | b |\n|---|---|\n| 1 | 2 |",
    "code_count": "```\nx = 1\n```",
    "code_similarity": "```\nx = 1\n```",
    "table_structure": "<table><tr><td>1</td></tr></table>",
    "table_cells": "| a | b |\n|---|---|\n| 1 | 2 |",
    "list_f1": "- one thing more",
    "math_similarity": r"So energy and mass are one and the same thing: \(e = m c^2\).",
    "code_language": "```python\nx = 1\n```",
}


@pytest.mark.parametrize("part", INVENTED)
def test_what_only_the_answer_has_is_never_free(part: str) -> None:
    pages = [page for page in WRITTEN.values() if score_page(page, page)[part] is None]
    assert pages
    for page in pages:
        score = composite_reward(f"{page}\n\n{INVENTED[part]}\n", page)
        assert score.parts[part] == 0
        assert score.total <= 0.97
        assert composite_reward(page, f"{page}\n\n{INVENTED[part]}\n").parts[part] == 0


@pytest.mark.parametrize("name", WRITTEN)
def test_more_damage_scores_less(name: str) -> None:
    page, rng = WRITTEN[name], random.Random(3)
    order = rng.sample(range(len(page)), len(page))
    totals = []
    for share in (0.0, 0.1, 0.3, 0.6):
        damaged = list(page)
        for i in order[: int(share * len(page))]:
            damaged[i] = "x"
        totals.append(composite_reward("".join(damaged), page).total)
    assert totals == sorted(totals, reverse=True)
    assert totals[0] == 1
    assert totals[-1] < 0.5


@pytest.mark.parametrize("bad", [None, b"# page", 3, ["# page"]])
def test_only_texts_are_compared(bad: object) -> None:
    for call in (score_page, composite_reward):
        with pytest.raises(TypeError, match="str"):
            call(bad, "# page")
        with pytest.raises(TypeError, match="str"):
            call("# page", bad)
