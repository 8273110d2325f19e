"""Markdown tree to HTML in which every element that holds text carries a number, and every visible character too.

A character's ordinal is its place among the document's visible (non-space) characters. Layout reports which
ordinals stand on which page; the ordinals lead back to the tree and to the source.
"""

from __future__ import annotations

import html
import math
import re
from dataclasses import dataclass, field

from tasks.markdown import BLOCKS, SPACE, Node, is_math_fence, parse
from tasks.render.code import coloured
from tasks.render.columns import least_widths
from tasks.render.figure import Figure, draw_figure
from tasks.render.formula import Formula, draw

_ADDRESS = re.compile(r"[^\s<>]*(?:[/_@=]|\w\.\w|\w\d)[^\s<>]*")
_SMALLEST = 0.6  # of its size that a formula is drawn at to fit
_CELL_PADDING = 1.5  # em
_ITEM, _QUOTE = 2.0, 3.0  # em that a list takes of a line, and a quote of any style
_LETTER = 0.65  # em of the body that a letter of code takes, with what lists and padding take of a line
TASK_BOX = {True: "☑", False: "☐"}
DRAWING = "\ufffc"
"""Stands for a drawn formula among the visible characters."""
SCHEME = "drawing:"
"""The only addresses a page may name: the drawn formulas and figures by their number."""
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
    elements that are thematic breaks and table-head cells. A drawn formula is one visible character, `DRAWING`;
    a figure's drawing is none. `drawings` are those of both; `latex` are the elements that show a formula's source:
    it could not be drawn, or is too wide for a column of `measure` em. With `colour`, code carries the classes of its
    tokens; with `hyphenate`, so do addresses and names, in which a hyphen would be read as their own.
    """

    def __init__(self, markdown: str, measure: float = math.inf, colour: bool = False, hyphenate: bool = False) -> None:
        self.markdown = markdown
        self._measure = measure
        self._colour = colour
        self._hyphenate = hyphenate
        self._room = measure  # em that a formula may take here
        self._inset = 0.0  # em that the lists and quotes around a table take of its lines
        self.chars: list[str] = []
        self.sources: list[int] = []
        self.elements: list[list[int]] = []
        self.rules: set[int] = set()
        self.heads: set[int] = set()
        self.drawings: list[Formula | Figure] = []
        self.latex: set[int] = set()
        self._out: list[str] = []
        self._in_head = False
        self._in_code = False
        self.root = self._visit(parse(markdown, math=True), -1)
        self.html = "".join(self._out)

    def _element(self) -> int:
        self.elements.append([])
        if self._in_head:
            self.heads.add(len(self.elements) - 1)
        return len(self.elements) - 1

    def _text(self, node: Node, element: int, text: str) -> None:
        """Write a leaf's text, numbering its visible characters."""
        self._number(node, element, text)
        shown = html.escape(text, quote=False)
        if self._hyphenate and node.kind == "Text" and not self._in_code:
            shown = _ADDRESS.sub(rf'<span data-i="{element}" class="address">\g<0></span>', shown)
        self._out.append(shown)

    def _number(self, node: Node, element: int, text: str) -> None:
        start = self.markdown.find(text, node.start, node.end) if text else -1
        for i, c in enumerate(text):
            if c not in SPACE:
                self.elements[element].append(len(self.chars))
                self.chars.append(c)
                self.sources.append(start + i if start >= 0 else node.start)

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

    def _tag(self, numbered: Numbered, name: str, attributes: str = "", inset: float = 0.0) -> None:
        numbered.element = self._element()
        self._out.append(f'<{name} data-i="{numbered.element}"{attributes}>')
        self._inset += inset
        self._children(numbered, numbered.element)
        self._inset -= inset
        self._out.append(f"</{name}>")

    def _leaf(self, numbered: Numbered, name: str, text: str, attributes: str = "") -> None:
        numbered.element = self._element()
        self._out.append(f'<{name} data-i="{numbered.element}"{attributes}>')
        self._text(numbered.node, numbered.element, text)
        self._out.append(f"</{name}>")

    def _formula(self, numbered: Numbered, latex: str, display: bool) -> bool:
        """Draw a formula, as one character that shows; False where it cannot be drawn."""
        if (formula := draw(latex, display)) is None or _SMALLEST * formula.width > self._room:
            return False
        scale = min(1.0, self._room / formula.width)
        numbered.element = self._element()
        self.elements[-1].append(len(self.chars))
        self.chars.append(DRAWING)
        self.sources.append(numbered.node.start)
        self._out.append(
            f'<img data-i="{numbered.element}" src="{self._address(formula)}" '
            f'style="width:{scale * formula.width:.4f}em;vertical-align:{-scale * formula.depth:.4f}em">'
        )
        return True

    def _address(self, drawing: Formula | Figure) -> str:
        if drawing not in self.drawings:
            self.drawings.append(drawing)
        return f"{SCHEME}{self.drawings.index(drawing)}"

    def _figure(self, numbered: Numbered) -> None:
        """A drawing, which is no character, above its caption."""
        figure = draw_figure(self.markdown, str(numbered.node.start))
        self._out.append(
            f'<span class="figure"><img class="drawn" src="{self._address(figure)}" '
            f'style="max-width:{100 * figure.share:.0f}%">'
        )
        self._tag(numbered, "span", ' class="caption"')
        self._out.append("</span>")

    def _math(self, numbered: Numbered) -> None:
        node = numbered.node
        display = node.kind == "DisplayMath"
        self._out.append('<span class="display">' if display else "")
        if not self._formula(numbered, node.text, display):
            mark = "$$" if display else "$"
            self._leaf(numbered, "code", f"{mark}{node.text}{mark}", ' class="latex"')
            self.latex.add(numbered.element)
        self._out.append("</span>" if display else "")

    def _code_block(self, numbered: Numbered) -> None:
        node = numbered.node
        formula = is_math_fence(node)
        if formula:
            self._out.append('<p class="display">')
            if self._formula(numbered, "".join(child.text for child in node.children), display=True):
                self._out.append("</p>")
                return
            self._out.pop()
        numbered.element = self._element()
        if formula:
            self.latex.add(numbered.element)
        self._out.append(f'<pre data-i="{numbered.element}">\n')
        if self._colour and not formula:
            self._coloured(numbered)
        else:
            self._in_code = True
            self._children(numbered, numbered.element)
            self._in_code = False
        self._out.append("</pre>")

    def _coloured(self, block: Numbered) -> None:
        """Write a code block's text in spans of its own number, one for each token that has a class."""
        code = "".join(child.text for child in block.node.children)
        for child in block.node.children:
            numbered = Numbered(child, len(self.chars))
            self._number(child, block.element, child.text)
            numbered.last = len(self.chars)
            block.children.append(numbered)
        for name, text in coloured(code, block.node.arg, self._measure / _LETTER):
            shown = html.escape(text, quote=False)
            self._out.append(f'<span data-i="{block.element}" class="{name}">{shown}</span>' if name else shown)

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
            case "InlineMath" | "DisplayMath":
                self._math(numbered)
            case "FootnoteReference":
                self._leaf(numbered, "sup", node.text)
            case "Image":
                self._figure(numbered)
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
                self._code_block(numbered)
            case "BlockQuote":
                self._tag(numbered, "blockquote", inset=_QUOTE)
            case "List":
                self._tag(numbered, *(("ul", "") if node.arg is None else ("ol", f' start="{node.arg}"')), _ITEM)
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
        widths = least_widths(table.node, self._measure - self._inset)
        # the columns of a table share the page; nothing tells yet how, so none may take more than its part
        self._room = self._measure / len(table.node.arg) - _CELL_PADDING
        for row in table.node.children:
            numbered = Numbered(row, len(self.chars))
            self._in_head = row.kind == "TableHead"
            self._out.append("<thead><tr>" if self._in_head else "<tr>")
            for cell, align, width in zip(row.children, table.node.arg, widths, strict=False):
                numbered_cell = Numbered(cell, len(self.chars))
                rules = [] if align == "None" else [f"text-align:{align.lower()}"]
                rules += [] if width is None else [f"min-width:{width:.2f}em;overflow-wrap:anywhere"]
                style = f' style="{";".join(rules)}"' if rules else ""
                self._tag(numbered_cell, "th" if self._in_head else "td", style)
                numbered_cell.last = len(self.chars)
                numbered.children.append(numbered_cell)
            self._out.append("</tr></thead>" if self._in_head else "</tr>")
            self._in_head = False
            numbered.last = len(self.chars)
            table.children.append(numbered)
        self._out.append("</table>")
        self._room = self._measure


def _is_task(item: Node) -> bool:
    first = item.children[:1]
    if first and first[0].kind == "Paragraph":
        first = first[0].children[:1]
    return bool(first) and first[0].kind == "TaskListMarker"
