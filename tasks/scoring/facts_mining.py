"""Facts of a page from its label."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice, pairwise, zip_longest

from tasks.markdown import Node, parse
from tasks.scoring.fact_check import MAX_TEXT, Fact, check
from tasks.scoring.fact_text import normalise_fact
from tasks.scoring.features import SENTENCE
from tasks.scoring.latex import is_math_fence
from tasks.scoring.text import CJK, MAX_CHARS
from tasks.scoring.typos import inject_typo, rng_of

LIMIT = 24  # facts of a page
TRIES = 6  # candidates that are tried for each fact of the limit

_IDEOGRAPH = re.compile(f"[{CJK}]")
_LATEX = re.compile(r"\\[A-Za-z]|[\^_=]")  # a pair of dollars in prose holds none of these
_MARKUP = re.compile(r"[`\[\]<>$\\|*_~&]")  # other readings of the page may write these otherwise
_SHORTEST = {"ja": 8}


@dataclass(frozen=True, slots=True)
class _Piece:
    """A text of the label and the characters, half-open, that it stands for there."""

    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A fact and the proofs that it can fail: labels in which something that it speaks of is wrong."""

    fact: Fact
    broken: tuple[str, ...]


def mine(label: str, language: str = "en", seed: str = "", limit: int = LIMIT) -> list[Fact]:
    """At most `limit` facts of a page's label (its first 100,000 characters), the kinds in turn as far as the page
    has them.

    - present: a sentence, or the part of one between links, code and formulas, of at least 20 characters (8 in
      Japanese), at most 300.
    - absent: such a sentence with a typing error, which the page does not hold.
    - order: two sentences or headings, the one after the other.
    - table: a cell with its neighbour to the right, below, or the heading of its column.
    - math: a formula.

    Each fact holds on the label, and fails once a typing error is put into the label's own text of it (for absent:
    the very error), so what stands twice on a page is not asked. The same label, language and seed give the same
    facts anywhere.
    """
    label = label[:MAX_CHARS]
    page = _Page(label, language, seed)
    makers: tuple[Callable[[], Iterator[_Candidate]], ...] = (
        page.present,
        page.absent,
        page.order,
        page.table,
        page.math,
    )
    proved = [(c.fact for c in islice(make(), TRIES * limit) if _proved(c, label)) for make in makers]
    rounds = (fact for turn in zip_longest(*(islice(facts, limit) for facts in proved)) for fact in turn)
    return list(islice((fact for fact in dict.fromkeys(rounds) if fact is not None), limit))


def _proved(candidate: _Candidate, label: str) -> bool:
    return check(candidate.fact, label) and not any(check(candidate.fact, broken) for broken in candidate.broken)


