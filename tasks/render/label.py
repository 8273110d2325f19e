"""A page's Markdown from its clipped tree: plain spelling first, and escapes only where the parser would
read the plain spelling as something else."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from tasks.markdown import Node, parse
from tasks.render.clip import paragraphs
from tasks.render.inline import spell
from tasks.render.shape import Shape, inline_shape, shape

_LONE_BOX = re.compile(r"\A(\[[ x]\])(?=\n)")  # with nothing beside it, it is no box where a block follows
_ESCAPABLE = re.compile(r"\\(?=[!-/:-@\[-`{-~])|&(?=#?\w+;)")  # what an info string would lose
_ALIGN = {"None": "---", "Left": ":---", "Right": "---:", "Center": ":---:"}


class LabelError(Exception):
    """The page's tree could not be written as Markdown that reads back as the same tree."""


def write_label(tree: Node) -> str:
    """Markdown that parses to the structure of `tree`, ending in a newline. Raises LabelError."""
    expected = shape(tree)
    for tight in (True, False):
        text = _Writer(tight).blocks(tree.children) + "\n"
        if _reads_as(text, expected):
            return text
    raise LabelError(_difference(expected, shape(parse(text, math=True))))


def _reads_as(text: str, expected: Shape) -> bool:
    try:
        return shape(parse(text, math=True)) == expected
    except ValueError:  # something a page does not hold, such as HTML
        return False


def _difference(a: Shape, b: Shape) -> str:
    for x, y in zip(a, b, strict=False):
        if x != y:
            if isinstance(x, tuple) and isinstance(y, tuple) and x and y and x[0] == y[0]:
                return _difference(x, y)
            return f"{x!r:.120} reads back as {y!r:.120}"
    return f"{a!r:.120} reads back as {b!r:.120}"


class _Writer:
    """Writes blocks; `tight` keeps the parts of list items on adjacent lines where the list was tight."""

    def __init__(self, tight: bool) -> None:
        self.tight = tight

    def blocks(self, children: Sequence[Node], separator: str = "\n\n", in_item: bool = False) -> str:
        out: list[str] = []
        previous: Node | None = None
        alternate = False
        for node in paragraphs(children):
            # two lists in a row are two lists only if their marks differ
            twin = previous is not None and previous.kind == node.kind == "List"
            alternate = twin and (previous.arg is None) == (node.arg is None) and not alternate  # type: ignore[union-attr]
            out.append(self._block(node, alternate, in_item))
            previous = node
        return separator.join(out)

    def _block(self, node: Node, alternate: bool, in_item: bool) -> str:
        match node.kind:
            case "Paragraph":
                return _inline_block(node, lambda text: text)
            case "Heading":
                return _inline_block(node, _heading(node))
            case "CodeBlock":
                return _fence(node)
            case "BlockQuote":
                return "\n".join(f"> {line}".rstrip(" ") for line in self.blocks(node.children).split("\n"))
            case "List":
                return self._list(node, alternate)
            case "Table":
                return _table(node)
            case "Rule":
                return "___" if in_item else "---"  # no list's mark, and no underline of a heading
            case "FootnoteDefinition":
                return f"[^{node.arg}]: " + _indent(self.blocks(node.children), 4)
            case _:
                raise LabelError(f"{node.kind} cannot be written")

    def _list(self, node: Node, alternate: bool) -> str:
        tight = self.tight and not any(c.kind == "Paragraph" for item in node.children for c in item.children)
        items = []
        for index, item in enumerate(node.children):
            if node.arg is None:
                mark = "* " if alternate else "- "
            else:
                mark = f"{node.arg + index}{')' if alternate else '.'} "
            body = self.blocks(item.children, "\n" if tight else "\n\n", in_item=True)
            body = _LONE_BOX.sub(r"\1 &#32;", body)
            items.append((mark + _indent(body, len(mark))).rstrip(" "))
        return ("\n" if tight else "\n\n").join(items)


def _indent(text: str, width: int) -> str:
    """Every line but the first, and no blank one, moved right."""
    return re.sub(r"\n(?=[^\n])", "\n" + " " * width, text)


def _fence(node: Node) -> str:
    ticks = max((len(run) for run in re.findall(r"`{3,}", node.text)), default=2) + 1
    mark = "`" * ticks
    if "`" in node.arg:
        mark = "~" * (max((len(run) for run in re.findall(r"~{3,}", node.text)), default=2) + 1)
    info = _ESCAPABLE.sub(r"\\\g<0>", node.arg)
    return f"{mark}{info}\n{node.text}\n{mark}"


def _table(node: Node) -> str:
    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(cells) + " |"

    head, *rows = ([_cell(cell) for cell in row.children] for row in node.children)
    return "\n".join([line(head), line([_ALIGN[a] for a in node.arg]), *map(line, rows)])


def _cell(cell: Node) -> str:
    def read(text: str) -> Shape | None:
        root = parse(f"| {text} |\n| --- |\n", math=True)
        table = root.children[0] if len(root.children) == 1 else root
        if table.kind != "Table" or len(table.children) != 1:
            return None
        return _inline_shape(table.children[0].children[0])

    return spell(cell.children, inline_shape(cell), read, cell=True)


def _inline_block(node: Node, dress: Callable[[str], str]) -> str:
    task = bool(node.children) and node.children[0].kind == "TaskListMarker"
    prefix = "- " if task else ""  # a task box is one only inside an item

    def read(text: str) -> Shape | None:
        blocks = parse(prefix + _indent(dress(text), len(prefix)), math=True).children
        if task and len(blocks) == 1 and blocks[0].kind == "List":
            blocks = paragraphs(blocks[0].children[0].children)
        if len(blocks) != 1 or (blocks[0].kind, blocks[0].arg) != (node.kind, node.arg):
            return None
        return _inline_shape(blocks[0])

    return dress(spell(node.children, inline_shape(node), read))


def _inline_shape(node: Node) -> Shape | None:
    try:
        return inline_shape(node)
    except ValueError:  # something a page does not hold, such as HTML
        return None


def _heading(node: Node) -> Callable[[str], str]:
    """A heading of several lines, or behind a task box, has only the underlined form."""
    if any(child.kind in ("HardBreak", "TaskListMarker") for child in _descendants(node)):
        return lambda text: f"{text}\n{'===' if node.arg == 1 else '---'}"
    return lambda text: f"{'#' * node.arg} {text}"


def _descendants(node: Node) -> Iterator[Node]:
    for child in node.children:
        yield child
        yield from _descendants(child)
