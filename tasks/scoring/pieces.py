"""Scores of a page's small pieces: list items, formulas, language tags of code blocks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tasks.scoring.features import Item
from tasks.scoring.matching import match, similarities
from tasks.scoring.order import SAME


def list_score(prediction: list[Item], reference: list[Item]) -> float | None:
    """2S / (n + m), S the greatest sum over one-to-one pairs of list items.

    A pair counts the similarity of the items' own texts (normalised Levenshtein, 0 below one half), divided by
    1 + the difference of depths, halved where one is a bullet or has another number. None where neither text has an
    item.
    """
    if not prediction and not reference:
        return None
    total = sum(s for _, _, s in match(prediction, reference, _item_similarities))
    return 2 * total / (len(prediction) + len(reference))


def _item_similarities(a: list[Item], b: list[Item]) -> NDArray[np.float64]:
    depths = np.abs(np.subtract.outer([depth for _, depth, _ in a], [depth for _, depth, _ in b]))
    numbers = np.not_equal.outer([_number(number) for *_, number in a], [_number(number) for *_, number in b])
    sims: NDArray[np.float64] = similarities([text for text, *_ in a], [text for text, *_ in b], SAME)
    sims /= (1 + depths) * (1 + numbers)
    return sims


def _number(number: int | None) -> float:
    return -1.0 if number is None else float(number)


def math_score(prediction: list[str], reference: list[str]) -> float | None:
    """Greatest sum of the normalised Levenshtein similarity of formulas (see `normalise_latex`) over one-to-one pairs,
    divided by the greater number of formulas. None where neither text has a formula.

    Inline and display formulas are one kind.
    """
    if not prediction and not reference:
        return None
    return sum(s for _, _, s in match(prediction, reference, similarities)) / max(len(prediction), len(reference))


def language_score(
    pairs: Sequence[tuple[tuple[str, str], tuple[str, str], float]], prediction: list[str], reference: list[str]
) -> float | None:
    """2T / (n + m), n and m the numbers of code blocks with a language tag, T that of paired blocks with the same one.

    `pairs`: blocks (content, language) matched by content. Usual names of one language are the same, plain text is no
    language. None where no block of either text has a tag.
    """
    tagged = sum(map(bool, prediction)) + sum(map(bool, reference))
    return 2 * sum(bool(a) and a == b for (_, a), (_, b), _ in pairs) / tagged if tagged else None
