"""The structure of a Markdown tree, comparable: kinds and nesting of blocks, list numbers, cells, and every
visible character with the emphasis and link it carries. Tight or loose, and how a thing was spelt, do not count."""

from __future__ import annotations

import re
from typing import Any

from tasks.markdown import BLANKS, BLOCKS, Node
from tasks.render.clip import paragraphs

_STYLES = {"Emphasis", "Strong", "Strikethrough", "Link", "Image"}
_BLANK = re.compile(f"[{BLANKS}]+")
Shape = tuple[Any, ...]


def shape(node: Node) -> Shape:
    """The comparable structure of a tree."""
    match node.kind:
        case "Root" | "BlockQuote" | "Item" | "FootnoteDefinition":
            arg = node.arg if node.kind == "FootnoteDefinition" else None
            return (node.kind, arg, *(shape(c) for c in paragraphs(node.children)))
        case "List":
            return (node.kind, node.arg, *(shape(c) for c in node.children))
        case "CodeBlock":
            text = node.text or "".join(c.text for c in node.children)
            lines = text.strip("\n").split("\n")
            return (node.kind, node.arg.strip(), tuple(_BLANK.sub(" ", line).strip(" ") for line in lines))
        case "Table":
            return (
                node.kind,
                tuple(node.arg),
                *(tuple(inline_shape(c) for c in row.children) for row in node.children),
            )
        case "Heading":
            return (node.kind, node.arg, inline_shape(node))
        case "Paragraph":
            return (node.kind, inline_shape(node))
        case "Rule":
            return (node.kind,)
        case _:
            raise ValueError(f"{node.kind} is not part of a page")


def inline_shape(node: Node) -> Shape:
    """Runs of (styles, text): spaces are single, whitespace of any kind carries no style, a footnote mark is its source
    text, a formula its LaTeX between dollar signs."""
    runs: list[tuple[frozenset[str], str]] = []

    def add(style: frozenset[str], text: str) -> None:
        for piece in re.findall(r"\s+|\S+", text):
            key, value = (frozenset[str](), _BLANK.sub(" ", piece)) if piece.isspace() else (style, piece)
            if runs and runs[-1][1].endswith(" "):
                value = value.removeprefix(" ")
            if runs and runs[-1][0] == key:
                runs[-1] = (key, runs[-1][1] + value)
            else:
                runs.append((key, value))

    def walk(n: Node, style: frozenset[str]) -> None:
        if n.kind == "Text":
            add(style, n.text)
        elif n.kind == "Code":
            add(style | {"Code"}, n.text)
        elif n.kind in ("InlineMath", "DisplayMath"):
            add(style | {n.kind}, f"${' '.join(n.text.split())}$")
        elif n.kind == "SoftBreak":
            add(style, " ")
        elif n.kind == "HardBreak":
            runs.append((frozenset({"HardBreak"}), ""))
        elif n.kind == "FootnoteReference":
            add(style, f"[^{n.text}]")
        elif n.kind == "TaskListMarker":
            runs.append((frozenset({"Task"}), "x" if n.arg else " "))
        elif n.kind in _STYLES:
            own = {f"Link {n.arg}" if n.kind == "Link" else n.kind}
            if n.kind == "Link" and any(s.startswith("Link ") for s in style):
                own = set()  # an address in a link's text: a reader sees one link
            for child in n.children:
                walk(child, style | own)
        elif n.kind not in BLOCKS:
            raise ValueError(f"{n.kind} is not part of a page")
        else:
            raise ValueError(f"block {n.kind} among inline text")

    for child in node.children:
        walk(child, frozenset())
    return _trim(runs)


def _trim(runs: list[tuple[frozenset[str], str]]) -> Shape:
    """Without whitespace at the ends and around hard breaks and task boxes."""
    solid = {frozenset({"HardBreak"}), frozenset({"Task"})}
    out: list[tuple[frozenset[str], str]] = []
    for i, (style, text) in enumerate(runs):
        if style not in solid:
            if i == 0 or runs[i - 1][0] in solid:
                text = text.lstrip(" ")
            if i == len(runs) - 1 or runs[i + 1][0] in solid:
                text = text.rstrip(" ")
            if not text:
                continue
        out.append((style, text))
    while out and out[-1][0] == frozenset({"HardBreak"}):
        out.pop()
    while out and out[0][0] == frozenset({"HardBreak"}):
        out.pop(0)
    return tuple(out)
