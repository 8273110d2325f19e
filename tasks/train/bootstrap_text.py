"""Text for the embedded reader's early phases: what a fresh clone has, as blocks that a card can show.

Two sources of Markdown: the long descriptions of the installed packages (the locked dependency set), and the
embedded corpus. A family is a package in both, and one rule on its name holds it out of training.
"""

from __future__ import annotations

import importlib.metadata
import json
import random
import re
import string
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tasks.markdown import Node, parse
from tasks.records import family_rank

ASCII = "".join(chr(c) for c in range(33, 127))
BEYOND_ASCII = "—–“”‘’…•·→←×±°≤≥≠✓€£©®™§µ½áàâäåãéèêëíìîïóòôöõøúùûüçñßæÁÉÖÜÇÑ"
CHARACTERS = frozenset(ASCII + BEYOND_ASCII)

Run = tuple[str, str]  # style (plain, bold, italic, code, link), word


@dataclass(frozen=True, slots=True)
class Block:
    """A heading, paragraph, list item or code line.

    `level` is the heading's level or the list's depth; `number` an ordered item's number, None for a bullet.
    """

    kind: str
    runs: tuple[Run, ...]
    level: int = 1
    number: int | None = None

    @property
    def text(self) -> str:
        return " ".join(word for _, word in self.runs)


STYLES = {"Strong": "bold", "Emphasis": "italic", "Link": "link"}


def _runs(nodes: Iterable[Node], style: str = "plain") -> Iterator[tuple[str, str]]:
    for node in nodes:
        match node.kind:
            case "Text" | "Code":
                yield "code" if node.kind == "Code" else style, node.text
            case "SoftBreak" | "HardBreak":
                yield style, " "
            case "Strong" | "Emphasis" | "Link" | "Strikethrough":
                yield from _runs(node.children, STYLES.get(node.kind, style))


def _words(nodes: Iterable[Node]) -> tuple[Run, ...]:
    """Words with the style that they begin in; words with characters beyond the reader's set are dropped."""
    words: list[list[str]] = []
    glued = False
    for style, text in _runs(nodes):
        for piece in re.findall(r"\s+|\S+", text):
            if piece.isspace():
                glued = False
            elif glued:
                words[-1][1] += piece
            else:
                words.append([style, piece])
                glued = True
    return tuple((style, word) for style, word in words if CHARACTERS.issuperset(word))


INLINE = frozenset({"Text", "Code", "SoftBreak", "HardBreak", "Strong", "Emphasis", "Link", "Strikethrough"})


def blocks(markdown: str) -> list[Block]:
    """The headings, paragraphs, list items and code lines of a text, in order. Tables and HTML are left out."""
    out: list[Block] = []

    def add(kind: str, nodes: Iterable[Node], level: int = 1, number: int | None = None) -> None:
        words = _words(nodes)
        if words:
            out.append(Block(kind, words, level, number))

    def walk(node: Node, depth: int) -> None:
        number = None
        for child in node.children:
            match child.kind:
                case "Heading":
                    add("heading", child.children, child.arg)
                case "Paragraph":
                    add("paragraph", child.children)
                case "BlockQuote":
                    walk(child, depth)
                case "CodeBlock":
                    for line in "".join(text.text for text in child.children).expandtabs(4).split("\n"):
                        if line.strip() and (CHARACTERS | {" "}).issuperset(line) and "```" not in line:
                            out.append(Block("code", (("code", line.rstrip()),)))
                case "List":
                    number = child.arg
                    for item in child.children:
                        tight = [n for n in item.children if n.kind in INLINE]
                        loose = [n for n in item.children if n.kind == "Paragraph"]
                        add("item", tight or (loose[0].children if loose else ()), depth + 1, number)
                        number = number + 1 if number is not None else None
                        walk(Node("Item", 0, 0, children=[n for n in item.children if n.kind == "List"]), depth + 1)

    walk(parse(markdown), 0)
    return out


