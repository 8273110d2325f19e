"""Tables as facts ask about them: pipe tables, however loosely written, and HTML tables."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from rapidfuzz import fuzz

from tasks.scoring.fact_text import normalise_fact, similarity_floor
from tasks.scoring.html_tables import MAX_CELLS, read_tables, table_ranges

_BAR = re.compile(r"(?<!\\)\|")


@dataclass(frozen=True, slots=True)
class Grid:
    """`rows`: normalised texts, every row of the same width. `heads`: see HtmlTable. `stub`: whether the first column
    heads the rows; otherwise any cell to the left may."""

    rows: list[list[str]]
    heads: dict[int, list[tuple[int, str]]]
    stub: bool

    def headings_above(self, i: int, j: int) -> tuple[list[str], list[str]]:
        """What heads the column of a cell, and all cells above it."""
        heads = [text for row, text in self.heads.get(j, ()) if row < i]
        return heads, [row[j] for row in self.rows[:i]]

    def headings_left(self, i: int, j: int) -> tuple[list[str], list[str]]:
        """What heads the row of a cell, and all cells to the left of it."""
        left = self.rows[i][:j]
        return left[:1] if self.stub else left, left


def grids(markdown: str) -> list[Grid]:
    """The tables of an answer, code not excepted: models fence what they are unsure of."""
    found = list(_pipe_tables(markdown))
    for table in read_tables([markdown[begin:end] for begin, end in table_ranges(markdown)]):
        rows = [[normalise_fact(text) for text in row] for row in table.rows]
        heads = {j: [(i, normalise_fact(text)) for i, text in cells] for j, cells in table.heads.items()}
        found.append(Grid(rows, heads, stub=False))
    return found


def _pipe_tables(markdown: str) -> Iterator[Grid]:
    """Every run of two or more lines with a bar is a table, its first line the header; lines of rules only are none."""
    lines: list[str] = []
    cells = 0
    for line in [*markdown.strip().split("\n"), ""]:
        if "|" in line:
            lines.append(line)
            continue
        rows = [row for line in lines if set(line.strip()) - set("- :|") and (row := _cells(line))]
        width = max(map(len, rows), default=0)
        cells += width * len(rows)
        if cells > MAX_CELLS:
            return
        if len(lines) > 1 and rows:
            padded = [[*map(normalise_fact, row), *[""] * (width - len(row))] for row in rows]
            yield Grid(padded, {j: [(0, text)] for j, text in enumerate(padded[0])}, stub=True)
        lines = []


def _cells(line: str) -> list[str]:
    cells = [cell.strip().replace("\\|", "|") for cell in _BAR.split(line)]
    if cells and not cells[0]:
        del cells[0]
    if cells and not cells[-1]:
        del cells[-1]
    return cells


def near(wanted: str, cell: str, max_diffs: int) -> bool:
    """Indel similarity of at least 1 - max_diffs / |wanted|, and never below one half."""
    return fuzz.ratio(wanted, cell) / 100 >= max(0.5, similarity_floor(len(wanted), max_diffs))


def headed(wanted: str, heads: list[str], others: list[str], max_diffs: int) -> bool:
    """Whether one of the headings is near; where none of them shares a character with it, one of the other cells."""
    heads = [text for text in heads if fuzz.ratio(wanted, text)]
    return any(near(wanted, text, max_diffs) for text in heads or others)
