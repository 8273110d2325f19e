from __future__ import annotations

from html.parser import HTMLParser

import pytest

from tasks.html.markdown import markdown_html

ALLOWED = {"class", "start", "title"}


class Parsed(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: set[str] = set()
        self.text = ""
        self.feed(str(html))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize(
    ("source", "html"),
    [
        ("# A *b*", '<p class="h1">A <em>b</em></p>'),
        ("3. a\n4. b", '<ol start="3"><li>a</li><li>b</li></ol>'),
        ("- [x] done\n- [ ] open", "<ul><li>☑ done</li><li>☐ open</li></ul>"),
        ("> q", "<blockquote><p>q</p></blockquote>"),
        ("a ~~b~~ `c<d`", "<p>a <s>b</s> <code>c&lt;d</code></p>"),
        ("```py\nx < 1\n```", "<pre>x &lt; 1\n</pre>"),
        (r"so $\frac{a}{b}$", r'<p>so <code class="formula">\frac{a}{b}</code></p>'),
        ("```math\nx^2\n```", '<pre class="formula">x^2\n</pre>'),
        ("![A cat](cat.png)", '<p class="box"><span class="picture">A cat</span></p>'),
        ("see ![]()", '<p>see <span class="picture">image</span></p>'),
        ("[here](https://a.example)", '<p><span class="link" title="https://a.example">here</span></p>'),
        (
            "| a | b |\n|---|---|\n| 1 | 2 |",
            '<div class="scroll"><table><tr class="head"><td>a</td><td>b</td></tr><tr><td>1</td><td>2</td></tr>'
            "</table></div>",
        ),
        ("a[^1]\n\n[^1]: note", '<p>a<sup>1</sup></p><div class="footnote"><sup>1</sup> <p>note</p></div>'),
    ],
)
def test_markdown_is_drawn(source: str, html: str) -> None:
    assert markdown_html(source) == html


HOSTILE = (
    "<script>alert(1)</script>",
    'text <img src=x onerror="alert(1)"> text',
    "[a](javascript:alert(1))",
    '[a](x "t\\" onmouseover=alert(1) x=\\"")',
    "![a](http://evil.example/a.png)",
    "</mark></pre></div></details><style>*{display:none}</style>",
    "```\n</pre><script>alert(1)</script>\n```",
    '[a](<"onclick=alert(1) x="y">)',
    "$</code><script>alert(1)</script>$",
    "| <b onclick=alert(1)> |\n|---|\n| </table><script>x</script> |",
    "<a href='javascript:alert(1)'>x</a>",
    "[^<script>]\n\n[^<script>]: x",
)


@pytest.mark.parametrize("source", HOSTILE)
def test_nothing_of_a_text_becomes_a_tag_an_address_or_a_handler(source: str) -> None:
    parsed = Parsed(markdown_html(source))
    assert not {"script", "img", "a", "style", "b", "iframe"} & set(parsed.tags)
    assert parsed.attributes <= ALLOWED


def test_a_tag_is_shown_as_it_is_spelt() -> None:
    assert Parsed(markdown_html(HOSTILE[0])).text == HOSTILE[0]


def test_marks_of_direction_and_control_characters_are_shown() -> None:
    assert markdown_html("a\u202eb\x1b[31m") == "<p>a\ufffdb␛[31m</p>"


@pytest.mark.parametrize("source", [">" * 12_000 + " deep", "- " * 6_000 + "deep", "*a " * 4_000, "[" * 12_000])
def test_deep_nesting_ends(source: str) -> None:
    html = markdown_html(source)
    assert len(html) < 40 * len(source)
    assert html.count("<blockquote>") <= 41
