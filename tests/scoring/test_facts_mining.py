"""Mining facts from labels."""

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scoring_pages import JA_TABLE, PAGES, TABLES, WRITTEN

from tasks.scoring import composite_reward, facts_score
from tasks.scoring.fact_text import normalise_fact
from tasks.scoring.facts import check, inject_typo, mine, pass_rate

MATH = r"""
# Energy

The energy of a body at rest is $E = mc^2$, as everybody knows by now.

$$
\int_0^1 x^2 \, dx = \frac{1}{3}
$$

It costs $5 and $6, and `$x_1$` is code.

```math
a_1 \leq b_2
```
"""


def language(name: str) -> str:
    return "ja" if name.startswith("ja") or "/ja/" in name else "en"


@given(st.text(max_size=60), st.text(max_size=5))
@settings(max_examples=300, deadline=None)
def test_a_typing_error_changes_a_text_and_always_the_same_way(text: str, seed: str) -> None:
    wrong = inject_typo(text, seed)
    assert wrong == inject_typo(text, seed)
    assert (wrong != text) == any(c.isalnum() for c in text)
    assert abs(len(wrong) - len(text)) <= len(text)


@given(st.lists(st.sampled_from(["word", "other", "日本語", "1862", "a"]), min_size=2, max_size=6).map(" ".join))
@settings(max_examples=200, deadline=None)
def test_errors_leave_space_and_marks_in_place(text: str) -> None:
    marked = f"({text}) — end."
    wrong = inject_typo(marked)
    assert [c for c in wrong if not c.isalnum() and c != " "] == list("()—.")


@pytest.mark.parametrize("name", PAGES)
def test_mined_facts_hold_on_the_label_and_mostly_fail_elsewhere(name: str) -> None:
    facts = mine(PAGES[name], language(name), limit=12)
    assert len(facts) == len(set(facts)) <= 12
    assert pass_rate(facts, PAGES[name]) in (1, None)
    asked = [fact for fact in facts if fact.kind != "absent"]
    other = WRITTEN["ja prose" if language(name) == "en" else "lists"]
    assert (pass_rate(asked, other) or 0) == 0 or PAGES[name] == other
    for fact in facts:
        if fact.kind == "absent":
            assert normalise_fact(fact.text) not in normalise_fact(PAGES[name])


@pytest.mark.parametrize("name", WRITTEN)
def test_a_label_full_of_errors_fails(name: str) -> None:
    label = WRITTEN[name]
    facts = [fact for fact in mine(label, language(name)) if fact.kind != "absent"]
    wrong = label
    for i in range(3):
        wrong = "\n".join(inject_typo(line, str(i)) for line in wrong.split("\n"))
    assert len(facts) >= 4
    assert (pass_rate(facts, wrong) or 0) < 0.5


def test_every_kind_is_mined_where_the_page_has_it() -> None:
    assert {fact.kind for fact in mine(TABLES)} == {"present", "absent", "order", "table"}
    assert {fact.kind for fact in mine(JA_TABLE, "ja")} == {"present", "absent", "order", "table"}
    assert sorted(fact.text for fact in mine(MATH) if fact.kind == "math") == [
        "E = mc^2",
        r"\int_0^1 x^2 \, dx = \frac{1}{3}",
        r"a_1 \leq b_2",
    ]


def test_japanese_sentences_end_without_spaces() -> None:
    texts = [fact.text for fact in mine(WRITTEN["ja prose"], "ja", limit=60) if fact.kind == "present"]
    assert "夕方になると、対岸の灯りが一つずつともる。" in texts
    assert all(text.endswith("。") for text in texts)


def test_what_stands_twice_is_not_asked() -> None:
    sentence = "This sentence stands on the page twice."
    facts = mine(f"{sentence}\n\nAnd another one stands here only once.\n\n{sentence}")
    assert sentence not in [text for fact in facts for text in (fact.text, fact.after) if fact.kind != "absent"]


def test_mining_is_the_same_under_any_hash_seed_and_differs_by_seed() -> None:
    program = (
        "from tasks.scoring.facts import mine; import sys; "
        "print(mine(open(sys.argv[1], encoding='utf-8').read(), 'en', 's', 9))"
    )
    root = Path(__file__).parents[2]
    page = root / "tests" / "scoring" / "scoring_pages.py"
    runs = {
        subprocess.run(
            [sys.executable, "-c", program, str(page)],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(root)},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("0", "1")
    }
    assert len(runs) == 1
    assert mine(TABLES, seed="a") == mine(TABLES, seed="a")
    assert mine(TABLES, seed="a", limit=4) != mine(TABLES, seed="b", limit=4)


def test_the_limit_is_shared_among_kinds() -> None:
    assert Counter(fact.kind for fact in mine(TABLES, limit=4)) == dict.fromkeys(
        ("present", "absent", "order", "table"), 1
    )
    assert mine(TABLES, limit=0) == []
    assert mine("") == mine("# \n\n---") == []


def test_facts_are_a_reward_where_they_are_weighted() -> None:
    weights = {"facts": 1.0}
    assert composite_reward(TABLES, TABLES, weights).total == 1
    assert composite_reward("", TABLES, weights).total == 0
    assert composite_reward("x", TABLES, weights).total == 0
    half = composite_reward(TABLES[: len(TABLES) // 2], TABLES, weights)
    assert 0.05 < half.total < 0.7
    assert half.parts["facts"] == half.total
    assert "facts" not in composite_reward(TABLES, TABLES).parts
    mixed = composite_reward(TABLES, TABLES.replace("gamma", "delta"), {"facts": 1, "edit_similarity": 1})
    assert 0.5 < mixed.total < 1


def test_a_page_without_facts_has_no_fact_score() -> None:
    assert facts_score("anything", "---") is None
    assert composite_reward("---", "---", {"facts": 1}).total == 1
    assert composite_reward("", "---", {"facts": 1}).total == 0


@given(st.sampled_from(sorted(WRITTEN.values())), st.text(max_size=200))
@settings(max_examples=60, deadline=None)
def test_fact_scores_are_bounded(label: str, answer: str) -> None:
    assert facts_score(label, label) == 1
    assert 0 <= (facts_score(answer, label) or 0) <= 1
    assert all(isinstance(check(fact, answer), bool) for fact in mine(label, limit=5))
