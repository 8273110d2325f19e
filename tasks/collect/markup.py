"""Which characters of a Markdown text are raw HTML or images that go, and what stands there without them.

Edits come from the parser's source ranges, so that code is never touched. What is left empty goes too: the link
around an image, the line of badges, the list item, the heading.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from tasks.collect.html import HIDDEN, RUBY, is_break, parts_words, to_markdown, tokens
from tasks.markdown import BLOCKS, Node

Edit = tuple[int, int, str]
SHOWN = frozenset({"Code", "CodeBlock", "FootnoteReference", "Rule", "InlineMath", "DisplayMath"})
OPAQUE = frozenset({"CodeBlock", "HtmlBlock", "Code"})
BREAKS = ("SoftBreak", "HardBreak")
# kinds that go when nothing of them shows; a cell or a table's head has to stay for the others
LOSABLE = (BLOCKS - {"TableHead", "TableCell", "CodeBlock", "Rule"}) | {
    *("Emphasis", "Strong", "Strikethrough", "Link", "Image", "InlineHtml")
}


def apply(source: str, edits: list[Edit]) -> str:
    """The text with the edits made; of two that overlap the first one counts."""
    out: list[str] = []
    position = 0
    for start, end, text in sorted(edits):
        if start >= position:
            out += [source[position:start], text]
            position = end
    return "".join(out) + source[position:]


def nodes(root: Node) -> list[tuple[Node, int]]:
    """Every node with its depth, parents first, in source order (iterative: nesting can be deep)."""
    out: list[tuple[Node, int]] = []
    stack = [(root, 0)]
    while stack:
        node, depth = stack.pop()
        out.append((node, depth))
        stack += [(child, depth + 1) for child in reversed(node.children)]
    return out


def prefix_at(source: str, position: int) -> str:
    """What a continuation line of the block at `position` starts with: its quote marks and indentation."""
    line = source[source.rfind("\n", 0, position) + 1 : position]
    return "".join(c if c == ">" else " " for c in line)


def hidden_edits(source: str, root: Node) -> list[Edit]:
    """Scripts and styles from their opening to their closing tag, also where blank lines part the two, and readings of
    ruby that close in their block."""
    edits: list[Edit] = []
    opened: tuple[str, int] | None = None
    for node, _ in nodes(root):
        if opened and opened[0] in RUBY and node.kind in BLOCKS:
            opened = None
        if node.kind not in ("HtmlBlock", "InlineHtml"):
            continue
        for token in tokens(source[node.start : node.end]):
            if opened is None and token.name in HIDDEN and not token.closing:
                opened = token.name, node.start + token.start
            elif opened and token.closing and token.name == opened[0]:
                end = node.start + token.end
                if source[opened[1] - 1 : opened[1]] == " ":
                    end += len(source[end:]) - len(source[end:].lstrip(" "))
                edits.append((opened[1], end, ""))
                opened = None
    return edits


def markup_edits(source: str, root: Node, figures: set[Node]) -> list[Edit]:
    """The edits that drop or convert raw HTML and drop images, but `figures`, and whatever they leave empty."""
    return _Pass(source, figures).run(root)


def escape_edits(source: str, root: Node, figures: set[Node]) -> list[Edit]:
    """The edits that make raw HTML and images, but `figures`, show as text."""
    edits: list[Edit] = []
    for node, _ in nodes(root):
        if node.kind in ("HtmlBlock", "InlineHtml"):
            edits.append((node.start, node.end, source[node.start : node.end].replace("<", "&lt;")))
        elif node.kind == "Image" and node not in figures:
            edits.append((node.start, node.start + 1, "!\\"))
    return edits


@dataclass(slots=True)
class _Pass:
    source: str
    figures: set[Node]
    edits: list[Edit] = field(default_factory=list)
    shown: set[Node] = field(default_factory=set)
    touched: set[Node] = field(default_factory=set)
    blocks: dict[Node, list[str]] = field(default_factory=dict)

    def run(self, root: Node) -> list[Edit]:
        everything = [node for node, _ in nodes(root)]
        for node in reversed(everything):
            self.judge(node)
        # a container, whether line breaks must become spaces in it, and where its text began
        stack: list[tuple[Node, bool, int | None]] = [(root, False, None)]
        while stack:
            node, flat, origin = stack.pop()
            flat = flat or node.kind in ("Heading", "TableCell", "Image")
            stack += self.visit(node, flat, origin)
        return self.edits

    def judge(self, node: Node) -> None:
        """Whether anything of the node still shows, and whether anything below it goes."""
        if node.kind == "HtmlBlock":
            lines = to_markdown("".join(child.text for child in node.children))
            if any(lines):
                self.blocks[node] = lines
                self.shown.add(node)
        elif (
            node.kind in SHOWN
            or (node.kind == "Text" and node.text.strip())
            or (not self.drops(node) and any(child in self.shown for child in node.children))
        ):
            self.shown.add(node)
        raw = node.kind in ("HtmlBlock", "InlineHtml") or self.drops(node)
        if raw or any(child in self.touched for child in node.children):
            self.touched.add(node)

    def drops(self, node: Node) -> bool:
        return node.kind == "Image" and node not in self.figures

    def goes(self, node: Node) -> bool:
        if node in self.shown or node.kind not in LOSABLE:
            return False
        return node in self.touched or node.kind in ("Heading", "Link")

    def visit(self, parent: Node, flat: bool, origin: int | None) -> list[tuple[Node, bool, int | None]]:
        """Edit the children of a node that stays; return those to be visited next."""
        children = parent.children
        following: list[tuple[Node, bool, int | None]] = []
        i = 0
        while i < len(children):
            node = children[i]
            if node.kind in BLOCKS:
                if self.goes(node):
                    self.drop_block(parent, i)
                elif node.kind == "HtmlBlock":
                    self.convert_block(node, i > 0)
                elif node.kind not in OPAQUE:
                    following.append((node, flat, None))
                i += 1
                continue
            j = i
            while j < len(children) and children[j].kind not in BLOCKS:
                j += 1
            start = node.start if origin is None else origin
            self.edit_inline(children[i:j], flat, start, children[j] if j < len(children) else None)
            following += [(n, flat, start) for n in children[i:j] if n.kind not in OPAQUE and not self.goes(n)]
            i = j
        return following

    def drop_block(self, parent: Node, index: int) -> None:
        node = parent.children[index]
        after = parent.children[index + 1] if index + 1 < len(parent.children) else None
        joins = node.kind in ("Item", "TableRow") or (index == 0 and parent.kind in ("Item", "FootnoteDefinition"))
        if after and joins and not (after.kind == "CodeBlock" and self.source[after.start] not in "`~"):
            self.edits.append((node.start, after.start, ""))
            return
        line_start = self.source.rfind("\n", 0, node.start) + 1
        whole_lines = not self.source[line_start : node.start].strip(" >")
        end = node.end
        if self.source[end - 1 : end] == "\n" and (node.kind == "HtmlBlock" or not whole_lines):
            end -= 1  # a blank line keeps the neighbours apart
        elif self.source[end - 1 : end] != "\n" and self.source[end : end + 1] == "\n" and whole_lines:
            end += 1
        self.edits.append((line_start if whole_lines and node.kind != "HtmlBlock" else node.start, end, ""))

    def convert_block(self, node: Node, apart: bool) -> None:
        start = node.children[0].start
        lines = ["", *self.blocks[node], ""] if apart else [*self.blocks[node], ""]
        while not apart and not lines[0]:
            lines.pop(0)
        text = ("\n" + prefix_at(self.source, start)).join(lines)
        end = node.end
        if self.source[end - 1 : end] == "\n":
            end -= 1
        self.edits.append((start, end, text))

    def edit_inline(self, run: list[Node], flat: bool, origin: int, tail: Node | None) -> None:
        """Edit a run of inline nodes line by line; `tail` is the block that follows it in the same item."""
        lines: list[list[Node]] = [[]]
        for node in run:
            if node.kind in BREAKS:
                lines.append([])
            else:
                lines[-1].append(node)
        lines = [line for line in lines if line]
        empty = [
            any(self.goes(n) for n in line) and not any(n in self.shown for n in line if not self.goes(n))
            for line in lines
        ]
        k = 0
        while k < len(lines):
            if not empty[k]:
                self.edit_line(lines[k], flat, origin, k + 1 < len(lines))
                k += 1
                continue
            first = k
            while k < len(lines) and empty[k]:
                k += 1
            if k < len(lines):
                self.edits.append((lines[first][0].start, lines[k][0].start, ""))
            elif first:
                self.edits.append((lines[first - 1][-1].end, lines[-1][-1].end, ""))
            else:
                self.edits.append((lines[0][0].start, tail.start if tail else lines[-1][-1].end, ""))

    def edit_line(self, line: list[Node], flat: bool, origin: int, more: bool) -> None:
        """Drop what goes from a line of which something stays, with the spaces that it leaves over."""
        low, high = line[0].start, line[-1].end
        i = 0
        while i < len(line):
            if not self.goes(line[i]):
                i += 1
                continue
            first = i
            while i < len(line) and (self.goes(line[i]) or line[i] not in self.shown):
                i += 1
            start, end = line[first].start, line[i - 1].end
            opens, closes = first == 0, i == len(line)
            dropped = [n.text for n in line[first:i] if n.kind == "InlineHtml"]
            text = " " if any(parts_words(tag) for tag in dropped) else ""
            if breaks := sum(map(is_break, dropped)):
                prefix = prefix_at(self.source, origin)
                between = f"\n{prefix}" if breaks > 1 else "  "
                text = " " if flat else "  " if closes else f"{between}\n{prefix}"
            if opens or (closes and not (breaks and more)):
                text = ""
            if text or closes:
                while start > low and self.source[start - 1] == " ":
                    start -= 1
            if text or opens or self.source[start - 1] == " ":
                while end < high and self.source[end] == " ":
                    end += 1
            self.edits.append((start, end, text))