class _Page:
    """The candidates of a label, each kind in an order drawn from the seed."""

    def __init__(self, label: str, language: str, seed: str) -> None:
        self.label = label
        self.plain = normalise_fact(label)
        self.language = language
        self.seed = seed
        self.sentences: list[_Piece] = []
        self.headings: list[_Piece] = []
        self.tables: list[list[list[_Piece]]] = []
        self.formulas: list[_Piece] = []
        self.letters: list[tuple[str, int]] = []  # of a run of plain text: characters and where they stand
        stack: list[tuple[Node, bool]] = [(parse(label, math=True), False)]
        while stack:
            node, leaving = stack.pop()
            if leaving:
                self.flush(heading=node.kind == "Heading")
            else:
                stack += self.visit(node)

    def visit(self, node: Node) -> list[tuple[Node, bool]]:
        match node.kind:
            case "Text" if self.label[node.start : node.end] == node.text:
                self.letters += [(c, node.start + i) for i, c in enumerate(node.text)]
                return []
            case "SoftBreak" if self.letters and not _IDEOGRAPH.match(self.letters[-1][0]):
                self.letters.append((" ", node.start))
                return []
            case "Emphasis" | "Strong":
                return [(child, False) for child in reversed(node.children)]
            case "InlineMath" | "DisplayMath":
                self.formulas.append(_Piece(node.text.strip(), node.start, node.end))
            case "CodeBlock" if is_math_fence(node) and node.children:
                start, end = node.children[0].start, node.children[-1].end
                self.formulas.append(_Piece(self.label[start:end].strip(), start, end))
            case "Table":
                self.tables.append([[self.cell(cell) for cell in row.children] for row in node.children])
        self.flush()
        if node.kind in ("CodeBlock", "Table"):
            return []
        return [(node, True), *((child, False) for child in reversed(node.children))]

    def cell(self, node: Node) -> _Piece:
        start, end = (node.children[0].start, node.children[-1].end) if node.children else (node.start, node.start)
        return _Piece(normalise_fact(self.label[start:end]).strip(), start, end)

    def flush(self, heading: bool = False) -> None:
        text = "".join(c for c, _ in self.letters)
        cuts = [0, *(found.end() for found in SENTENCE.finditer(text)), len(text)]
        for begin, end in [(0, len(text))] if heading else pairwise(cuts):
            piece = text[begin:end]
            if body := piece.strip():
                first = begin + piece.index(body)
                last = first + len(body) - 1
                found = _Piece(body, self.letters[first][1], self.letters[last][1] + 1)
                (self.headings if heading else self.sentences).append(found)
        self.letters.clear()

    def shuffled(self, kind: str, pieces: list[_Piece]) -> list[_Piece]:
        return rng_of("mine", self.seed, kind, self.label).sample(pieces, len(pieces))

    def long_enough(self) -> list[_Piece]:
        shortest = _SHORTEST.get(self.language, 20)
        return [piece for piece in self.sentences if shortest <= len(piece.text) <= 300]

    def broken(self, piece: _Piece, seed: str = "proof") -> str:
        """The label with a typing error in a piece of it."""
        wrong = inject_typo(self.label[piece.start : piece.end], f"{self.seed} {seed}")
        return self.label[: piece.start] + wrong + self.label[piece.end :]

    def present(self) -> Iterator[_Candidate]:
        for piece in self.shuffled("present", self.long_enough()):
            yield _Candidate(Fact("present", piece.text), (self.broken(piece),))

    def absent(self) -> Iterator[_Candidate]:
        for piece in self.shuffled("absent", self.long_enough()):
            wrong = inject_typo(piece.text, f"{self.seed} absent")
            if wrong.strip():
                label = self.label[: piece.start] + wrong + self.label[piece.end :]
                yield _Candidate(Fact("absent", wrong), (label,))

    def order(self) -> Iterator[_Candidate]:
        headings = [piece for piece in self.headings if 3 <= len(piece.text) <= 300]
        pieces = sorted([*self.long_enough(), *headings], key=lambda piece: piece.start)
        rng = rng_of("mine", self.seed, "order", self.label)
        for _ in range(len(pieces) - 1):
            first, second = (pieces[i] for i in sorted(rng.sample(range(len(pieces)), 2)))
            if self.plain.count(normalise_fact(first.text)) == self.plain.count(normalise_fact(second.text)) == 1:
                yield _Candidate(
                    Fact("order", first.text, after=second.text), (self.broken(first), self.broken(second))
                )

    def table(self) -> Iterator[_Candidate]:
        found: list[tuple[str, _Piece, _Piece]] = []
        for rows in self.tables:
            for i, row in enumerate(rows[1:], 1):
                for j, cell in enumerate(row):
                    if j + 1 < len(row):
                        found.append(("right", cell, row[j + 1]))
                    if i + 1 < len(rows):
                        found.append(("down", cell, rows[i + 1][j]))
                    found.append(("top_heading", cell, rows[0][j]))
        rng = rng_of("mine", self.seed, "table", self.label)
        for name, cell, other in rng.sample(found, len(found)):
            if all(0 < len(p.text) <= MAX_TEXT and not _MARKUP.search(p.text) for p in (cell, other)):
                fact = Fact("table", cell.text, **{name: other.text})  # type: ignore[arg-type]
                yield _Candidate(fact, (self.broken(cell), self.broken(other)))

    def math(self) -> Iterator[_Candidate]:
        for piece in self.shuffled("math", self.formulas):
            if len(piece.text) <= MAX_TEXT and _LATEX.search(piece.text):
                yield _Candidate(Fact("math", piece.text), (self.broken(piece),))
