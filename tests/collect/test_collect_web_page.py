"""Web pages as MediaWiki draws them, to Markdown through the real pandoc."""

from __future__ import annotations

import pytest

from tasks.collect.clean import normalise
from tasks.collect.web_page import article, page_markdown


def markdown(html: str) -> str:
    return normalise(page_markdown(f"<html><head><title>t</title></head><body>{html}</body></html>"))


def formula(tex: str, display: str = "") -> str:
    return (
        f'<span class="mwe-math-element"><math {display}><semantics><mrow><mi>x</mi></mrow>'
        f'<annotation encoding="application/x-tex">{{\\displaystyle {tex}}}</annotation></semantics></math>'
        '<img src="https://wikimedia.org/x.svg" alt="x"></span>'
    )


def test_formulas_are_the_tex_that_was_written() -> None:
    assert markdown(f"<p>So {formula('x_{i}^{2}*y')} holds.</p>") == "So $x_{i}^{2}*y$ holds.\n"
    block = "<dl><dd>" + formula(r"\sum_{i=0}^n i", 'display="block"') + "</dd></dl>"
    assert markdown(f"<p>So:</p>{block}") == "So:\n\n$$\\sum_{i=0}^n i$$\n"


def test_code_keeps_its_lines_and_its_language() -> None:
    code = (
        '<div class="mw-highlight mw-highlight-lang-python"><pre><span>def f():</span>\n    return "&lt;"\n</pre></div>'
    )
    assert markdown(code) == '``` python\ndef f():\n    return "<"\n```\n'


def test_blocks_of_code_stay_apart() -> None:
    assert markdown("<pre>a</pre><pre>b</pre>") == "```\na\n```\n\n```\nb\n```\n"


@pytest.mark.parametrize(
    ("around", "lines"),
    [
        ("<blockquote>{}</blockquote>", ["> ```", "> a ::= b", ">   <c>", "> ```"]),
        ("<ul><li>{}</li></ul>", ["- ```", "  a ::= b", "    <c>", "  ```"]),
        ("<ol><li>x</li></ol>{}", ["1.  x", "", "```", "a ::= b", "  <c>", "```"]),
    ],
)
def test_code_stands_where_it_stood(around: str, lines: list[str]) -> None:
    assert markdown(around.format("<pre>a ::= b\n  &lt;c&gt;</pre>")).splitlines() == lines


def test_lists_that_follow_each_other_are_one() -> None:
    html = "<dl><dt>a</dt><dd>b</dd></dl> <dl><dt>c</dt><dd>d</dd></dl><ul><li>e</li></ul><ul><li>f</li></ul>"
    assert markdown(html) == "a  \nb\n\nc  \nd\n\n- e\n- f\n"


def test_tables_become_what_markdown_can_say() -> None:
    table = (
        '<table class="wikitable"><caption>Ages</caption><tbody><tr><th>Name</th><th>Year</th></tr>'
        '<tr><td rowspan="2"><p>A|B</p></td><td>1<br>2</td></tr>'
        "<tr><td><ul><li>x</li><li>y</li></ul><table><tr><td>inner</td></tr></table></td></tr></tbody></table>"
    )
    assert markdown(table).splitlines() == [
        "Ages",
        "",
        "| Name | Year |",
        "|------|------|",
        "| A\\|B | 1 2  |",
        "|      | x y  |",
    ]


@pytest.mark.parametrize(
    "frame",
    [
        '<div class="hatnote">For other uses, see below.</div>',
        '<table class="infobox"><tr><td>Born</td></tr></table>',
        '<div class="navbox"><ul><li>Related</li></ul></div>',
        "<style>p { color: red }</style><script>alert(1)</script>",
        '<sup class="mw-ref reference">[1]</sup>',
        '<figure><img src="x.png"><figcaption>A picture</figcaption></figure>',
        '<section><h2>References</h2><div class="reflist"><ol class="references"><li>r</li></ol></div></section>',
        "<section><h2>Notes</h2><section><h3>Deep</h3></section></section>",
        '<p style="display:none">hidden</p>',
    ],
)
def test_what_frames_an_article_is_left_out(frame: str) -> None:
    assert markdown(f"<p>Words.</p>{frame}") == "Words.\n"


def test_headings_with_something_under_them_stay() -> None:
    html = "<h2><i>History</i></h2><h3>Early</h3><p>Text.</p><h2>Empty</h2><h2>Last</h2><ul><li>a</li></ul>"
    assert markdown(html) == "## *History*\n\n### Early\n\nText.\n\n## Last\n\n- a\n"


def test_links_are_read_as_text() -> None:
    assert markdown('<p>A <a rel="mw:WikiLink" href="./Program">program</a> runs.</p>') == "A program runs.\n"


@pytest.mark.parametrize(
    "html", ["<div>" * 20_000 + "text", "<table>" * 2_000 + "<tr><td>x", "<p>" + "<b><i>" * 5_000, "<h2>" * 3_000]
)
def test_what_is_nested_without_end_comes_to_an_end(html: str) -> None:
    assert len(article(html)) <= len(html) + 1_000_000


def test_nothing_is_read_or_fetched() -> None:
    html = '<iframe src="file:///etc/hostname"></iframe><object data="/etc/hostname"></object><p>Words.</p>'
    assert markdown(html) == "Words.\n"
