"""HTML tables: many models write a page's tables this way."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from bs4 import BeautifulSoup, Tag
from bs4.element import PreformattedString

MAX_CELLS = 10_000  # places of one text's tables, spans filled; what comes later is not read
MAX_SPAN = 100
MAX_SOURCE = 50_000  # characters of one table's source
MAX_NESTED = 20  # tables read from one piece, those in cells counted

_TAG = re.compile(r"<(/?)table\b[^<>]{0,1000}>", re.IGNORECASE)
_ROW = re.compile(r"<tr\b|</t[rdh]\s*>", re.IGNORECASE)


@dataclass(slots=True)
class HtmlTable:
    """`rows`: the text of every place; a cell that spans rows stands in each of them, of the columns that it spans
    it stands in the first, the others being blank. `heads`: for each column, row and text of the heading cells above
    (<th>, or any cell of a row with one, or of <thead>), spans counted."""

    rows: list[list[str]] = field(default_factory=list)
    heads: dict[int, list[tuple[int, str]]] = field(default_factory=dict)


def table_ranges(source: str, code: Sequence[tuple[int, int]] = ()) -> list[tuple[int, int]]:
    """Half-open ranges of the outermost tables that do not begin in one of the `code` ranges (ascending, apart).

    A table that is not closed ends with its last cell or row: an answer may be cut.
    """
    if "<table" not in source.lower():
        return []
    found: list[tuple[int, int]] = []
    begin, depth, place = 0, 0, 0
    for tag in _TAG.finditer(source):
        while place < len(code) and code[place][1] <= tag.start():
            place += 1
        if place < len(code) and code[place][0] <= tag.start():
            continue
        if not tag[1]:
            if not depth:
                begin = tag.start()
            depth += 1
        elif depth:
            depth -= 1
            if not depth:
                found.append((begin, tag.end()))
    if depth and (ends := [row.end() for row in _ROW.finditer(source, begin)]):
        found.append((begin, ends[-1]))
    return found


def read_tables(sources: Sequence[str]) -> Iterator[HtmlTable]:
    """The tables of pieces of HTML, in order; a table inside a cell is its own table and no text of the cell."""
    left = MAX_CELLS
    for source in sources:
        if left <= 0:
            return
        for tag in BeautifulSoup(source[:MAX_SOURCE], "html.parser").find_all("table", limit=MAX_NESTED):
            table = _laid_out(_rows(tag), left)
            left -= sum(map(len, table.rows))
            if table.rows:
                yield table


@dataclass(slots=True)
class _Cell:
    head: bool
    height: int
    width: int
    pieces: list[str] = field(default_factory=list)


def _rows(table: Tag) -> list[list[_Cell]]:
    """The rows of a table, without those of the tables in its cells. End tags may be missing: a cell ends where the
    next one begins."""
    rows: list[list[_Cell]] = []
    # for each element: whether it is the table's own, stands in <thead>, and in which cell
    places: dict[int, tuple[bool, bool, _Cell | None]] = {id(table): (True, False, None)}
    for piece in table.descendants:
        own, head, cell = places[id(piece.parent)]
        if not isinstance(piece, Tag):
            if own and cell and not isinstance(piece, PreformattedString):  # comments and the like
                cell.pieces.append(str(piece))
            continue
        match piece.name:
            case "table":
                own = False
            case "thead":
                head = True
            case "tr" if own:
                rows.append([])
                cell = None
            case "td" | "th" if own and rows:
                cell = _Cell(head or piece.name == "th", _span(piece, "rowspan"), _span(piece, "colspan"))
                rows[-1].append(cell)
            case "br" if cell:
                cell.pieces.append("\n")
        places[id(piece)] = own, head, cell
    return rows


def _laid_out(rows: list[list[_Cell]], limit: int) -> HtmlTable:
    """The table with spans filled; an empty one where that takes more than `limit` places."""
    table = HtmlTable()
    places: list[dict[int, str]] = [{} for _ in rows]
    for i, row in enumerate(rows):
        head = any(cell.head for cell in row)
        j = 0
        for cell in row:
            while j in places[i]:
                j += 1
            height = min(cell.height, len(rows) - i)
            limit -= height * cell.width
            if limit < 0:
                return HtmlTable()
            text = "".join(cell.pieces).strip()
            for line in places[i : i + height]:
                line.update({k: text if k == j else "" for k in range(j, j + cell.width)})
            if head:
                for k in range(j, j + cell.width):
                    table.heads.setdefault(k, []).append((i, text))
            j += cell.width
    width = max((max(line, default=-1) + 1 for line in places), default=0)
    if width and width * len(places) <= MAX_CELLS:
        table.rows = [[line.get(j, "") for j in range(width)] for line in places]
    return table


def _span(cell: Tag, name: str) -> int:
    value = str(cell.get(name, "1"))
    return max(1, min(int(value), MAX_SPAN)) if value.isdecimal() and len(value) < 9 else 1
