"""Facts about a page that an answer gets right or wrong, in the manner of olmOCR-bench (arXiv 2502.18443)."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Literal, get_args

from rapidfuzz.distance import Levenshtein

from tasks.scoring.canonical import canonical
from tasks.scoring.fact_text import extent, holds, normalise_fact
from tasks.scoring.grids import Grid, grids, headed, near
from tasks.scoring.latex import formulas, normalise_latex
from tasks.scoring.text import MAX_CHARS

Kind = Literal["present", "absent", "order", "table", "math"]
MAX_TEXT = 1_000  # characters of a fact's text

_RELATIONS = ("up", "down", "left", "right", "top_heading", "left_heading")


@dataclass(frozen=True, slots=True)
class Fact:
    r"""One thing that is so on a page.

    - present, absent: `text` stands (does not stand) in the answer; of the answer only the first `first_n` and the
      last `last_n` characters are searched, where these are not 0.
    - order: a reading of `text` begins before some reading of `after`.
    - table: `text` is a cell whose neighbours `up`, `down`, `left`, `right` and headings (`top_heading` of its column,
      `left_heading` of its row) are these; what is blank is not asked.
    - math: `text` is a formula of the answer, LaTeX without delimiters.

    `max_diffs` edits are allowed in each text. Raises ValueError for a fact without its texts, of another kind, with
    negative numbers, or longer than `MAX_TEXT`.
    """

    kind: Kind
    text: str
    after: str = ""
    up: str = ""
    down: str = ""
    left: str = ""
    right: str = ""
    top_heading: str = ""
    left_heading: str = ""
    max_diffs: int = 0
    case_sensitive: bool = True
    first_n: int = 0
    last_n: int = 0

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise ValueError(f"a fact of kind {self.kind!r}: choose from {', '.join(get_args(Kind))}")
        texts = [self.text, *([self.after] if self.kind == "order" else [])]
        if not all(normalise_fact(text).strip() for text in texts):
            raise ValueError(f"{self.kind} fact without text: {self.text!r}, {self.after!r}")
        longest = max(len(text) for text in (*texts, *(getattr(self, name) for name in _RELATIONS)))
        if longest > MAX_TEXT:
            raise ValueError(f"{self.kind} fact with a text of {longest} characters: at most {MAX_TEXT}")
        if min(self.max_diffs, self.first_n, self.last_n) < 0:
            raise ValueError(f"{self.kind} fact with a negative max_diffs, first_n or last_n")


class _Answer:
    """The first `MAX_CHARS` of an answer, each view of it made once."""

    def __init__(self, markdown: str) -> None:
        self.markdown = markdown[:MAX_CHARS]

    @cached_property
    def text(self) -> str:
        return normalise_fact(self.markdown)

    @cached_property
    def grids(self) -> list[Grid]:
        return grids(self.markdown)

    @cached_property
    def formulas(self) -> set[str]:
        return {normalise_latex(formula) for formula in formulas(canonical(self.markdown))}


_answer = lru_cache(maxsize=4)(_Answer)


def check(fact: Fact, markdown: str) -> bool:
    """Whether a fact holds in an answer; texts are compared as `normalise_fact` gives them, formulas as
    `normalise_latex` does.

    Differs from olmOCR-bench's checker, on purpose, where that one lets an answer off:

    - an answer shorter than the text it is searched for is compared as a whole; there, a single letter of the text
      passes.
    - a neighbour that is asked for must exist; there, a cell at the edge of its table passes.
    - a heading stands above or to the left of its cell, and spans what it spans; there, an HTML table with <th> cells
      accepts any cell of the row as its heading, and a spanning heading counts for all columns to the right.
    - a table inside an HTML cell is no part of the outer one; an escaped bar is no border.
    - math: near match of the source (Levenshtein distance of the normalised LaTeX at most `max_diffs`); there, both
      formulas are drawn by KaTeX and the places of the symbols compared, which sees through other spellings of the
      same formula, and takes a formula for found where it is a part of another. Formulas in code do not count.
    """
    answer = _answer(markdown)
    match fact.kind:
        case "present":
            return _holds(fact, answer)
        case "absent":
            return not _holds(fact, answer)
        case "order":
            before = extent(normalise_fact(fact.text), answer.text, fact.max_diffs)
            after = extent(normalise_fact(fact.after), answer.text, fact.max_diffs)
            return before is not None and after is not None and before[0] < after[1]
        case "table":
            return any(_in_grid(fact, grid) for grid in answer.grids)
        case "math":
            wanted = normalise_latex(fact.text)
            return wanted in answer.formulas or any(
                Levenshtein.distance(wanted, formula, score_cutoff=fact.max_diffs) <= fact.max_diffs
                for formula in answer.formulas
            )


def pass_rate(facts: Collection[Fact], markdown: str) -> float | None:
    """Share of the facts that hold; None where there are none."""
    return sum(check(fact, markdown) for fact in facts) / len(facts) if facts else None


def score(facts: Collection[Fact], markdown: str) -> float | None:
    """Share of the facts that hold, beyond what a blank answer passes:

        max(0, (p - p_0) / (1 - p_0))

    where p is the pass rate of the text and p_0 that of the empty one, for which every absent fact holds. So what an
    answer lacks earns nothing, and what it should lack costs. None where no fact fails for a blank answer.
    """
    passed, floor = pass_rate(facts, markdown), pass_rate(facts, "")
    if passed is None or floor is None or floor == 1:
        return None
    return max(0.0, (passed - floor) / (1 - floor))


def _holds(fact: Fact, answer: _Answer) -> bool:
    wanted, text = normalise_fact(fact.text), answer.text
    if not fact.case_sensitive:
        wanted, text = wanted.lower(), text.lower()
    if fact.first_n or fact.last_n:
        text = text[: fact.first_n] + (text[-fact.last_n :] if fact.last_n else "")
    return holds(wanted, text, fact.max_diffs)


def _in_grid(fact: Fact, grid: Grid) -> bool:
    wanted, k = normalise_fact(fact.text), fact.max_diffs
    steps = {"up": (-1, 0), "down": (1, 0), "left": (0, -1), "right": (0, 1)}
    asked = {name: normalise_fact(text) for name in _RELATIONS if (text := getattr(fact, name))}
    for i, row in enumerate(grid.rows):
        for j, cell in enumerate(row):
            if near(wanted, cell, k) and all(
                _beside(grid, i + steps[name][0], j + steps[name][1], text, k)
                if name in steps
                else headed(
                    text, *(grid.headings_above(i, j) if name == "top_heading" else grid.headings_left(i, j)), k
                )
                for name, text in asked.items()
            ):
                return True
    return False


def _beside(grid: Grid, i: int, j: int, wanted: str, max_diffs: int) -> bool:
    return 0 <= i < len(grid.rows) and 0 <= j < len(grid.rows[i]) and near(wanted, grid.rows[i][j], max_diffs)
