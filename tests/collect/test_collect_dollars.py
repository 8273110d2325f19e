"""Which dollar signs are a formula's, and that the normalised text says so to every reader."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.collect.clean import normalise
from tasks.collect.dollars import is_formula
from tasks.collect.markup import nodes
from tasks.markdown import parse, visible_text


def formulas(text: str) -> list[str]:
    return [n.text for n, _ in nodes(parse(text, math=True)) if n.kind in ("InlineMath", "DisplayMath")]


@pytest.mark.parametrize(
    "text",
    [
        "costs $5 and $6",
        "US$5 and US$6.",
        "NT$100、NT$200",
        "$5、$6",
        "it is $100 (or 50$)",
        "$HOME/$USER",
        "${a}/${b}:${c}",
        "**$5** or **$6**",
        "$$ this is all prose $$",
    ],
)
def test_money_and_variables_stay_text(text: str) -> None:
    normal = normalise(text)
    assert formulas(normal) == []
    assert visible_text(normal) == text.replace("**", "")
    assert normalise(normal) == normal


@pytest.mark.parametrize(
    "text",
    [
        "$x$, $i$th, $n-1$ and $f(x)$",
        "$x<b>y</b>$",
        "$\\text{if we may say so}$",
        "$$x = y \\quad \\text{or so}$$",
        "$$\na &= b \\\\\n&= c\n$$",
        "$speed = distance / time$",
        "日本$x$語",
    ],
)
def test_formulas_stay_as_they_are(text: str) -> None:
    assert normalise(text) == text + "\n"
    assert formulas(normalise(text))


def test_what_stands_around_decides() -> None:
    assert is_formula("5", after=" ")
    assert not is_formula("5", after="6")
    assert not is_formula("5", before="S")
    assert not is_formula("{a}/", after="{")
    assert not is_formula("  ")


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.lists(st.sampled_from(["$", "$$", "\\$", "a", "5", " ", "and then", "\n", "{", "}", "`", "*", "<b>", "\\"])))
def test_normalising_dollars_is_done_once(pieces: list[str]) -> None:
    text = normalise("".join(pieces))
    assert normalise(text) == text
