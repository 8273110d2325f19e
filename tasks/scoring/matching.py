"""One-to-one matching of two lists of pieces."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from rapidfuzz import process
from rapidfuzz.distance import Levenshtein

MAX_PIECES = 128  # pieces of each side that are compared with each other, after identical ones are paired

Piece = TypeVar("Piece", bound=Hashable)


def similarities(a: Sequence[str], b: Sequence[str], cutoff: float = 0.0) -> NDArray[np.float64]:
    """Normalised Levenshtein similarity of every pair, shape (|a|, |b|); 0 where it is below the cut-off."""
    return process.cdist(a, b, scorer=Levenshtein.normalized_similarity, score_cutoff=cutoff, dtype=np.float64)


def match(
    a: Sequence[Piece], b: Sequence[Piece], matrix: Callable[[list[Piece], list[Piece]], NDArray[np.float64]]
) -> list[tuple[Piece, Piece, float]]:
    """One-to-one pairs of pieces with their similarity, of greatest sum.

    Identical pieces are paired first, with similarity 1; of what is left, the first `MAX_PIECES` of each side
    by optimal assignment (Kuhn 1955) over `matrix(left, right)`. Pairs of similarity 0 are left out.
    """
    places: dict[Piece, list[int]] = defaultdict(list)
    for j in range(len(b) - 1, -1, -1):
        places[b[j]].append(j)
    pairs: list[tuple[Piece, Piece, float]] = []
    left: list[Piece] = []
    taken: set[int] = set()
    for piece in a:
        if where := places.get(piece):
            taken.add(where.pop())
            pairs.append((piece, piece, 1.0))
        else:
            left.append(piece)
    left = left[:MAX_PIECES]
    right = [piece for j, piece in enumerate(b) if j not in taken][:MAX_PIECES]
    if not left or not right:
        return pairs
    sims = matrix(left, right)
    if sims.size == 1:
        rows, columns = [0], [0]
    else:
        from scipy.optimize import linear_sum_assignment

        rows, columns = linear_sum_assignment(sims, maximize=True)
    pairs += [(left[i], right[j], float(sims[i, j])) for i, j in zip(rows, columns, strict=True) if sims[i, j] > 0]
    return pairs
