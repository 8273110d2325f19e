r"""Notations of other models in the labels' form, so that a text is scored by what it says: HTML tables as pipe tables,
`\(...\)` and `\[...\]` as `$...$` and `$$...$$`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from tasks.markdown import Node, parse
from tasks.scoring.html_tables import read_tables, table_ranges

Ranges = Sequence[tuple[int, int]]

MAX_MATH = 4_000  # characters between two delimiters
MOST_TAGS = 2 / 3  # of the text, without blanks around it; one of tags in a loop stays as it is, so that they cost
MARKUP = 120  # characters of tags that a cell may take

# tags that show nothing of their own; a long one, with something hidden in its attributes, is text like any other
_FORMATTING = re.compile(
    r"(?<!\\)</?(b|big|br|center|del|em|font|i|ins|kbd|mark|s|small|span|strike|strong|sub|sup|u)\b[^<>]{0,40}>",
    re.IGNORECASE,
)
_ESCAPE = re.compile(r"\\([\s\S])|\n[ \t]*(?=\n)")
# what tells a formula from prose in escaped brackets, of which square ones are common: \[--flag=VALUE\]
_LATEX = {
    "(": re.compile(r"\\[A-Za-z]|[\^_=+<>]|^\s*\w\s*$"),
    "[": re.compile(r"\\[A-Za-z]|\^|_\{|\s[=+<>]\s"),
}


def canonical(source: str) -> str:
    """The text with formatting tags left out, and HTML tables and bracketed formulas in the notation of the labels;
    code stays as it is.

    Of a table only what a pipe table can show is kept: rows, cells, the first row as the header.
    """
    if "<" in source:
        tags = list(_formatting(source))
        if sum(end - begin for begin, end, _ in tags) <= MOST_TAGS * len(source.strip()):
            source = _replaced(source, tags)
    if "\\(" in source or "\\[" in source:
        source = _replaced(source, list(_bracketed(source, _code_ranges(source))))
    if "<table" in source.lower():
        ranges = table_ranges(source, _code_ranges(source))
        source = _replaced(source, [(begin, end, _pipes(source[begin:end])) for begin, end in ranges])
    return source


def _formatting(source: str) -> Iterator[tuple[int, int, str]]:
    """Formatting tags outside code."""
    tags = list(_FORMATTING.finditer(source))
    code = _code_ranges(source) if tags else []
    place = 0
    for tag in tags:
        while place < len(code) and code[place][1] <= tag.start():
            place += 1
        if place == len(code) or code[place][0] > tag.start():
            yield tag.start(), tag.end(), " " if tag[1].lower() == "br" else ""


def _replaced(source: str, changes: Sequence[tuple[int, int, str]]) -> str:
    pieces, at = [], 0
    for begin, end, text in changes:
        pieces += [source[at:begin], text]
        at = end
    return "".join([*pieces, source[at:]])


def _code_ranges(source: str) -> Ranges:
    found: list[tuple[int, int]] = []
    stack: list[Node] = [parse(source)]
    while stack:
        node = stack.pop()
        if node.kind in ("Code", "CodeBlock"):
            found.append((node.start, node.end))
        else:
            stack += reversed(node.children)
    return found


def _bracketed(source: str, code: Ranges) -> Iterator[tuple[int, int, str]]:
    """Bracketed formulas: an opening bracket and the next closing one of its kind in the same paragraph."""
    place, opened, kind = 0, -1, ""
    for mark in _ESCAPE.finditer(source):
        while place < len(code) and code[place][1] <= mark.start():
            place += 1
        if (place < len(code) and code[place][0] <= mark.start()) or not mark[1]:
            opened = -1
        elif mark[1] in "([":
            opened, kind = mark.start(), mark[1]
        elif opened >= 0 and mark[1] == {"(": ")", "[": "]"}[kind]:
            inside = source[opened + 2 : mark.start()]
            if len(inside) <= MAX_MATH and "$" not in inside and _LATEX[kind].search(inside):
                fence = "$" if kind == "(" else "$$"
                yield opened, mark.end(), fence + inside.strip() + fence
            opened = -1


def _pipes(html: str) -> str:
    """The tables of a piece of HTML as pipe tables. HTML far longer than what it shows stays as it is, so that what it
    hides costs."""
    tables = [table.rows for table in read_tables([html])]
    cells = [cell for rows in tables for row in rows for cell in row]
    if not cells or len(html) > MARKUP * (1 + len(cells)) + sum(map(len, cells)):
        return html
    pipes = []
    for first, *rest in tables:
        lines = [f"| {' | '.join(map(_cell, row))} |" for row in (first, *rest)]
        pipes.append("\n".join([lines[0], "|" + "---|" * len(first), *lines[1:]]))
    return "\n\n".join(["\n", *pipes, "\n"])


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("\\", "\\\\").replace("|", "\\|")
