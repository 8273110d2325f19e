"""A Markdown text as pieces that can be looked up on a page: headings, sentences, formulas, tables, in their order."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from tasks.markdown import Node, parse

Kind = Literal["heading", "sentence", "part", "inline", "display"]

_GAP = "\ufffc"  # what is no plain text: code, an image, a footnote's mark; formulas come between two of them
_SENTENCE = {
    "en": re.compile(r"(?<=[.!?])(?<!\b\w\.)(?<!\b(?:cf|vs|Dr|Mr|No|pp)\.)(?<!\b(?:Fig|Sec|Eqs|etc)\.)\s+(?=[A-Z])"),
    "ja": re.compile(r"(?<=[。！？．])(?![」』）)])\s*"),
}
_SOFT_HYPHEN = "\u00ad"
_FLOATING = ("Table", "Image")


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of the text; a part is what stands before, between or after the formulas and code of a sentence.

    `flows`: it stands in the running text, where source order is reading order (a caption or a footnote does not).
    """

    kind: Kind
    text: str
    flows: bool


@dataclass(slots=True)
class Pieces:
    """`tables`: rows of cells, the head first; None for a cell that holds more than text."""

    running: list[Piece] = field(default_factory=list)
    tables: list[list[list[str | None]]] = field(default_factory=list)


def pieces(markdown: str, language: str) -> Pieces:
    """The pieces of a document, in source order."""
    found = Pieces()
    blocks = parse(unicodedata.normalize("NFC", markdown).replace(_SOFT_HYPHEN, ""), math=True).children
    for i, node in enumerate(blocks):
        # what touches a table or a figure may be its caption
        flows = not any(map(_floats, blocks[max(0, i - 1) : i + 2]))
        _walk(node, flows, language, found)
    return found


def _floats(node: Node) -> bool:
    return node.kind in _FLOATING or any(child.kind in _FLOATING for child in node.children)


def _walk(node: Node, flows: bool, language: str, found: Pieces) -> None:
    if node.kind == "Table":
        found.tables.append([[_cell(cell) for cell in row.children] for row in node.children])
        return
    run: list[Node] = []  # an item of a tight list holds its text itself
    for child in [*node.children, None]:
        if child is not None and _is_inline(child):
            run.append(child)
            continue
        if run:
            found.running += _text(run, node.kind, flows, language)
            run = []
        if child is not None:
            _walk(child, flows and node.kind != "FootnoteDefinition", language, found)


def _is_inline(node: Node) -> bool:
    return node.kind in _INLINE


_INLINE = frozenset(
    (
        *("Text", "Code", "SoftBreak", "HardBreak", "InlineMath", "DisplayMath", "Emphasis", "Strong", "Strikethrough"),
        *("Link", "Image", "FootnoteReference", "InlineHtml"),
    )
)


def _flat(nodes: Sequence[Node]) -> Iterator[tuple[Literal["text", "inline", "display"], str]]:
    for node in nodes:
        match node.kind:
            case "Text":
                yield "text", node.text
            case "SoftBreak" | "HardBreak":
                yield "text", " "
            case "InlineMath":
                yield "inline", node.text.strip()
            case "DisplayMath":
                yield "display", node.text.strip()
            case "Code" | "Image" | "FootnoteReference" | "InlineHtml":
                yield "text", _GAP
            case _:
                yield from _flat(node.children)


def _text(nodes: Sequence[Node], kind: str, flows: bool, language: str) -> Iterator[Piece]:
    """The sentences of a paragraph, parts where they hold more than text; or a heading."""
    formulas: list[tuple[Literal["inline", "display"], str]] = []
    text = ""
    for what, content in _flat(nodes):
        if what == "text":
            text += content
        else:
            text += f"{_GAP}{len(formulas)}{_GAP}"
            formulas.append((what, content))
    heading = kind == "Heading"
    for sentence in [text] if heading else _SENTENCE[language].split(text):
        fields = re.split(f"({_GAP}(?:[0-9]+{_GAP})?)", sentence)
        for part in fields:
            if part.startswith(_GAP):
                if len(part) > 1:
                    yield Piece(*formulas[int(part.strip(_GAP))], flows)
            elif plain := " ".join(part.split()):
                whole: Kind = "heading" if heading else "sentence"
                yield Piece(whole if len(fields) == 1 else "part", plain, flows)


def _cell(cell: Node) -> str | None:
    parts = list(_flat(cell.children))
    if any(what != "text" or _GAP in text for what, text in parts):
        return None
    return " ".join("".join(text for _, text in parts).split())
