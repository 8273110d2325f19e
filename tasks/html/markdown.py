"""Markdown of unknown origin as HTML that can do nothing: no tag, no address and no attribute of it comes through."""

from __future__ import annotations

from markupsafe import Markup, escape

from tasks.html.text import visible
from tasks.markdown import Node, is_math_fence, parse

_DEEPEST = 40  # levels of nesting; what lies deeper is shown as it is written
_TAGS = {"Emphasis": "em", "Strong": "strong", "Strikethrough": "s", "BlockQuote": "blockquote", "Item": "li"}
_ENDS = {"SoftBreak": Markup("\n"), "HardBreak": Markup("<br>"), "Rule": Markup("<hr>")}


def markdown_html(source: str) -> Markup:
    """The text drawn. Headings are paragraphs of a class, so that they stay out of the outline of the page around;
    links go nowhere, an image is a box with its caption, a formula and raw HTML are shown as they are spelt."""
    return _html(parse(source, math=True), source, 0)


def _html(node: Node, source: str, depth: int) -> Markup:
    if depth > _DEEPEST:
        return escape(visible(source[node.start : node.end]))
    inside = Markup("").join(_html(child, source, depth + 1) for child in node.children)
    match node.kind:
        case "Text":
            return escape(visible(node.text))
        case "Code" | "Html" | "InlineHtml":
            return Markup("<code>{}</code>").format(visible(node.text))
        case "InlineMath" | "DisplayMath":
            return Markup('<code class="formula">{}</code>').format(visible(node.text))
        case "SoftBreak" | "HardBreak" | "Rule":
            return _ENDS[node.kind]
        case "Paragraph" if not inside.strip():
            return inside
        case "Paragraph":
            alone = [child.kind for child in node.children] == ["Image"]
            return Markup("<p{}>{}</p>").format(Markup(' class="box"') if alone else "", inside)
        case "Heading":
            return Markup('<p class="h{}">{}</p>').format(node.arg, inside)
        case "CodeBlock":
            formula = Markup(' class="formula"') if is_math_fence(node) else ""
            return Markup("<pre{}>{}</pre>").format(formula, inside)
        case "Link":
            return Markup('<span class="link" title="{}">{}</span>').format(visible(node.arg), inside)
        case "Image":
            return Markup('<span class="picture">{}</span>').format(inside or "image")
        case "List":
            tag = "ul" if node.arg is None else "ol"
            start = "" if node.arg in (None, 1) else Markup(' start="{}"').format(node.arg)
            return Markup("<{0}{1}>{2}</{0}>").format(tag, start, inside)
        case "TaskListMarker":
            return Markup("☑ " if node.arg else "☐ ")
        case "Table":
            return Markup('<div class="scroll"><table>{}</table></div>').format(inside)
        case "TableHead":
            return Markup('<tr class="head">{}</tr>').format(inside)
        case "TableRow":
            return Markup("<tr>{}</tr>").format(inside)
        case "TableCell":
            return Markup("<td>{}</td>").format(inside)
        case "FootnoteReference":
            return Markup("<sup>{}</sup>").format(visible(node.text))
        case "FootnoteDefinition":
            return Markup('<div class="footnote"><sup>{}</sup> {}</div>').format(visible(str(node.arg)), inside)
        case kind if kind in _TAGS:
            return Markup("<{0}>{1}</{0}>").format(_TAGS[kind], inside)
        case _:
            return inside
