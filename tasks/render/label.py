"""A page's Markdown from its clipped tree: plain spelling first, and escapes only where the parser would
read the plain spelling as something else."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from tasks.markdown import Node, parse
from tasks.render.clip import paragraphs
from tasks.render.shape import Shape, inline_shape, shape

_PUNCTUATION = re.compile(r"([!-/:-@\[-`{-~])")
_SPECIAL = re.compile(
    r"(\\(?=[!-/:-@\[-`{-~])|[*`\[\]<~]|(?<!\w)_|_(?!\w)|&(?=#?\w+;)|!(?=\[)"
    r"|^(?:[#>=|:]|[-+](?=\s|$|-))|(?<=\n)(?:[#>=|:]|[-+](?=\s|$|-))|#(?=#*$))"
)
_NUMBER = re.compile(r"(^|\n)(\d{1,9})([.)])(?=\s|$)")
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
    raise LabelError(_difference(expected, shape(parse(text))))


def _reads_as(text: str, expected: Shape) -> bool:
    try:
        return shape(parse(text)) == expected
    except ValueError:  # something a page does not hold, such as HTML
        return False


def _difference(a: Shape, b: Shape) -> str:
    for x, y in zip(a, b, strict=False):
        if x != y:
            if isinstance(x, tuple) and isinstance(y, tuple) and x and y and x[0] == y[0]:
                return _difference(x, y)
            return f"{x!r:.120} reads back as {y!r:.120}"
    return f"{a!r:.120} reads back as {b!r:.120}"


def _plain(text: str) -> str:
    return text


def _escape_special(text: str) -> str:
    return _NUMBER.sub(r"\1\2\\\3", _SPECIAL.sub(r"\\\1", text))


def _escape_all(text: str) -> str:
    return _PUNCTUATION.sub(r"\\\1", text)


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
                marks = "#" * node.arg
                return _inline_block(node, lambda text: f"{marks} {text}")
            case "CodeBlock":
                return _fence(node)
            case "BlockQuote":
                return "\n".join(f"> {line}".rstrip(" ") for line in self.blocks(node.children).split("\n"))
            case "List":
                return self._list(node, alternate)
            case "Table":
                return _table(node)
            case "Rule":
                return "***" if in_item else "---"
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
    return f"{mark}{node.arg}\n{node.text}\n{mark}"


def _table(node: Node) -> str:
    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(cells) + " |"

    head, *rows = ([_cell(cell) for cell in row.children] for row in node.children)
    return "\n".join([line(head), line([_ALIGN[a] for a in node.arg]), *map(line, rows)])


def _cell(cell: Node) -> str:
    expected = inline_shape(cell)

    def accepted(text: str) -> bool:
        root = parse(f"| {text} |\n| --- |\n")
        table = root.children[0] if root.children else root
        return table.kind == "Table" and len(table.children) == 1 and inline_shape(table.children[0].children[0]) == expected

    return _spell(cell, accepted, "|")


def _inline_block(node: Node, dress: Callable[[str], str]) -> str:
    expected = ("Root", None, shape(node))
    task = node.children and node.children[0].kind == "TaskListMarker"
    prefix = "- " if task else ""  # a task box is one only inside an item

    def accepted(text: str) -> bool:
        root = parse(prefix + dress(text))
        if task:
            item = root.children[0].children[0] if root.children and root.children[0].kind == "List" else root
            return shape(Node("Root", 0, 0, children=item.children)) == expected
        return shape(root) == expected

    return dress(_spell(node, accepted, ""))


def _spell(node: Node, accepted: Callable[[str], bool], also: str) -> str:
    """The plainest spelling of a block's inline content that reads back as it should."""
    text = ""
    for escape in (_plain, _escape_special, _escape_all):
        for emphasis in ("*", "_"):
            text = _write_inline(node.children, escape, emphasis).strip(" \n\t")
            if also:
                text = re.sub(rf"(?<!\\){re.escape(also)}", "\\\\" + also, text)
            try:
                if accepted(text):
                    return text
            except ValueError:
                continue
    return text  # the page's own check names what is wrong


def _write_inline(children: Sequence[Node], escape: Callable[[str], str], emphasis: str) -> str:
    out: list[str] = []
    run: list[str] = []  # adjacent text is escaped as one, for the parser reads it as one

    def flush() -> None:
        if run:
            out.append(escape("".join(run)))
            run.clear()

    for node in children:
        if node.kind == "Text":
            run.append(re.sub(r"[ \t]+", " ", node.text))
            continue
        if node.kind == "SoftBreak":
            run.append(" ")
            continue
        flush()
        match node.kind:
            case "HardBreak":
                out.append("\\\n")
            case "Code":
                out.append(_code_span(node.text))
            case "FootnoteReference":
                out.append(f"[^{node.text}]")
            case "TaskListMarker":
                out.append("[x] " if node.arg else "[ ] ")
            case "Link":
                out.append(_link(_write_inline(node.children, escape, emphasis), node.arg, escape is not _plain))
            case _:
                mark = {"Emphasis": emphasis, "Strong": "**", "Strikethrough": "~~"}[node.kind]
                text = _write_inline(node.children, escape, "_" if emphasis == "*" else "*")
                inner = text.strip()
                lead, _, trail = text.partition(inner)
                out.append(f"{lead}{mark}{inner}{mark}{trail}")
    flush()
    return "".join(out)


def _code_span(text: str) -> str:
    runs = {len(run) for run in re.findall(r"`+", text)}
    ticks = "`" * next(n for n in range(1, len(runs) + 2) if n not in runs)
    pad = " " if text.startswith("`") or text.endswith("`") or (text[:1] == text[-1:] == " " and text.strip()) else ""
    return f"{ticks}{pad}{text}{pad}{ticks}"


def _link(text: str, target: str, escaped: bool) -> str:
    if text == target and re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]{1,31}:[^\s<>]*", target):
        return f"<{target}>"
    if escaped:
        target = target.replace("\\", "\\\\").replace("&", "&amp;")
    if re.search(r"[\s()<>]", target):
        target = "<" + re.sub(r"([<>])", r"\\\1", target) + ">"
    return f"[{text}]({target})"
