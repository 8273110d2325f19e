"""Tree-edit-distance similarity of tables."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from apted import APTED
from numpy.typing import NDArray

from tasks.scoring.features import Table
from tasks.scoring.matching import match, similarities
from tasks.scoring.text import similarity

MAX_NODE_PAIRS = 1_600  # nodes times nodes that the exact distance may see (40 by 40: about 10 ms)
MAX_ROWS, MAX_COLUMNS = 100, 30  # what the alignment reads of a table; the rest counts as missed


class Tree(NamedTuple):
    """A node for APTED."""

    tag: str
    text: str = ""
    children: tuple[Any, ...] = ()


class Costs:
    """TEDS costs: 1 to insert or delete a node, or for another tag; normalised Levenshtein distance for cell text."""

    valuecls = float

    def delete(self, node: Tree) -> float:
        return 1.0

    def insert(self, node: Tree) -> float:
        return 1.0

    def rename(self, a: Tree, b: Tree) -> float:
        if a.tag != b.tag:
            return 1.0
        return 0.0 if a.text == b.text else 1.0 - similarity(a.text, b.text)

    def children(self, node: Tree) -> tuple[Any, ...]:
        return node.children


def size(table: Table) -> int:
    """Nodes of the tree table / row / cell."""
    return 1 + len(table) + sum(map(len, table))


def teds(prediction: Table, reference: Table) -> float:
    """1 - TED(T1, T2) / max(|T1|, |T2|) (Zhong, ShafieiBavani and Jimeno Yepes 2020, section 4).

    T is the tree table / row / cell, the header's row being another tag than the body's. The distance is
    exact (APTED) for up to `MAX_NODE_PAIRS`; a larger pair of tables gets `aligned_distance`, which is never less.
    """
    if prediction == reference:
        return 1.0
    sizes = size(prediction), size(reference)
    if (distance := in_place(prediction, reference)) <= 2:
        return 1 - distance / max(sizes)
    if sizes[0] * sizes[1] <= MAX_NODE_PAIRS:
        distance = exact_distance(prediction, reference)
    else:
        distance = aligned_distance(prediction, reference)
    return min(1.0, max(0.0, 1 - distance / max(sizes)))


def exact_distance(a: Table, b: Table) -> float:
    """Tree edit distance in the costs of TEDS (APTED)."""
    return float(APTED(_tree(a), _tree(b), Costs()).compute_edit_distance())


def in_place(a: Table, b: Table) -> float:
    """Cost of the cells of two tables of one shape, each against the one in its place; infinite for other shapes.

    Where it is at most 2 it is the tree edit distance: any other mapping of two trees of one shape leaves a node out
    on either side.
    """
    if len(a) != len(b) or len(a[0]) != len(b[0]):
        return math.inf
    cells = ((x, y) for row, other in zip(a, b, strict=True) for x, y in zip(row, other, strict=True))
    return sum(1 - similarity(x, y) for x, y in cells if x != y)


def aligned_distance(a: Table, b: Table) -> float:
    """Edit distance of two tables, in the costs of TEDS, over mappings of rows to rows and their cells to cells.

    Such mappings are some of those that the tree edit distance chooses from (Zhang 1996), so this is an upper
    bound of it, in time O(cells times cells). Of what lies beyond the caps nothing matches: it costs the greater
    number of nodes.
    """
    cut_a = [row[:MAX_COLUMNS] for row in a[:MAX_ROWS]]
    cut_b = [row[:MAX_COLUMNS] for row in b[:MAX_ROWS]]
    (n, width_a), (m, width_b) = (len(cut_a), len(cut_a[0])), (len(cut_b), len(cut_b[0]))
    cells_a, cells_b = [cell for row in cut_a for cell in row], [cell for row in cut_b for cell in row]
    costs = (1 - similarities(cells_a, cells_b)).reshape(n, width_a, m, width_b)

    # all pairs of rows at once: best[j] is the distance of the first i cells of one row and j of the other
    best = [np.full((n, m), float(j)) for j in range(width_b + 1)]
    for i in range(width_a):
        above, best = best, [np.full((n, m), i + 1.0)]
        for j in range(width_b):
            step = np.minimum(above[j + 1], best[j]) + 1
            best.append(np.minimum(step, above[j] + costs[:, i, :, j]))
    rows = best[-1]
    rows[0, 1:] += 1  # a header is another tag than a row
    rows[1:, 0] += 1

    gap = 1.0 + width_b
    ramp = gap * np.arange(m + 1)
    line: NDArray[np.floating] = ramp
    for i in range(n):
        step = np.concatenate(([line[0] + 1 + width_a], np.minimum(line[1:] + 1 + width_a, line[:-1] + rows[i])))
        line = np.minimum.accumulate(step - ramp) + ramp
    missed = max(size(a) - (1 + n + n * width_a), size(b) - (1 + m + m * width_b))
    return float(line[-1]) + missed


def table_scores(prediction: list[Table], reference: list[Table]) -> tuple[float | None, float | None, float | None]:
    """TEDS, structure and cells of tables paired one-to-one by the similarity of their text.

    TEDS and structure (TEDS-S): sum of `teds` or `teds_structure` over the pairs, over the greater number of tables.
    Cells: sum of `equal_cells` over the pairs, over the greater number of cells. None where neither text has a table.
    """
    if not prediction and not reference:
        return None, None, None
    pairs = match(prediction, reference, lambda a, b: similarities([*map(_flat, a)], [*map(_flat, b)]))
    number = max(len(prediction), len(reference))
    cells = max(sum(len(row) for table in tables for row in table) for tables in (prediction, reference))
    return (
        sum(teds(a, b) for a, b, _ in pairs) / number,
        sum(teds_structure(a, b) for a, b, _ in pairs) / number,
        sum(equal_cells(a, b) for a, b, _ in pairs) / cells,
    )


def teds_structure(prediction: Table, reference: Table) -> float:
    """TEDS-S: `teds` of the two tables without their texts, so that only rows, columns and the header count
    (Huang et al. 2023, arXiv 2303.00716, section 4.1)."""
    return _teds_of_shapes(len(prediction), len(prediction[0]), len(reference), len(reference[0]))


@lru_cache(maxsize=1024)
def _teds_of_shapes(rows: int, columns: int, other_rows: int, other_columns: int) -> float:
    return teds((("",) * columns,) * rows, (("",) * other_columns,) * other_rows)


def equal_cells(a: Table, b: Table) -> int:
    """Greatest number of equal cells over pairings that keep the order of rows, and of cells within paired rows.

    Of each table the first `MAX_ROWS` rows and `MAX_COLUMNS` columns, unless the tables are the same.
    """
    if a == b:
        return sum(map(len, a))
    numbers: dict[str, int] = {}
    x, y = (
        np.array([[numbers.setdefault(cell, len(numbers)) for cell in row[:MAX_COLUMNS]] for row in table[:MAX_ROWS]])
        for table in (a, b)
    )
    # all pairs of rows at once: best[j] is the count for the first cells of one row and j of the other
    shape = len(x), len(y)
    best = [np.zeros(shape, dtype=np.int32) for _ in range(y.shape[1] + 1)]
    for i in range(x.shape[1]):
        above, best = best, [np.zeros(shape, dtype=np.int32)]
        for j in range(y.shape[1]):
            equal = np.equal.outer(x[:, i], y[:, j])
            best.append(np.maximum(np.maximum(above[j + 1], best[j]), above[j] + equal))
    line = np.zeros(len(y) + 1, dtype=np.int32)
    for row in best[-1]:
        line[1:] = np.maximum.accumulate(np.maximum(line[1:], line[:-1] + row))
    return int(line[-1])


def _flat(table: Table) -> str:
    return "\n".join(" | ".join(row) for row in table)


def _tree(table: Table) -> Tree:
    rows = (Tree("row" if i else "head", "", tuple(Tree("cell", cell) for cell in row)) for i, row in enumerate(table))
    return Tree("table", "", tuple(rows))