def package_descriptions() -> Iterator[tuple[str, str]]:
    """(package, Markdown) of every installed package that describes itself in Markdown, by name."""
    found: dict[str, str] = {}
    for distribution in importlib.metadata.distributions():
        metadata = distribution.metadata
        fields = metadata.json
        text = fields.get("description")
        if str(fields.get("description_content_type")).startswith("text/markdown") and isinstance(text, str):
            found[family_name(metadata["Name"])] = text
    yield from sorted(found.items())


def corpus_texts(folder: Path) -> Iterator[tuple[str, str]]:
    """(family, Markdown) of the embedded corpus's English files, as its index names them, none of them share-alike."""
    for package in json.loads((folder / "index.json").read_text(encoding="utf-8"))["packages"]:
        for file in package["files"]:
            if file["language"] == "en" and not is_share_alike(package["license"]):
                yield package["family"], (folder / file["path"]).read_text(encoding="utf-8")


def is_share_alike(license: str) -> bool:
    """Whether what is made from a text has to stay under its licence; the reader is made from none."""
    return license.startswith("CC-BY-SA")


def family_name(package: str) -> str:
    """A package's name, normalised as the package index does (PEP 503)."""
    return re.sub(r"[-_.]+", "-", package).lower()


def is_held_out(family: str) -> bool:
    """The first quarter in the order in which families are dealt to the test split: never trained on."""
    return family_rank(family) < 0.25


@dataclass(frozen=True, slots=True)
class Texts:
    """The blocks of every document, by side. A held-out document's block that also occurs in training is gone."""

    train: list[list[Block]]
    held_out: list[list[Block]]


def read_texts(documents: Iterable[tuple[str, str]], held_out: Callable[[str], bool] = is_held_out) -> Texts:
    """Split (family, Markdown) pairs by family and cut them into blocks."""
    train: list[list[Block]] = []
    held: list[list[Block]] = []
    for family, markdown in documents:
        document = blocks(markdown)
        if len(document) >= 3:
            (held if held_out(family) else train).append(document)
    seen = {block.text for document in train for block in document}
    held = [[block for block in document if block.text not in seen] for document in held]
    return Texts(train, [document for document in held if len(document) >= 3])


def made_up_word(rng: random.Random) -> str:
    """An identifier, number, path, URL or jumble that no language model would guess."""
    letters = string.ascii_lowercase

    def some(alphabet: str, low: int, high: int) -> str:
        return "".join(rng.choices(alphabet, k=rng.randint(low, high)))

    match rng.randrange(9):
        case 0:
            return some(letters, 2, 6) + "_" + some(letters, 2, 6)
        case 1:
            return some(letters, 2, 5) + some(letters, 2, 5).capitalize() + some(letters, 1, 4).capitalize()
        case 2:
            return str(rng.randrange(10 ** rng.randint(1, 6)))
        case 3:
            return f"{rng.randrange(100)}.{rng.randrange(1000)}" + rng.choice(("", "", "%", "x", "ms"))
        case 4:
            return "/".join(some(letters, 2, 5) for _ in range(rng.randint(2, 3)))
        case 5:
            return "https://" + some(letters, 3, 6) + rng.choice((".org", ".com", ".io")) + "/" + some(letters, 1, 4)
        case 6:
            return some(ASCII, 2, 7)
        case 7:
            return some(string.ascii_letters + string.digits, 3, 10)
        case _:
            word = some(letters, 2, 7)
            at = rng.randrange(len(word) + 1)
            return word[:at] + rng.choice(BEYOND_ASCII) + word[at:]


def made_up_block(rng: random.Random) -> Block:
    """A block of made-up words only."""
    kind = rng.choice(("heading", "paragraph", "paragraph", "item", "code"))
    words = [made_up_word(rng) for _ in range(rng.randint(1, 3 if kind in ("heading", "code") else 14))]
    if kind == "code":
        line = " " * rng.choice((0, 0, 2, 4)) + rng.choice((" ", " = ", ", ")).join(words)
        return Block("code", (("code", line.replace("```", "")),)) if line.strip("` ") else made_up_block(rng)
    return Block(kind, tuple((rng.choice(("plain", "plain", "bold", "code")), word) for word in words))
