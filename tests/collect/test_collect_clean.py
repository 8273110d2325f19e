"""Cleaning: what goes, what stays, and that cleaning twice is cleaning once."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tasks.collect.clean import RAW, accept, normalise
from tasks.collect.figures import figures
from tasks.collect.markup import nodes
from tasks.config import CollectConfig
from tasks.markdown import parse
from tasks.records import Reason

MARKUP = [
    *("![a b c](d)", "![a b c][r]", "![a b c]( )", "![a b ", "](", "<rt>", "</rt>", "<ruby>"),
    *("<b>", "</b>", "<br>", "<br/>", "<div>", "</div>", "<p>", "</p>", "<!--", "-->", "<!-- x -->", "<script>"),
    *("</script>", "<style>", "</style>", "<pre>", "</pre>", "<h1>", "</h1>", "<table>", "</table>", "<tr>", "<td>"),
    *(
        "</td>",
        "<li>",
        "<a href='x'>",
        "</a>",
        "<img src=x>",
        "![a](b)",
        "![a b c](d)",
        "![a][r]",
        "![a b c][r]",
        "[r]: /u",
        "[![a](b)](c)",
        "[](x)",
    ),
    *("[^1]", "[^1]: ", "http://x", "<http://x>", "<?", "?>", "<![CDATA[", "]]>", "!", "[", "]", "(", ")", "<", ">"),
    *('"', "'", "&lt;", "&amp;", "&#60;", "&#8203;", "#", "# ", "===", "\u200b", "\ufe0f", "\u3000", "\xa0"),
    *("e\u0301", "\0", "\r", "\r\n", "\x0b", "\u2028", "\ud800", "a: b\n", "+++\n", "a = b\n", ":"),
]
TEXT = [
    *(
        "\n",
        "\n\n",
        "\n\n\n\n",
        "  \n",
        "\\\n",
        "\t",
        "    ",
        "  ",
        " ",
        "> ",
        "- ",
        "+ ",
        "1. ",
        "10) ",
        "* ",
        "**",
        "_",
    ),
    *(
        "`",
        "``",
        "```",
        "~~~\n",
        "```\n",
        "a",
        "b c",
        "日本",
        "---\n",
        "===\n",
        "| a | b |\n|--|--|\n",
        "| x |",
        "[ ] ",
    ),
    *("```js\nx  \n\n\n\ny\n```\n", "\ta\n\tb\n", "    code\n"),
]
nasty = st.lists(st.sampled_from([*MARKUP, *TEXT, "|"]), max_size=25).map("".join) | st.text(max_size=60)
plain = st.lists(st.sampled_from(TEXT), max_size=25).map("".join)
many = settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))


def shape(text: str) -> list[tuple[str, int, str]]:
    """Kinds, depths and texts of the tree, runs of text joined, without blank text and spaces at line ends."""
    out: list[tuple[str, int, str]] = []
    for node, depth in nodes(parse(text)):
        value = node.text if node.kind in ("Text", "Code") else ""
        if node.kind == "Text" and out and out[-1][0] == "Text":
            value = out.pop()[2] + value
        out.append((node.kind, depth, value))
    shown = [(kind, depth, value.rstrip() if kind == "Text" else value) for kind, depth, value in out]
    return [item for item in shown if item[0] != "Text" or item[2]]


@many
@given(nasty)
def test_nothing_raw_is_left_and_twice_is_once(text: str) -> None:
    clean = normalise(text)
    everything = [node for node, _ in nodes(parse(clean))]
    assert {node for node in everything if node.kind in RAW} == figures(everything)
    assert normalise(clean) == clean
    assert unicodedata.is_normalized("NFC", clean)
    assert not {unicodedata.category(c) for c in clean.replace("\n", "")} & {"Cc", "Cf", "Cs"}
    assert not clean.startswith("\n")
    assert not clean.endswith("\n\n")


@many
@given(plain)
def test_text_without_markup_keeps_its_tree(text: str) -> None:
    spaced = "\n".join(line.rstrip("\t").expandtabs(4) for line in text.split("\n"))
    assert shape(normalise(text)) == shape(spaced)


@many
@given(
    st.lists(st.sampled_from(["\t", "- ", "1. ", "a", "\n", "\n\n", " ", "    ", "```\n"]), max_size=25).map("".join)
)
def test_tabs_as_spaces_mean_the_same(text: str) -> None:
    trimmed = "\n".join(line.rstrip("\t") for line in text.split("\n"))
    spaced = "\n".join(line.expandtabs(4) for line in trimmed.split("\n"))
    assert [s[:2] for s in shape(trimmed)] == [s[:2] for s in shape(spaced)]


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("a&shy;b&#8203; &#xFFFC;\ufffcc `&shy;`\n\n    &shy;\n\n&zwj;\n", "ab c `&shy;`\n\n    &shy;\n"),
        ("\ufeffcafe\u0301\u200b so\u00adft\r\nnext\r", "café soft\nnext\n"),
        ("\ttabbed\n", "    tabbed\n"),
        ("-\tone\n-\ttwo\n", "-   one\n-   two\n"),
        ("a \nb  \nc   \n", "a\nb  \nc\n"),
        ("a\n\n\n\nb\n", "a\n\nb\n"),
        ("---\ntitle: x\ntags:\n  - y\n---\n\n# T\n", "# T\n"),
        ('+++\ntitle = "x"\n+++\n# T\n', "# T\n"),
        ("---\n\nA rule, then text.\n\n---\n", "---\n\nA rule, then text.\n\n---\n"),
        ("a<br>b\n", "a  \nb\n"),
        ("a <br/>\nb\n", "a  \nb\n"),
        ("a<br><br>b\n", "a\n\nb\n"),
        ("> - a<br>b\n", "> - a  \n>   b\n"),
        ("# a<br>b\n", "# a b\n"),
        ("| a | b |\n|---|---|\n| x<br>y | ![i](j) |\n", "| a | b |\n|---|---|\n| x y |  |\n"),
        ("a <!-- no --> b\n", "a b\n"),
        ("a <b>bold</b>, <a href='x'>link</a>.\n", "a bold, link.\n"),
        ("keep\n\n<!-- open\n\nall of this\n", "keep\n\nopen\n\nall of this\n"),
        ("a <script>evil()</script> b\n", "a b\n"),
        ("<div>\n<style>\n\np { color: red }\n\n</style>\n</div>\n\nb\n", "b\n"),
        ('<h1 align="center">\n  Title <img src="x">\n</h1>\n\ntext\n', "# Title\n\ntext\n"),
        ("<p>one</p><p>two</p>\n", "one\n\ntwo\n"),
        ("<ul><li>one</li><li><b>two</b></li></ul>\n", "- one\n\n- two\n"),
        ("<ruby>漢字<rp>(</rp><rt>かんじ</rt><rp>)</rp></ruby>です。\n", "漢字です。\n"),
        ("**<ruby>漢<rt>かん</rt>字<rt>じ</rt></ruby>**を書く\n", "**漢字**を書く\n"),
        ("<div><ruby>漢字<rt>かんじ</rt></ruby>です</div>\n", "漢字です\n"),
        ("<ruby>漢字<rt>かんじ</ruby>です。\n\nb </rt> c\n", "漢字かんじです。\n\nb c\n"),
        ("a <rt>b\n\nc <script>x</script>d\n", "a b\n\nc d\n"),
        ("<pre>a &lt; b\n  c</pre>\n", "```\na < b\n  c\n```\n"),
        (
            "<table><tr><th>a</th><th>b|c</th></tr>\n<tr><td>1</td></tr></table>\n",
            "| a | b\\|c |\n|---|---|\n| 1 |  |\n",
        ),
        ("<table><tr><td><img src=x></td><td></td></tr></table>\n\nb\n", "b\n"),
        ("[![badge](a)](b)\n[![badge](c)](d)\n\n# T\n", "# T\n"),
        ("[![badge](a)](b)\ntext [![badge](c)](d)\n", "text\n"),
        ("# ![logo](a) Title\n", "# Title\n"),
        ("# ![logo](a)\n\ntext\n", "text\n"),
        ("- ![a](b)\n- kept\n", "- kept\n"),
        ("- a\n  - ![a](b)\n- c\n", "- a\n- c\n"),
        ("> ![a](b)\n> kept\n", "> kept\n"),
        ("> ![a](b)\n\nkept\n", "kept\n"),
        ("**![a](b) bold**\n", "**bold**\n"),
        ("[](empty) text\n", "text\n"),
        ("`<b>![a](b)</b>` stays\n", "`<b>![a](b)</b>` stays\n"),
        ("```html\n<b>x</b>  \n\n\n<!-- y -->\n```\n", "```html\n<b>x</b>  \n\n\n<!-- y -->\n```\n"),
        ("    <b>indented</b>\n", "    <b>indented</b>\n"),
        ("a < b and c > d, &lt;b&gt;\n", "a < b and c > d, &lt;b&gt;\n"),
        ("<http://a.b> \\<b>\n", "<http://a.b> \\<b>\n"),
        ("❤\ufe0f and か\u3099\n", "❤ and が\n"),
        ("> [!NOTE]\n> Some text\n", "> **Note:**\n> Some text\n"),
        ("- a\n\n  > [!Tip]\n  >\n  > text\n", "- a\n\n  > **Tip:**\n  >\n  > text\n"),
        ("> [!NOTE] is text here\n", "> [!NOTE] is text here\n"),
        ("[!NOTE]\nas well\n", "[!NOTE]\nas well\n"),
        ("", ""),
        ("\ufeff \n\t\n", ""),
    ],
)
def test_examples(text: str, clean: str) -> None:
    assert normalise(text) == clean


def test_markup_hidden_in_markup_ends_as_text() -> None:
    clean = normalise("x " + "<" * 50 + "b>" * 50)
    assert "&lt;" in clean
    assert clean.startswith("x ")


@pytest.mark.parametrize(
    "piece", ["<", "[", "*", "![", "<b>", "<!--", "<a title='", "<<b>b>", "> ", "`<b>", "<?", "\u0301\u0316"]
)
@pytest.mark.timeout(120)
def test_nothing_hangs(piece: str) -> None:
    """Work that grows with the square of the length would take many minutes on this much."""
    normalise(piece * (200_000 // len(piece)))


def test_accept_wants_length_and_a_marker() -> None:
    config = CollectConfig(min_chars=20)
    assert accept("# Short\n", config) is Reason.TOO_SHORT
    assert accept("Only words, but many of them.\n", config) is Reason.NO_MARKER
    for marker in ("# heading", "- item", "```\ncode\n```", "| a | b |\n|---|---|"):
        assert accept(f"{marker}\n\nAnd enough words.\n", config) is None
