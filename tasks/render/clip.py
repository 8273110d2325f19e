"""The part of a document's tree that one page shows, as a tree of its own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tasks.markdown import BLANKS, BLOCKS, SPACE, Node
from tasks.render.layout import PageBoxes
from tasks.render.page_html import Numbered


@dataclass(frozen=True, slots=True)
class Clipper:
    """Cuts a tree to the visible characters [first, last) of one page.

    `links` False turns links into their text. A list item whose bullet or number is on an earlier page is no
    item here: its content stands by itself, and the items after it go on with their true numbers.
    """

    page: PageBoxes
    first: int
    last: int
    links: bool = True

    def document(self, root: Numbered) -> Node:
        return Node("Root", root.node.start, root.node.end, children=self._blocks(root.children))

    def _shows(self, n: Numbered) -> bool:
        if n.first == n.last:  # nothing to see in it: it is here if its neighbours on both sides are
            return self.first < n.first < self.last
        if n.first < self.last and n.last > self.first:
            return True
        # the last rows of a table may show nothing but its head, again
        return bool(self.page.repeated) and any(child.element in self.page.repeated for child in _below(n))

    def _copy(self, n: Numbered, children: list[Node], **changes: object) -> Node:
        node = Node(n.kind, n.node.start, n.node.end, n.node.arg, n.node.text, children)
        for name, value in changes.items():
            setattr(node, name, value)
        return node

    def _blocks(self, children: Iterable[Numbered]) -> list[Node]:
        """Blocks of a container; inline children of a tight item stay inline."""
        out: list[Node] = []
        for child in children:
            if child.kind in BLOCKS:
                out += self._block(child)
            else:
                out += self._inline(child)
        return out

    def _block(self, n: Numbered) -> list[Node]:
        match n.kind:
            case "Rule":
                return [self._copy(n, [])] if n.element in self.page.rules else []
            case "List":
                return self._list(n)
            case _ if not self._shows(n):
                return []
            case "CodeBlock":
                text = self._code(n)
                return [self._copy(n, [], text=text)] if text.strip(BLANKS) else []
            case "Table":
                return self._table(n)
            case "FootnoteDefinition":
                children = self._blocks(n.children)
                return [self._copy(n, children)] if self.first <= n.first else children
            case "BlockQuote":
                children = self._blocks(n.children)
                return [self._copy(n, children)] if children else []
            case _:  # Paragraph, Heading
                children = self._inlines(n)
                return [self._copy(n, children)] if any(_has_text(c) for c in children) else []

    def _list(self, n: Numbered) -> list[Node]:
        out: list[Node] = []
        current: Node | None = None
        for index, item in enumerate(n.children):
            marked = item.element in self.page.markers or self._task_box_shows(item)
            if not marked and not self._shows(item):
                continue
            children = self._blocks(item.children)
            if not marked:
                out += paragraphs(children)
                current = None
                continue
            if current is None:
                current = self._copy(n, [], arg=None if n.node.arg is None else n.node.arg + index)
                out.append(current)
            current.children.append(self._copy(item, children))
        return out

    def _task_box_shows(self, item: Numbered) -> bool:
        first = item.children[0] if item.children else None
        if first is not None and first.kind == "Paragraph" and first.children:
            first = first.children[0]
        return first is not None and first.kind == "TaskListMarker" and self.first <= first.first < self.last

    def _table(self, n: Numbered) -> list[Node]:
        head, *rows = n.children
        shown = [self._copy(row, [self._cell(c) for c in row.children]) for row in rows if self._shows(row)]
        if any(n.element in self.page.repeated for n in _below(head)):
            whole = Clipper(self.page, 0, head.last, self.links)
            cells = [whole._cell(c) for c in head.children]
        elif self._shows(head):
            cells = [self._cell(c) for c in head.children]
        elif not shown:
            return []
        else:  # a head that layout did not repeat: Markdown cannot leave it out, so it is empty
            cells = [self._copy(c, []) for c in head.children]
        return [self._copy(n, [self._copy(head, cells), *shown])]

    def _cell(self, n: Numbered) -> Node:
        return self._copy(n, self._inlines(n) if self._shows(n) else [])

    def _inlines(self, n: Numbered) -> list[Node]:
        return [node for child in n.children for node in self._inline(child)]

    def _inline(self, n: Numbered) -> list[Node]:
        match n.kind:
            case "SoftBreak" | "HardBreak":
                return [self._copy(n, [])] if self.first < n.first < self.last else []
            case "Text" | "Code":
                text = self._cut(n)
                return [self._copy(n, [], text=text)] if text else []
            case "FootnoteReference" | "TaskListMarker" | "InlineMath" | "DisplayMath":
                return [self._copy(n, [])] if self.first <= n.first < self.last else []
            case _:
                children = self._inlines(n)
                if n.kind == "Link" and not self.links:
                    return children
                return [self._copy(n, children)] if any(_has_text(c) for c in children) else []

    def _cut(self, n: Numbered) -> str:
        """A leaf's text, from its first to its last visible character on this page."""
        text = n.node.text
        if n.first == n.last:
            return text if self.first <= n.first <= self.last else ""
        if n.first >= self.first and n.last <= self.last:
            return text
        places = [i for i, c in enumerate(text) if c not in SPACE]
        inside = [i for j, i in enumerate(places, n.first) if self.first <= j < self.last]
        if not inside:
            return ""
        # whitespace at an end that is not cut parts this leaf from its neighbour
        start = 0 if n.first >= self.first else inside[0]
        return text[start : len(text) if n.last <= self.last else inside[-1] + 1]

    def _code(self, n: Numbered) -> str:
        """A code block's text on this page, with the indentation of its first line."""
        text = "".join(child.text for child in n.node.children)
        if n.first >= self.first and n.last <= self.last:
            return text.removesuffix("\n")
        places = [i for i, c in enumerate(text) if c not in SPACE]
        inside = [i for j, i in enumerate(places, n.first) if self.first <= j < self.last]
        if not inside:
            return ""
        line = text.rfind("\n", 0, inside[0]) + 1
        start = line if not text[line : inside[0]].strip(BLANKS) else inside[0]
        return text[start : inside[-1] + 1]


def _below(n: Numbered) -> Iterator[Numbered]:
    for child in n.children:
        yield child
        yield from _below(child)


def _has_text(node: Node) -> bool:
    return bool(node.text.strip(BLANKS)) or node.kind == "TaskListMarker" or any(_has_text(c) for c in node.children)


def paragraphs(children: Iterable[Node]) -> list[Node]:
    """Children of a tight item or a container, each run of inline nodes wrapped in a paragraph."""
    out: list[Node] = []
    run: list[Node] = []

    def flush() -> None:
        if any(_has_text(node) for node in run):
            out.append(Node("Paragraph", run[0].start, run[-1].end, children=list(run)))
        run.clear()

    for child in children:
        if child.kind in BLOCKS:
            flush()
            out.append(child)
        else:
            run.append(child)
    flush()
    return out
