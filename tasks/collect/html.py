"""Blocks of raw HTML as Markdown: what they show as text reads on, the rest goes. Nothing is fetched or run."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

# no '<' inside a tag and no backtracking, so that a megabyte of '<a "' costs one pass
TAG = re.compile(r"""<(/?)([A-Za-z][A-Za-z0-9:-]*+)(?:[^"'<>]++|"[^"<]*+"|'[^'<]*+')*+>""")
CLOSERS = {"<!--": "-->", "<![": "]]>", "<?": "?>", "<!": ">"}
INLINE = re.compile(
    "a|abbr|acronym|b|bdi|bdo|big|cite|code|data|del|dfn|em|font|i|img|input|ins|kbd|label|mark|nobr|path|picture|q|rp"
    "|rt|ruby|s|samp|small|source|span|strike|strong|sub|sup|svg|time|tt|u|var|wbr"
)
# the reading beside a ruby's characters, and the brackets around it: no part of the text they stand beside
RUBY = frozenset({"rp", "rt"})
HIDDEN = RUBY | {"script", "style"}


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of HTML: `name` is the tag in lower case, '' for text, '!' for comments and declarations."""

    name: str
    closing: bool
    start: int
    end: int


def tokens(source: str) -> Iterator[Token]:
    """Text and tags in order. An unclosed comment is its opener only, so that what follows is not lost."""
    unclosed: set[str] = set()
    text = position = 0
    while (start := source.find("<", position)) >= 0:
        token = None
        if match := TAG.match(source, start):
            token = Token(match[2].lower(), bool(match[1]), start, match.end())
        elif opener := next((o for o in CLOSERS if source.startswith(o, start)), None):
            # one failed search is enough: there is no closer further on either
            end = -1 if opener in unclosed else source.find(CLOSERS[opener], start + len(opener))
            if end < 0:
                unclosed.add(opener)
            if end >= 0 or opener == "<!--":
                token = Token("!", False, start, end + len(CLOSERS[opener]) if end >= 0 else start + len(opener))
        if token is None:
            position = start + 1
            continue
        if start > text:
            yield Token("", False, text, start)
        yield token
        text = position = token.end
    if len(source) > text:
        yield Token("", False, text, len(source))


def is_break(tag: str) -> bool:
    """Whether an inline tag is a line break."""
    match = TAG.match(tag)
    return bool(match and match[2].lower() == "br")


def parts_words(tag: str) -> bool:
    """Whether an inline tag keeps the words around it apart, as a cell or a paragraph does."""
    match = TAG.match(tag)
    return bool(match and not INLINE.fullmatch(match[2].lower()))


def _trim(text: str) -> str:
    """No spaces around line ends."""
    first, *rest = text.split("\n")
    if not rest:
        return first
    return "\n".join([first.rstrip(" "), *(line.strip(" ") for line in rest[:-1]), rest[-1].lstrip(" ")])


def _fence(code: str) -> list[str]:
    longest = max((len(run) for run in re.findall("`+", code)), default=0)
    marks = "`" * max(3, longest + 1)
    return ["", marks, *code.strip("\n").split("\n"), marks, ""]


def _table(rows: list[list[str]]) -> list[str]:
    """A pipe table whose first row is the head; what has no second row or column is paragraphs."""
    cells = [[" ".join(cell.split()).replace("|", "\\|") for cell in row] for row in rows]
    cells = [row for row in cells if any(row)]
    width = max(map(len, cells), default=0)
    if len(cells) < 2 or width < 2:
        return [line for row in cells for cell in row for line in ("", cell)]
    lines = ["| " + " | ".join(row + [""] * (width - len(row))) + " |" for row in cells]
    return ["", lines[0], "|" + "---|" * width, *lines[1:], ""]


def to_markdown(source: str) -> list[str]:
    """Markdown lines for a block of HTML: headings, items, tables, rules, breaks and preformatted text are converted,
    other tags are dropped, block tags part paragraphs; scripts, styles, readings of ruby and comments go with their
    content."""
    found = list(tokens(source))
    writer = _Writer(closed={token.name for token in found if token.closing})
    for token in found:
        writer.feed(token, source[token.start : token.end])
    return writer.finish()


@dataclass(slots=True)
class _Writer:
    closed: set[str]
    lines: list[str] = field(default_factory=list)
    out: list[str] = field(default_factory=list)
    # where text goes while a heading, a table or an element taken whole is open
    heading: list[str] | None = None
    rows: list[list[str]] | None = None
    whole: str = ""
    code: list[str] = field(default_factory=list)

    def feed(self, token: Token, text: str) -> None:
        name = token.name
        opens = not token.closing and name in self.closed
        if self.whole:
            self.take_whole(token, text)
        elif not name:
            self.text(text)
        elif opens and (name in HIDDEN or (name == "pre" and self.rows is None and self.heading is None)):
            self.whole = name
        elif self.rows is not None:
            self.take_table(token)
        elif opens and name == "table" and self.heading is None:
            self.rows = []
        elif re.fullmatch("h[1-6]", name):
            self.take_heading(int(name[1]), opens)
        elif name == "!" or (self.heading is None and name != "br" and INLINE.fullmatch(name)):
            return
        elif self.heading is not None:
            self.heading.append("" if INLINE.fullmatch(name) else " ")
        elif name == "br":
            self.out.append("  \n")
        elif name == "hr":
            self.out.append("\n\n***\n\n")
        elif name == "li" and not token.closing:
            self.out.append("\n- ")
        elif self.out[-1:] != ["\n- "]:
            self.out.append("\n\n")

    def text(self, text: str) -> None:
        if self.heading is not None:
            self.heading.append(text)
        elif self.rows is None:
            self.out.append(_trim(text))
        elif self.rows and self.rows[-1]:
            self.rows[-1][-1] += text
        elif text.strip():
            self.rows.append([text])

    def take_whole(self, token: Token, text: str) -> None:
        if token.closing and token.name == self.whole:
            if self.whole == "pre":
                self.flush()
                self.lines += _fence(html.unescape("".join(self.code)))
            self.code.clear()
            self.whole = ""
        elif not token.name:
            self.code.append(text)

    def take_table(self, token: Token) -> None:
        assert self.rows is not None
        if token.name == "tr" and not token.closing:
            self.rows.append([])
        elif token.name in ("td", "th") and not token.closing:
            if not self.rows:
                self.rows.append([])
            self.rows[-1].append("")
        elif token.name == "table" and token.closing:
            self.flush()
            self.lines += _table(self.rows)
            self.rows = None
        elif token.name != "!" and not INLINE.fullmatch(token.name) and self.rows and self.rows[-1]:
            self.rows[-1][-1] += " "

    def take_heading(self, level: int, opens: bool) -> None:
        title = " ".join("".join(self.heading or []).split())
        self.out.append(f"\n\n{'#' * level} {title}\n\n" if title else "\n\n")
        self.heading = [] if opens else None

    def flush(self) -> None:
        self.lines += (line.lstrip(" ") for line in "".join(self.out).split("\n"))
        self.out.clear()

    def finish(self) -> list[str]:
        self.out += [*(self.heading or []), *self.code]
        self.flush()
        return self.lines + _table(self.rows or [])
