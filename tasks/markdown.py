"""Markdown to a tree with source ranges: the one parser of the project (CommonMark, tables, strikethrough,
task lists, footnotes), so that render, scoring and collect never disagree about what a text means."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyromark

OPTIONS = (
    pyromark.Options.ENABLE_TABLES
    | pyromark.Options.ENABLE_STRIKETHROUGH
    | pyromark.Options.ENABLE_TASKLISTS
    | pyromark.Options.ENABLE_FOOTNOTES
)
# what Markdown and CSS collapse; NBSP and the ideographic space are characters that show
BLANKS = " \n\t\r\f\v"
SPACE = frozenset(BLANKS)
BLOCKS = frozenset(
    (
        *("Paragraph", "Heading", "CodeBlock", "BlockQuote", "List", "Item", "Rule", "FootnoteDefinition", "HtmlBlock"),
        *("Table", "TableHead", "TableRow", "TableCell"),
    )
)


@dataclass(slots=True, eq=False)
class Node:
    """A piece of the tree. `start`, `end`: half-open characters of the source.

    `kind` is pulldown-cmark's event name (Root, Paragraph, Heading, Text, Strong, ...). `arg` is the heading
    level (int), a list's first number (int, None for bullets), a code block's info string, a table's
    alignments, a link's target, a task's state (bool), a footnote's name; `text` is a leaf's text.
    """

    kind: str
    start: int
    end: int
    arg: Any = None
    text: str = ""
    children: list[Node] = field(default_factory=list)


def _argument(kind: str, arg: Any) -> Any:
    if kind == "Heading":
        return int(arg["level"][1])
    if kind == "CodeBlock":
        return arg["Fenced"] if isinstance(arg, dict) else ""
    if kind in ("Link", "Image"):
        return arg["dest_url"]
    return arg


def _characters(source: str) -> list[int] | None:
    """Character index of every byte offset of the UTF-8 text; None where they are the same."""
    if source.isascii():
        return None
    raw = np.frombuffer(source.encode(), dtype=np.uint8)
    index: list[int] = (np.cumsum((raw & 0xC0) != 0x80) - 1).tolist()  # continuation bytes are 10xxxxxx
    return [*index, len(source)]


def parse(source: str, math: bool = False) -> Node:
    """The tree of a Markdown text; with `math`, `$...$` and `$$...$$` are InlineMath and DisplayMath."""
    index = _characters(source)
    root = Node("Root", 0, len(source))
    stack = [root]
    events: Iterable[tuple[Any, Any]] = pyromark.events_with_range(
        source, options=OPTIONS | pyromark.Options.ENABLE_MATH if math else OPTIONS
    )
    for event, span in events:
        start, end = span["start"], span["end"]
        if index is not None:
            start, end = index[start], index[end]
        if isinstance(event, str):  # SoftBreak, HardBreak, Rule
            stack[-1].children.append(Node(event, start, end))
            continue
        ((name, value),) = event.items()
        if name == "Start":
            kind, arg = (value, None) if isinstance(value, str) else next(iter(value.items()))
            node = Node(kind, start, end, _argument(kind, arg))
            stack[-1].children.append(node)
            stack.append(node)
        elif name == "End":
            stack.pop()
        elif name == "TaskListMarker":
            stack[-1].children.append(Node(name, start, end, arg=value))
        elif name == "FootnoteReference":
            stack[-1].children.append(Node(name, start, end, arg=value, text=value))
        else:
            stack[-1].children.append(Node(name, start, end, text=value))
    return root


def is_math_fence(node: Node) -> bool:
    """Whether a code block is a formula: its language is `math`."""
    return node.kind == "CodeBlock" and str(node.arg).split(" ")[0].strip().lower() == "math"


def visible_text(source: str | Node, formulas: bool = True) -> str:
    """What a reader sees: no markup, one block a line, soft breaks as spaces, code lines kept.

    List numbers, bullets, task boxes and rules are not text; an image's alternative text is. Formulas are as they are
    spelt, or left out.
    """
    out: list[str] = []

    def walk(node: Node) -> None:
        match node.kind:
            case "Text" | "Code" | "FootnoteReference":
                out.append(node.text)
            case "SoftBreak":
                out.append(" ")
            case "HardBreak":
                out.append("\n")
            case "InlineHtml" | "Html" | "InlineMath" | "DisplayMath":
                pass
            case "CodeBlock" if not formulas and is_math_fence(node):
                pass
            case "TableHead" | "TableRow":
                out.append("\n" + " ".join(visible_text(cell, formulas) for cell in node.children) + "\n")
            case _:
                block = "\n" if node.kind in BLOCKS else ""
                out.append(block + (f"{node.arg} " if node.kind == "FootnoteDefinition" else ""))
                for child in node.children:
                    walk(child)
                out.append(block)

    walk(parse(source, math=not formulas) if isinstance(source, str) else source)
    lines = (line.rstrip(" ") for line in "".join(out).split("\n"))
    return "\n".join(line for line in lines if line)
