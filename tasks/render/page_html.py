"""Markdown tree to HTML in which every element that holds text carries a number, and every visible character too.

A character's ordinal is its place among the document's visible (non-space) characters. Layout reports which
ordinals stand on which page; the ordinals lead back to the tree and to the source.
"""

from __future__ import annotations

import html
from dataclasses import dataclass, field

from tasks.markdown import BLOCKS, SPACE, Node, parse

TASK_BOX = {True: "☑", False: "☐"}
_INLINE_TAGS = {"Emphasis": "em", "Strong": "strong", "Strikethrough": "s", "Link": "span"}


@dataclass(slots=True, eq=False)
class Numbered:
    """A node with the half-open interval of ordinals below it; `element` is its number in the HTML, or -1."""

    node: Node
    first: int
    last: int = -1
    element: int = -1
    children: list[Numbered] = field(default_factory=list)

    @property
    def kind(self) -> str:
        return self.node.kind


class PageHtml:
    """The HTML of a document and the maps that lead back.

    `chars[o]` is visible character o, `sources[o]` its place in the Markdown (of the leaf, where the leaf is
    not verbatim), `elements[i]` the ordinals of element i's own text in order, `rules` and `heads` the
    elements that are thematic breaks and table-head cells.
    """

    def __init__(self, markdown: str) -> None:
        self.markdown = markdown
        self.chars: list[str] = []
        self.sources: list[int] = []
        self.elements: list[list[int]] = []
        self.rules: set[int] = set()
        self.heads: set[int] = set()
        self._out: list[str] = []
        self._in_head = False
        self.root = self._visit(parse(markdown), -1)
        self.html = "".join(self._out)

    def _element(self) -> int:
        self.elements.append([])
        if self._in_head:
            self.heads.add(len(self.elements) - 1)
        return len(self.elements) - 1

    def _text(self, node: Node, element: int, text: str) -> None:
        """Write a leaf's text, numbering its visible characters."""
        start = self.markdown.find(text, node.start, node.end) if text else -1
        for i, c in enumerate(text):
            if c not in SPACE:
                self.elements[element].append(len(self.chars))
                self.chars.append(c)
                self.sources.append(start + i if start >= 0 else node.start)
        self._out.append(html.escape(text, quote=False))

    def _visit(self, node: Node, element: int) -> Numbered:
        numbered = Numbered(node, len(self.chars))
        if node.kind in BLOCKS or node.kind == "Root":
            self._block(numbered, element)
        else:
            self._inline(numbered, element)
        numbered.last = len(self.chars)
        return numbered

    def _children(self, parent: Numbered, element: int) -> None:
        parent.children = [self._visit(child, element) for child in parent.node.children]

    def _tag(self, numbered: Numbered, name: str, attributes: str = "") -> None:
        numbered.element = self._element()
        self._out.append(f'<{name} data-i="{numbered.element}"{attributes}>')
        self._children(numbered, numbered.element)
        self._out.append(f"</{name}>")

    def _leaf(self, numbered: Numbered, name: str, text: str, attributes: str = "") -> None:
        numbered.element = self._element()
        self._out.append(f'<{name} data-i="{numbered.element}"{attributes}>')
        self._text(numbered.node, numbered.element, text)
        self._out.append(f"</{name}>")

    def _inline(self, numbered: Numbered, element: int) -> None:
        node = numbered.node
        match node.kind:
            case "Text":
                self._text(node, element, node.text)
            case "SoftBreak":
                self._out.append("\n")
            case "HardBreak":
                self._out.append("<br>")
            case "Code":
                self._leaf(numbered, "code", node.text)
            case "FootnoteReference":
                self._leaf(numbered, "sup", node.text)
            case "TaskListMarker":
                self._leaf(numbered, "span", TASK_BOX[node.arg])
                self._out.append(" ")
            case _ if node.kind in _INLINE_TAGS:
                # an <a> in an <a>, an address in a link's text, would be taken out of it by the HTML parser
                self._tag(numbered, _INLINE_TAGS[node.kind], ' class="link"' if node.kind == "Link" else "")
            case _:
                raise ValueError(f"{node.kind} at character {node.start}: not in normalised Markdown")

    def _block(self, numbered: Numbered, element: int) -> None:
        node = numbered.node
        match node.kind:
            case "Root":
                self._children(numbered, element)
            case "Paragraph":
                self._tag(numbered, "p")
            case "Heading":
                self._tag(numbered, f"h{node.arg}")
            case "CodeBlock":
                numbered.element = self._element()
                self._out.append(f'<pre data-i="{numbered.element}">\n')
                self._children(numbered, numbered.element)
                self._out.append("</pre>")
            case "BlockQuote":
                self._tag(numbered, "blockquote")
            case "List":
                self._tag(numbered, *(("ul",) if node.arg is None else ("ol", f' start="{node.arg}"')))
            case "Item":
                self._tag(numbered, "li", ' class="task"' if _is_task(node) else "")
            case "Table":
                self._table(numbered)
            case "Rule":
                numbered.element = self._element()
                self.rules.add(numbered.element)
                self._out.append(f'<hr data-i="{numbered.element}">')
            case "FootnoteDefinition":
                numbered.element = self._element()
                self._out.append(f'<div class="footnote"><sup data-i="{numbered.element}">')
                self._text(node, numbered.element, str(node.arg))
                self._out.append("</sup> ")
                self._children(numbered, element)
                self._out.append("</div>")
            case _:
                raise ValueError(f"{node.kind} at character {node.start}: not in normalised Markdown")

    def _table(self, table: Numbered) -> None:
        self._out.append("<table>")
        for row in table.node.children:
            numbered = Numbered(row, len(self.chars))
            self._in_head = row.kind == "TableHead"
            self._out.append("<thead><tr>" if self._in_head else "<tr>")
            for cell, align in zip(row.children, table.node.arg, strict=False):
                numbered_cell = Numbered(cell, len(self.chars))
                style = "" if align == "None" else f' style="text-align:{align.lower()}"'
                self._tag(numbered_cell, "th" if self._in_head else "td", style)
                numbered_cell.last = len(self.chars)
                numbered.children.append(numbered_cell)
            self._out.append("</tr></thead>" if self._in_head else "</tr>")
            self._in_head = False
            numbered.last = len(self.chars)
            table.children.append(numbered)
        self._out.append("</table>")


def _is_task(item: Node) -> bool:
    first = item.children[:1]
    if first and first[0].kind == "Paragraph":
        first = first[0].children[:1]
    return bool(first) and first[0].kind == "TaskListMarker"
