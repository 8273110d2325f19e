"""Real documents, damaged: what a folder of Markdown from anywhere may hold."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from random import Random

from tasks.collect.sources.corpus import CORPUS

SPRINKLES = (
    *("*", "**", "_", "~~", "`", "```", "$", "$$", "[", "]", "](", "](<", "![", "|", "\\", "<", ">", "&", "#", "\n"),
    *(
        "  \n",
        "\\\n",
        "\t",
        "\n\n",
        "- ",
        "1. ",
        "999999999. ",
        "- [ ] ",
        "[^1]",
        "[^1]: ",
        "[a]: /b",
        "---",
        "===",
        ":",
    ),
    *("\u202e", "\u2067", "\u200f", "\u200b", "\u200d", "\ufeff", "\u2060", "\u00ad", "\ufe0f", "\u3000", "\u00a0"),
    *("\u0301", "\u0301" * 40, "\u20dd", "\u3099", "\uff9e", "\u0e33", "\u1160", "\u0600", "\U000e0041", "\U0001f1ef"),
    *(
        "\u2028",
        "\x0b",
        "\x0c",
        "\x85",
        "\x1b[31m",
        "\ufffc",
        "\ufffd",
        "\ufdfa",
        "\U0001f468\u200d\U0001f469",
        "ﬁ",
        "İ",
    ),
    *("&#xD800;", "&#0;", "&#x202e;", "&nbsp;", "&shy;", "&zwj;", "&#x110000;", "&#10;", "\\ud800", "&amp;amp;"),
)
PIECES = (
    *("<div>", "</div>", "<br>", "<!--", "-->", "<pre>", "</pre>", "<table><tr><td>", "</table>", "<details>", "<p"),
    *("<style>p { display: none }</style>", "<script>", "<![CDATA[", "<?php ?>", "<b>bold</b>", "<img src=x>", "<hr>"),
    *("<ruby>字<rt>じ</rt></ruby>", "<h2>Title</h2>", "<ul><li>one<li>two</ul>", "<a href='x'>y</a>", "<svg><text>z"),
    *(
        "$x^2$",
        "$\\frac{a}{b}$",
        "$$\n\\begin{matrix} a & b \\\\ c\n$$",
        "$\\href{x}{y}$",
        "$5 and $6",
        "$`x`$",
        "$\\$$",
    ),
)
FENCES = ("```", "~~~", "````", "``` math", "```js title=`a`", "    ", "> ```", "- ~~~")
TABLES = ("| a | b |\n| --- |\n| c |", "| a |\n|---|---|", "|\n|-|\n|", "| `a|b` | c\n|:-:|-:|\n| \\| | $x|y$ |")


@cache
def _corpus() -> tuple[str, ...]:
    return tuple(path.read_text(encoding="utf-8") for path in sorted(CORPUS.rglob("*.md")))


def _piece(rng: Random, low: int, high: int) -> str:
    """Some lines of a document of the corpus."""
    text = rng.choice(_corpus())
    start = text.rfind("\n", 0, rng.randrange(len(text))) + 1
    return text[start : start + rng.randint(low, high)]


def _place(rng: Random, text: str) -> int:
    """Anywhere, or more often where a line begins."""
    at = rng.randint(0, len(text))
    return at if rng.random() < 0.4 else text.rfind("\n", 0, at) + 1


def _insert(rng: Random, text: str, pieces: tuple[str, ...], most: int) -> str:
    for _ in range(rng.randint(1, most)):
        at = _place(rng, text)
        text = text[:at] + rng.choice(pieces) + text[at:]
    return text


def _flip(rng: Random, text: str) -> str:
    raw = bytearray(text.encode())
    for _ in range(rng.randint(1, 12)):
        raw[rng.randrange(len(raw))] ^= 1 << rng.randrange(8)
    return raw.decode(errors=rng.choice(["replace", "ignore"])).replace("\0", "")


def _drop(rng: Random, text: str) -> str:
    start = rng.randint(0, len(text))
    return text[:start] + text[start + rng.randint(1, 200) :]


def _splice(rng: Random, text: str) -> str:
    at = rng.randint(0, len(text))
    return text[:at] + _piece(rng, 20, 500) + text[at:]


def _repeat(rng: Random, text: str) -> str:
    lines = text.split("\n")
    at = rng.randrange(len(lines))
    lines[at : at + 1] = lines[at : at + rng.randint(1, 3)] * rng.choice([2, 2, 3, 20])
    return "\n".join(lines)


def _shuffle(rng: Random, text: str) -> str:
    lines = text.split("\n")
    a, b = rng.randrange(len(lines)), rng.randrange(len(lines))
    lines[a], lines[b] = lines[b], lines[a]
    return "\n".join(lines)


def _join(rng: Random, text: str) -> str:
    return text.replace("\n", rng.choice(["", " ", "\r\n", "\r", "\n\n"]), rng.randint(1, 30))


def _nest(rng: Random, text: str) -> str:
    """Some lines deep in quotes or lists."""
    lines = text.split("\n")
    a = rng.randrange(len(lines))
    prefix = rng.choice(["> ", "- ", "  ", "    ", "1. ", "> - ", ">", "* > "]) * rng.choice([1, 1, 2, 5, 12, 80])
    for i in range(a, min(len(lines), a + rng.randint(1, 12))):
        lines[i] = prefix + lines[i]
    return "\n".join(lines)


def _long(rng: Random, text: str) -> str:
    at = rng.randint(0, len(text))
    return text[:at] + rng.choice(["x", "漢", "*a", "[", "`", "|", "$", "&", "\u0301", "- ", "<"]) * 200 + text[at:]


MUTATIONS: tuple[Callable[[Random, str], str], ...] = (
    *(_flip, _drop, _splice, _repeat, _shuffle, _join, _nest, _long),
    *(lambda rng, text: _insert(rng, text, SPRINKLES, 12),) * 3,
    *(lambda rng, text: _insert(rng, text, PIECES, 6),) * 2,
    lambda rng, text: _insert(rng, text, tuple(f"\n{fence}\n" for fence in FENCES), 3),
    lambda rng, text: _insert(rng, text, tuple(f"\n\n{table}\n\n" for table in TABLES), 2),
    lambda rng, text: text.replace(rng.choice(["|", "`", "\n\n", "-", " ", "*"]), "", rng.randint(1, 20)),
)


def mutated_document(seed: int) -> bytes:
    """The bytes of a file: a piece of a real document after some mutations; now and then no text at all."""
    rng = Random(seed)
    text = _piece(rng, 250, 900)
    for _ in range(rng.choice([1, 1, 2, 3, 5])):
        text = rng.choice(MUTATIONS)(rng, text or "x")
    raw = text.encode()
    if rng.random() < 0.02:
        at = rng.randint(0, len(raw))
        raw = raw[:at] + rng.choice([b"\0", b"\xed\xa0\x80", b"\xff", b"\xc0\x80"]) + raw[at:]
    return raw
