"""Figures: drawn by the renderer itself, never parted from their captions, and labelled with these alone."""

from __future__ import annotations

import re

import pytest
from render_pages import document, labels, lay, small_page

from tasks.collect.clean import normalise
from tasks.markdown import visible_text
from tasks.records import Reason
from tasks.render.document import render_document
from tasks.render.figure import draw_figure
from tasks.render.page_html import SCHEME
from tasks.render_config import RenderConfig
from tasks.scoring import composite_reward, score_page

CAPTION = "Loss of the held-out pages against steps"
DEMO = {"width": 256, "height": 96, "font_sizes": (14, 15, 16), "margins": (4, 8)}


@pytest.mark.parametrize(
    "source",
    [
        f"Before.\n\n![{CAPTION}]()\n\nAfter.\n",
        "![Figure 1: the *loss* of `x[1]` and **all** of it]()\n",
        "![Costs of \\$5, \\*stars\\* and \\_more\\_ a_b \\\\(x\\\\)]()\n".replace("\\_more\\_", "more"),
        "![The loss $\\frac{a}{b}$ of a run]()\n",
        "![See [the long *text*](https://e.org/a_b) and <https://e.org/x> here]()\n",
        "![Brackets [in a] caption \\] and \\[ more]()\n",
        "> ![設定の画面のスクリーンショット]()\n",
        f"- ![{CAPTION}]()\n- text\n  - ![{CAPTION}]()\n",
        f"1. text\n\n   ![{CAPTION}]()\n\n2. more\n",
        f"Note[^1] of it.\n\n[^1]: ![{CAPTION}]()\n",
    ],
)
def test_the_label_of_a_figure_is_its_caption(source: str) -> None:
    source = normalise(source)
    (page,) = render_document(document(source), small_page(600, 900)).pages
    assert (page.reject, page.agreement) == (None, 1)
    assert page.markdown.count("![") == source.count("![") == page.markdown.count("]()")
    assert visible_text(page.markdown) == visible_text(source)
    assert score_page(page.markdown, source)["structure"] == 1


def test_a_figure_is_drawn_and_nothing_is_fetched_for_it() -> None:
    source = normalise(f"![{CAPTION}](https://e.org/loss.png)\n\n![{CAPTION} again](file:///etc/passwd)\n")
    drawn = lay(source, small_page(600, 600))
    assert re.findall('src="([^"]*)"', drawn.html.html) == [f"{SCHEME}0", f"{SCHEME}1"]
    first, second = drawn.layouts[0].text[0], drawn.layouts[0].text[-2]
    assert all(x1 - x0 > 200 and y1 - y0 > 100 for x0, y0, x1, y1 in (first, second))
    assert "<text" not in "".join(drawing.svg for drawing in drawn.html.drawings)


def test_the_figure_of_a_place_is_always_the_same_and_others_are_not() -> None:
    assert draw_figure("a document", "7") == draw_figure("a document", "7")
    svgs = {draw_figure("a document", str(i)).svg for i in range(60)}
    assert len(svgs) == 60
    assert len({re.findall('viewBox="([^"]*)"', svg)[0] for svg in svgs}) >= 5


@pytest.mark.parametrize("columns", [1, 2])
def test_a_figure_is_not_parted_from_its_caption(columns: int) -> None:
    words = " ".join(f"word{i}" for i in range(60))
    caption = f"A caption of some lines, {words}"
    look = {"columns": (columns,), "header": 0, "footer": 0, "indent": 1.0, "justify": 1.0}
    for lines in range(12):
        source = "\n\n".join([f"Line {i}." for i in range(lines)] + [f"![{caption}]()", "After."]) + "\n"
        drawn = lay(source, small_page(560, 300, look=look))
        pages = [
            number for number, layout in enumerate(drawn.layouts) if any(y1 - y0 > 30 for _, y0, _, y1 in layout.text)
        ]
        assert len(pages) == 1
        assert f"![{caption}]()" in drawn.label(pages[0])
    assert {page.reject for page in render_document(document(source), small_page(560, 300, look=look)).pages} == {None}


def test_on_the_smallest_pages_a_figure_is_a_framed_caption() -> None:
    source = f"Before the figure stand some words.\n\n![{CAPTION}]()\n\nAfter it stand some words.\n"
    config = small_page(**DEMO)  # type: ignore[arg-type]
    assert f"![{CAPTION}]()" in "".join(labels(source, config))
    assert all(y1 - y0 < 30 for layout in lay(source, config).layouts for _, y0, _, y1 in layout.text)


def test_a_figure_fits_every_paper() -> None:
    source = "".join(f"Some text.\n\n![{CAPTION} {i}]()\n\n" for i in range(8))
    for paper in ("A4", "Letter", "A5", "card"):
        for columns in (1, 2):
            config = RenderConfig.model_validate({"look": {"papers": (paper,), "columns": (columns,)}, "dpi": 36})
            pages = render_document(document(source), config).pages
            assert {(page.reject, page.detail) for page in pages} == {(None, "")}


def test_a_caption_higher_than_the_page_is_rejected() -> None:
    source = f"Before.\n\n![{'many words of a caption ' * 30}end]()\n\nAfter.\n"
    pages = render_document(document(source), small_page(**DEMO)).pages  # type: ignore[arg-type]
    assert {page.reject for page in pages} & {Reason.GEOMETRY, Reason.DISAGREEMENT}


def test_scores_read_a_figure_by_its_caption() -> None:
    reference = f"# Title\n\nSome text.\n\n![{CAPTION}]()\n"
    same = score_page(reference.replace("]()", "](https://e.org/x.png)"), reference)
    assert {
        name: value for name, value in same.items() if value not in (None, 1) and name != "edit_similarity_raw"
    } == {}
    assert composite_reward(reference, reference).total == 1
    bare = score_page(reference.replace("![", "").replace("]()", ""), reference)
    assert bare["word_f1"] == 1
    assert bare["structure"] < 1  # type: ignore[operator]
    lost = score_page("# Title\n\nSome text.\n", reference)
    assert 0 < lost["word_recall"] < 1  # type: ignore[operator]
    assert 0 < composite_reward("# Title\n\nSome text.\n", reference).total < 1
