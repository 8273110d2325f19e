"""Facts of tables: a cell and its neighbour in the source, which stand beside each other on the page."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence

from tasks.evaluate.real.located import is_plain
from tasks.evaluate.real.page_text import PageText, Place, Rect, squash
from tasks.scoring.facts import Fact

_SLACK = 2.0  # PDF points that boxes may reach into each other
_SHOWN = 0.9  # of a table's cells that the page must show
_LONGEST = 80  # characters of a cell

Table = Sequence[Sequence[str | None]]


def table_facts(tables: Sequence[Table], page: PageText, language: str) -> Iterator[Fact]:
    """The facts, in source order: cells that the page shows once, as they are in the source, with the cell to the
    right, the cell below, or the heading of the column, which must lie there on the page too."""
    for table in tables:
        if _stands_on(table, page):
            places = [[_place(cell, page, language) for cell in row] for row in table]
            yield from _neighbours(table, places)


def _stands_on(table: Table, page: PageText) -> bool:
    cells = [cell for row in table for cell in row if cell]
    if len(table) < 3 or len(table[0]) < 2 or len(cells) < 6:
        return False
    return sum(squash(cell) in page.squashed for cell in cells) >= _SHOWN * len(cells)


def _place(cell: str | None, page: PageText, language: str) -> Place | None:
    if cell is None or len(squash(cell)) < 2 or len(cell) > _LONGEST:
        return None
    if not (cell.isdigit() or is_plain(cell, language)):
        return None
    places = page.find(cell)
    # a word that is parted at the end of a line may be read with its hyphen
    if len(places) != 1 or _letters(page.shown(places[0])) != _letters(cell):
        return None
    return places[0] if language == "en" or page.on_one_line(places[0]) else None


def _letters(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).replace("’", "'").replace("–", "-").split())


def _neighbours(table: Table, places: Sequence[Sequence[Place | None]]) -> Iterator[Fact]:
    for i, row in enumerate(table):
        for j, cell in enumerate(row):
            if i == 0 or not cell or not (here := places[i][j]):
                continue
            if j + 1 < len(row) and (there := places[i][j + 1]) and _left_of(here.box, there.box):
                yield Fact("table", cell, right=str(row[j + 1]))
            below = places[i + 1][j] if i + 1 < len(table) and j < len(table[i + 1]) else None
            if below and _above(here.box, below.box):
                yield Fact("table", cell, down=str(table[i + 1][j]))
            if j < len(table[0]) and (there := places[0][j]) and _above(there.box, here.box):
                yield Fact("table", cell, top_heading=str(table[0][j]))


def _left_of(a: Rect, b: Rect) -> bool:
    return a[2] <= b[0] + _SLACK and min(a[3], b[3]) > max(a[1], b[1])


def _above(a: Rect, b: Rect) -> bool:
    return a[3] <= b[1] + _SLACK and min(a[2], b[2]) > max(a[0], b[0])
