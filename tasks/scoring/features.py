"""What the scores compare, taken from a text's tree in one pass."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field

from tasks.markdown import Node, parse
from tasks.scoring.canonical import canonical
from tasks.scoring.languages import language
from tasks.scoring.latex import is_math_fence, normalise_latex
from tasks.scoring.text import MAX_CHARS, nfkc, normalise, words

SURROGATE = re.compile("[\ud800-\udfff]")
SENTENCE = re.compile(r"(?<=[.!?])\s+|(?<=[。！？])")
FENCE = re.compile(r"`{3,}|~{3,}")
NFKC_GROWTH = 18  # characters that one becomes at most (U+FDFA)
MAX_DEPTH = 6  # deeper quotes and lists count as this deep

Table = tuple[tuple[str, ...], ...]
Item = tuple[str, int, int | None]


@dataclass(slots=True)
class Features:
    """A text as the scores see it.

    `text`: canonical Markdown on one line, for the edit similarity. Spellings of the same thing are one
    (`*` and `-`, `===` and `#`, dashes of a table), emphasis and link targets are left out: a page shows
    the same. `length`: characters of the normalised source, all its markup counted. `units`: headings,
    sentences, code lines, table rows in order. `headings`: level and text. `code`: contents of the blocks,
    `languages`: what they are tagged with. `items`: each list item's own text, depth and number (None for
    bullets). `formulas`: normalised LaTeX. `tables`: rows of cells, the header first. `shape`: for each class of
    structure (heading, item, ...) the multiset of what occurs, such as heading levels.
    """

    text: str = ""
    length: int = 0
    words: Counter[str] = field(default_factory=Counter)
    units: list[str] = field(default_factory=list)
    headings: list[tuple[int, str]] = field(default_factory=list)
    code: list[str] = field(default_factory=list)
    languages: list[str] = field(default_factory=list)
    items: list[Item] = field(default_factory=list)
    formulas: list[str] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    shape: dict[str, Counter[tuple[int, ...]]] = field(default_factory=lambda: defaultdict(Counter))


def extract(source: str) -> Features:
    """The features of a Markdown text (its first `MAX_CHARS` characters) in `canonical` form; none for a blank one."""
    source = canonical(SURROGATE.sub("\ufffd", source[:MAX_CHARS]))[:MAX_CHARS]
    plain = normalise(source) or "".join(source.split())  # a text of invisible characters is not blank
    if not plain:
        return Features()
    if len(plain) > MAX_CHARS:
        source, plain = source[: MAX_CHARS // NFKC_GROWTH], plain[:MAX_CHARS]
    reader = _Reader(source)
    features = reader.features
    features.text = " ".join(reader.canonical) or plain
    features.length = len(plain)
    features.words = Counter(words(" ".join(features.units)))
    return features


class _Reader:
    """Walks the tree without recursion: model answers nest as deep as they are long."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.features = Features()
        self.canonical: list[str] = []
        self.inline: list[str] = []
        self.lists: list[int | None] = []  # next number of each open list, None for bullets
        self.items: list[tuple[int, list[str]]] = []  # open items: place among the features, texts
        self.quotes = 0
        self.rows: list[tuple[str, ...]] = []
        self.cells: list[str] = []
        root = parse(source, math=True)
        stack = [(node, False) for node in reversed(_with_gaps(root, source))]
        while stack:
            node, leaving = stack.pop()
            if leaving:
                self.leave(node)
                continue
            self.enter(node)
            if node.children and node.kind != "CodeBlock":
                stack.append((node, True))
                stack += [(child, False) for child in reversed(node.children)]
            else:
                self.leave(node)
        self.flush()

    def count(self, name: str, *value: int) -> None:
        self.features.shape[name][value] += 1

    def take(self) -> str:
        text = normalise("".join(self.inline))
        self.inline.clear()
        return text

    def flush(self) -> None:
        """End a run of text: the inside of a paragraph or of a tight list item."""
        if self.inline and (text := self.take()):
            self.canonical.append(text)
            if self.items:
                self.items[-1][1].append(text)
            self.features.units += [sentence for sentence in SENTENCE.split(text) if sentence]

    def enter(self, node: Node) -> None:
        match node.kind:
            case "Text" | "InlineHtml" | "Html":
                self.inline.append(node.text)
            case "InlineMath":
                self.formula(node.text, "$")
            case "DisplayMath":
                self.formula(node.text, "$$")
            case "Code":
                self.inline.append(f"`{node.text}`")
            case "SoftBreak" | "HardBreak":
                self.inline.append(" ")
            case "Strikethrough":
                self.inline.append("~~")
            case "Image":
                self.count("image")
                self.inline.append("![")
            case "FootnoteReference":
                self.inline.append(f"[^{node.text}]")
            case "TaskListMarker":
                self.count("task", int(node.arg))
                self.inline.append("[x] " if node.arg else "[ ] ")
            case "Emphasis" | "Strong" | "Link":
                pass
            case _:
                self.flush()
                self.enter_block(node)

    def enter_block(self, node: Node) -> None:
        match node.kind:
            case "Paragraph":
                if not self.lists:
                    self.count("paragraph")
            case "Heading":
                self.canonical.append("#" * node.arg)
            case "List":
                self.lists.append(node.arg)
            case "Item":
                self.item()
            case "BlockQuote":
                self.quotes += 1
                self.count("quote", min(self.quotes, MAX_DEPTH))
                self.canonical.append(">")
            case "CodeBlock" if is_math_fence(node):
                self.count("paragraph")
                self.fence(node)
                self.formula("".join(child.text for child in node.children), "$$")
                self.flush()
            case "CodeBlock":
                self.code_block(node)
            case "HtmlBlock":
                self.count("html")
            case "FootnoteDefinition":
                self.count("footnote")
                self.canonical.append(f"[^{node.arg}]:")
            case "Rule":
                self.count("rule")
                self.canonical.append("---")
                self.features.units.append("---")
            case "Definitions":
                self.canonical.append(normalise(node.text))

    def leave(self, node: Node) -> None:
        match node.kind:
            case "Strikethrough":
                self.inline.append("~~")
            case "Image":
                self.inline.append("]")
            case "Heading":
                text = self.take()
                self.count("heading", node.arg)
                self.features.headings.append((node.arg, text))
                self.canonical.append(text)
                self.features.units.append(text or "#")
            case "TableCell":
                self.cells.append(self.take())
            case "TableHead" | "TableRow":
                self.row(head=node.kind == "TableHead")
            case "Table":
                self.features.tables.append(tuple(self.rows))
                self.rows = []
            case "List":
                self.flush()
                self.lists.pop()
            case "BlockQuote":
                self.flush()
                self.quotes -= 1
            case "Item":
                self.flush()
                place, texts = self.items.pop()
                self.features.items[place] = (" ".join(texts), *self.features.items[place][1:])
            case "Paragraph" | "HtmlBlock" | "FootnoteDefinition":
                self.flush()

    def formula(self, latex: str, fence: str) -> None:
        self.inline.append(f"{fence}{latex.strip()}{fence}")
        if text := normalise_latex(latex):
            self.features.formulas.append(text)

    def item(self) -> None:
        number = self.lists[-1]
        self.items.append((len(self.features.items), []))
        self.features.items.append(("", len(self.lists), number))
        self.count("item", min(len(self.lists), MAX_DEPTH), int(number is not None))
        self.canonical.append("-" if number is None else f"{number}.")
        if number is not None:
            self.lists[-1] = number + 1

    def code_block(self, node: Node) -> None:
        content = "".join(child.text for child in node.children)
        lines = [line.rstrip() for line in nfkc(content).expandtabs(4).split("\n")]
        shown = [text for line in lines if (text := normalise(line))]
        self.features.code.append("\n".join(lines).strip("\n"))
        self.features.languages.append(language(str(node.arg)))
        self.features.units += shown
        self.count("code")
        self.canonical += ["```", *shown]
        if self.fence(node):
            self.canonical.append("```")

    def fence(self, node: Node) -> bool:
        """Whether a code block has its closing fence; a missing one is counted."""
        closed = _closed(node, self.source)
        if not closed:
            self.count("unclosed fence")
        return closed

    def row(self, head: bool) -> None:
        text = " ".join(cell for cell in self.cells if cell)
        self.canonical.append(f"| {' | '.join(self.cells)} |")
        if text:
            self.features.units.append(text)
        self.rows.append(tuple(self.cells))
        self.count("table", int(head), len(self.cells))
        self.cells = []


def _with_gaps(root: Node, source: str) -> list[Node]:
    """The root's children, with what the tree leaves out between them: link definitions."""
    nodes: list[Node] = []
    end = 0
    for child in [*root.children, Node("End", len(source), len(source))]:
        if gap := source[end : child.start].strip():
            nodes.append(Node("Definitions", end, child.start, text=gap))
        nodes.append(child)
        end = child.end
    return nodes[:-1]


def _closed(node: Node, source: str) -> bool:
    """Whether a code block has its closing fence; an indented block needs none."""
    if node.children and node.children[0].start == node.start:
        return True
    first, _, rest = source[node.start : node.end].strip().partition("\n")
    last = rest.rpartition("\n")[2].strip(" \t>")
    opening = FENCE.match(first)
    return opening is None or (last.startswith(opening[0]) and not last.strip(first[0]))
