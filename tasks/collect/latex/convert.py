"""A self-contained LaTeX text to Markdown, or what was lost or left over on the way."""

from __future__ import annotations

import re
from collections import Counter
from functools import lru_cache
from pathlib import Path

from tasks.collect import pandoc
from tasks.collect.latex.error import LatexError, shown
from tasks.collect.latex.prepare import prepare
from tasks.markdown import BLOCKS, Node, parse

MAX_LOST = 0.1  # of a document's letters
_FILTER = Path(__file__).with_name("filter.lua")
_NOTE = re.compile(r"^\[(?:INFO|WARNING)\] ", re.MULTILINE)
_SKIPPED = re.compile(r"Skipped '(\\[A-Za-z@]+\*?)(.*)' at line", re.DOTALL)
_AMPERSAND = re.compile(r"Parsing unescaped '&' at (line \d+)")
_NAMES = re.compile(r"\\[A-Za-z@]+\*?|\[[^\[\]]*\]")
# what has arguments and shows nothing of them
_SILENT = re.compile(
    r"\\(?:begin|end|[hv]space|label|index|includegraphics|bibliographystyle|set\w*|add\w*|pagestyle|thispagestyle"
    r"|pagenumbering|newcounter|\w*counter|typeout|PackageWarning|color|definecolor|tikz\w*|usetikzlibrary|pgf\w*|page"
    r"|hypersetup|include|input|usepackage|cline|cmidrule|hskip|vskip|kern|phantom|[hv]phantom|linespread|fontsize"
    r"|email|affiliation|affil|address|institute|orcid|keywords|date|author|thanks|markboth|enlargethispage|raggedright"
    r"|new\w+|renew\w+|provide\w+|Declare\w+|New\w+)\*?"
)
_COMMAND = re.compile(r"\\(?:begin|end)\s*\{[^{}]*\}?|\\[A-Za-z]{2,}")


@lru_cache(512)  # a source that counts what intake takes has it converted, and then intake does
def to_markdown(text: str) -> str:
    """Markdown of a LaTeX document: its title, abstract and body, citations as keys in brackets, formulas in dollars.

    Raises StageError where pandoc fails or takes too long or too much memory, LatexError where more than `MAX_LOST` of
    the letters got lost in commands that nobody knows, or where commands or braces are left over in the text.
    """
    markdown, said = pandoc.convert(prepare(text), "latex", "--verbose", f"--lua-filter={_FILTER}")
    if stray := _AMPERSAND.search(said):
        raise LatexError(f"a table that is none: a stray '&' at {stray[1]} of what pandoc was given")
    _check_lost(markdown, said)
    _check_left_over(markdown)
    return markdown


def _check_lost(markdown: str, said: str) -> None:
    lost: Counter[str] = Counter()
    for note in _NOTE.split(said):
        found = _SKIPPED.match(note)
        if found and not _SILENT.fullmatch(found[1]):
            lost[found[1]] += _letters(_NAMES.sub("", found[2]))
    total, kept = lost.total(), _letters(markdown)
    if total > MAX_LOST * (total + kept):
        most = ", ".join(f"{name} ({count})" for name, count in lost.most_common(3))
        raise LatexError(f"{total} of {total + kept} letters are lost in commands that are not known: {most}")


def _letters(text: str) -> int:
    return sum(map(str.isalpha, text))


def _check_left_over(markdown: str) -> None:
    """Raises LatexError for commands and odd braces in what is neither code nor formula."""
    for part in _texts(parse(markdown, math=True)):
        if found := _COMMAND.search(part):
            around = part[max(0, found.start() - 30) : found.end() + 30]
            raise LatexError(f"the command {shown(found[0])} is left over in the text: {shown(around)}")
        if part.count("{") != part.count("}"):
            at = re.search("[{}]", part)
            assert at is not None
            around = part[max(0, at.start() - 30) : at.end() + 30]
            raise LatexError(f"a brace without its other is left over in the text: {shown(around)}")


def _texts(node: Node) -> list[str]:
    """The text of every lowest block, without its code and formulas."""
    if node.kind == "CodeBlock":
        return []
    inline = "".join(map(_plain, node.children))
    below = [text for child in node.children if child.kind in BLOCKS for text in _texts(child)]
    return [inline, *below] if inline else below


def _plain(node: Node) -> str:
    match node.kind:
        case "Text":
            return node.text
        case "SoftBreak" | "HardBreak":
            return " "
        case "Emphasis" | "Strong" | "Link" | "Image" | "Strikethrough":
            return "".join(map(_plain, node.children))
        case _:
            return ""
