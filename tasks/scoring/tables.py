"""Tree-edit-distance similarity of tables."""

from __future__ import annotations

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
        return 1.0 - similarity(a.text, b.text) if a.tag == b.tag else 1.0

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
    if sizes[0] * sizes[1] <= MAX_NODE_PAIRS:
        distance = float(APTED(_tree(prediction), _tree(reference), Costs()).compute_edit_distance())
    else:
        distance = aligned_distance(prediction, reference)
    return min(1.0, max(0.0, 1 - distance / max(sizes)))


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


def table_score(prediction: list[Table], reference: list[Table]) -> float | None:
    """Sum of TEDS over tables paired one-to-one by the similarity of their text, over the greater number of tables.

    None where neither text has a table.
    """
    if not prediction and not reference:
        return None
    pairs = match(prediction, reference, lambda a, b: similarities([*map(_flat, a)], [*map(_flat, b)]))
    return sum(teds(a, b) for a, b, _ in pairs) / max(len(prediction), len(reference))


def _flat(table: Table) -> str:
    return "\n".join(" | ".join(row) for row in table)


def _tree(table: Table) -> Tree:
    rows = (Tree("row" if i else "head", "", tuple(Tree("cell", cell) for cell in row)) for i, row in enumerate(table))
    return Tree("table", "", tuple(rows))
