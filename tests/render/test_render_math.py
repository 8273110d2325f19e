"""Formulas are drawn, stand in labels as their LaTeX, and are never lost in silence."""

from __future__ import annotations

import pytest
from render_pages import document, labels, lay, small_page, solid

from tasks.collect.clean import normalise
from tasks.features import features
from tasks.markdown import visible_text
from tasks.records import Page, Reason
from tasks.render.document import render_document
from tasks.render.formula import MAX_CHARS, draw
from tasks.render.page_html import DRAWING

WIDE = "+".join("abcdefghijklmnopqrstuvwxyz" * 3)


def pages_of(markdown: str, **more: object) -> tuple[Page, ...]:
    return render_document(document(normalise(markdown)), small_page(600, 600, **more)).pages


@pytest.mark.parametrize(
    "source",
    [
        "Inline $E = mc^2$, **bold $x_1$**, [a link $y$](https://e.org) and $x$th.\n",
        "$$\n\\int_0^\\infty e^{-x^2}\\,dx = \\frac{\\sqrt{\\pi}}{2}\n$$\n",
        "- an item $\\alpha$\n- another $$\\begin{pmatrix}a & b\\\\ c & d\\end{pmatrix}$$\n",
        "> $$\\begin{aligned} a &= b \\\\ c &= d \\end{aligned}$$\n",
        "# Euler's $e^{i\\pi}+1=0$\n\nand more\n",
        "| $f(x)$ | note |\n| --- | --- |\n| $\\sqrt{x}$ | $\\|x\\|$ |\n",
        "Before.\n\n```math\n\\begin{cases} x & x>0 \\\\ -x & x \\le 0\\end{cases}\n```\n\nAfter.\n",
        "$x$$y$ and $`x_2`$\n",
    ],
)
def test_a_formula_is_drawn_and_its_label_is_its_source(source: str) -> None:
    config = small_page(600, 600)
    (page,) = labels(source, config)
    assert page == source
    drawn = lay(source, config)
    assert drawn.html.chars.count(DRAWING) >= 1
    assert not drawn.html.latex
    assert "math" in features(page)


def test_a_formula_shows_no_text_and_agreement_leaves_it_out() -> None:
    (page,) = pages_of("Some words and $\\frac{a}{b}$ in between.\n")
    assert page.agreement == 1
    assert solid(visible_text(page.markdown, formulas=False)) == "Somewordsandinbetween."


@pytest.mark.parametrize(
    "latex",
    [
        "\\undefined{x} + 1",
        "\\begin{gather}a\\end{gather}",
        "\\newcommand{\\x}{y}",
        "\\frac{a}",
        "x_",
        "\\left( a",
        "a & b",
        "\\quad",
        "{}",
        "\\text{日本語}",
        "}",
        "{" * 400 + "x" + "}" * 400,
        "x" * (MAX_CHARS + 1),
    ],
)
def test_what_cannot_be_drawn_faithfully_is_not_drawn(latex: str) -> None:
    assert draw(latex, display=False) is None
    assert draw(latex, display=True) is None


@pytest.mark.parametrize("mark", ["$", "$$"])
@pytest.mark.parametrize("latex", ["\\undefined{x} + 1", "\\begin{gather}a\\end{gather}", WIDE])
def test_a_formula_that_is_not_drawn_shows_its_source(mark: str, latex: str) -> None:
    source = f"Before {mark}{latex}{mark} after.\n"
    (page,) = labels(source, small_page(600, 600))
    assert page == source
    drawn = lay(source, small_page(600, 600))
    assert "".join(drawn.html.chars[o] for e in drawn.html.latex for o in drawn.html.elements[e]) == solid(
        mark + latex + mark
    )


def test_a_math_fence_that_is_not_drawn_is_code() -> None:
    source = "Before.\n\n```math\n\\undefined{x}\n```\n\nAfter.\n"
    (page,) = pages_of(source)
    assert (page.reject, page.markdown) == (None, source)
    assert page.agreement == 1


def test_a_formula_is_on_one_page_only() -> None:
    latex = "\\undefined{" + " ".join(["word"] * 30) + "}"
    source = "\n\n".join(["$$\\frac{a}{b}$$", f"Text ${latex}$.", "```math\nx^2\n```"] * 6) + "\n"
    pages = labels(source, small_page())
    assert len(pages) > 3
    assert "\n".join(pages) == source


def test_formulas_of_a_table_share_its_width() -> None:
    wide, wider = "+".join("abcdef"), "+".join("abcdefghijklmnopq")
    head = "| a | b | c | d | e |\n| --- | --- | --- | --- | --- |\n"
    (page,) = labels(f"{head}| ${wide}$ | ${wider}$ | ${wide}$ | ${wide}$ | ${wide}$ |\n", small_page(600, 600))
    assert page == f"{head}| ${wide}$ | ${wider}$ | ${wide}$ | ${wide}$ | ${wide}$ |\n"
    drawn = lay(page, small_page(600, 600))
    assert drawn.html.chars.count(DRAWING) == 4


def test_a_formula_that_layout_had_to_shrink_is_rejected() -> None:
    (page,) = pages_of("> " * 36 + f"${'+'.join('abcdefghijklmnopqrstuvw')}$\n")
    assert (page.reject, "too small to read" in page.detail) == (Reason.GEOMETRY, True)


def test_a_repeated_table_head_shows_its_formula_again() -> None:
    rows = "".join(f"| row {i} | $x_{{{i}}}$ |\n" for i in range(24))
    pages = labels(f"| Name | $f(x)$ |\n| --- | --- |\n{rows}", small_page())
    assert len(pages) > 2
    assert all(page.startswith("| Name | $f(x)$ |\n") for page in pages)


@pytest.mark.parametrize("text", ["Costs $5 and $6.", "Costs US$5 and US$6.", "See `$x$`, $HOME/$USER and ${a}/${b}."])
def test_a_dollar_sign_that_is_no_formula_is_text(text: str) -> None:
    (page,) = pages_of(f"{text}\n")
    assert page.reject is None
    assert "math" not in features(page.markdown)
    assert visible_text(page.markdown, formulas=False) == visible_text(text)


def test_a_plain_dollar_sign_is_escaped_only_where_it_would_be_a_formula() -> None:
    assert labels("Costs $5 and $6.\n", small_page(600, 600)) == ["Costs $5 and $6.\n"]
    assert labels("Costs US\\$5 and US\\$6.\n", small_page(600, 600)) == ["Costs US\\$5 and US\\$6.\n"]
