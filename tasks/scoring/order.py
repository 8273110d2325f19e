"""Reading order: how much of the page comes in the page's order."""

from __future__ import annotations

import numpy as np

from tasks.scoring.matching import similarities

SAME = 0.5  # two units of at least this similarity are readings of the same thing
MAX_UNITS = 400  # units of each side, between the common beginning and end, that are compared with each other


def reading_order(prediction: list[str], reference: list[str]) -> float | None:
    """Weight of the heaviest chain of matched units that keeps the order of both texts, over the weight of both.

        2 * max_chain sum_(i, j) s_ij * (w_i + w_j) / 2 / (sum_i w_i + sum_j w_j)

    Units are headings, sentences, code lines and table rows; s_ij is their normalised Levenshtein similarity,
    0 below `SAME`; w is the bit length of a unit's length, so that one long sentence cannot stand for a page.
    A chain uses each unit once (a weighted longest common subsequence), so what is missing, doubled, invented
    or moved costs. A common beginning and end are paired as they are; of what lies between, units
    beyond `MAX_UNITS` match nothing. None where neither text has a unit.
    """
    if not prediction and not reference:
        return None
    a, b = prediction, reference
    limit = min(len(a), len(b))
    head = next((i for i in range(limit) if a[i] != b[i]), limit)
    tail = next((i for i in range(limit - head) if a[-1 - i] != b[-1 - i]), limit - head)
    common = a[:head] + a[len(a) - tail :]
    chain = 2 * _weight(common) + _chain(a[head : len(a) - tail][:MAX_UNITS], b[head : len(b) - tail][:MAX_UNITS])
    return min(1.0, chain / (_weight(a) + _weight(b)))


def _chain(a: list[str], b: list[str]) -> float:
    """Greatest sum of s_ij * (w_i + w_j) over pairs that rise in both."""
    if not a or not b:
        return 0.0
    gains = similarities(a, b, SAME)
    gains *= np.add.outer(_weights(a), _weights(b))
    best = np.zeros(len(b) + 1)
    for row in gains:
        best[1:] = np.maximum.accumulate(np.maximum(best[1:], best[:-1] + row))
    return float(best[-1])


def _weights(units: list[str]) -> list[int]:
    return [len(unit).bit_length() for unit in units]


def _weight(units: list[str]) -> int:
    return sum(_weights(units))
