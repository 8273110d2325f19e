"""Which images stay, and that nothing of them is left but their captions."""

from __future__ import annotations

import pytest

from tasks.collect.clean import normalise

CAPTION = "Loss against training steps"


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        (f"![{CAPTION}](https://e.org/loss.png)\n", f"![{CAPTION}]()\n"),
        (f'![{CAPTION}](<a b.png> "A title")\n', f"![{CAPTION}]()\n"),
        (f"![{CAPTION}][loss]\n\n[loss]: loss.png\n", f"![{CAPTION}]()\n\n[loss]: loss.png\n"),
        (f"![{CAPTION}]\n\n[{CAPTION}]: loss.png\n", f"![{CAPTION}]()\n\n[{CAPTION}]: loss.png\n"),
        (
            "![Figure 1: the *loss*,\n`x[1]` \\]\\* and\\\nmore](a)\n",
            "![Figure 1: the *loss*,\n`x[1]` \\]\\* and\\\nmore]()\n",
        ),
        ("![The loss $\\mathcal{L}$ of a run](a)\n", "![The loss $\\mathcal{L}$ of a run]()\n"),
        ("![Costs \\$5 a page, [see](x)](a)\n", "![Costs \\$5 a page, [see](x)]()\n"),
        ("![A picture of ![one](a) and <b>two</b>](b)\n", "![A picture of and two]()\n"),
        ("![設定の画面](a)\n", "![設定の画面]()\n"),
        (f"> ![{CAPTION}](a)\n", f"> ![{CAPTION}]()\n"),
        (f"- ![{CAPTION}](a)\n- text\n\n  ![{CAPTION}](b)\n", f"- ![{CAPTION}]()\n- text\n\n  ![{CAPTION}]()\n"),
    ],
)
def test_an_image_alone_in_its_paragraph_under_a_caption_stays_without_its_address(text: str, clean: str) -> None:
    assert normalise(text) == clean
    assert normalise(clean) == clean


@pytest.mark.parametrize(
    "image",
    [
        "![](a.png)",
        "![logo](a.png)",
        "![Express Logo](a.png)",
        "![画面](a.png)",
        "![Screen Shot of today.png](a)",
        "![Build of the main branch](https://img.shields.io/x.svg)",
        "![Coverage badge of tests](a.svg)",
        f"[![{CAPTION}](a)](b)",
        f"*![{CAPTION}](a)*",
        f"![{CAPTION}](a) ![{CAPTION}](b)",
        f"![{CAPTION}](a)\n![{CAPTION}](b)",
        f"# ![{CAPTION}](a)",
        f"- [ ] ![{CAPTION}](a)",
        f'<img alt="{CAPTION}" src="a">',
        f"![{'word ' * 50}](a)",
    ],
)
def test_every_other_image_goes(image: str) -> None:
    assert normalise(f"Before.\n\n{image}\n\nAfter.\n") in ("Before.\n\nAfter.\n", "Before.\n\n- [ ]\n\nAfter.\n")


def test_an_image_in_a_line_of_text_goes() -> None:
    assert normalise(f"Before ![{CAPTION}](a) after.\n") == "Before after.\n"
    assert normalise(f"| a | b |\n|---|---|\n| ![{CAPTION}](a) | c |\n") == "| a | b |\n|---|---|\n|  | c |\n"
