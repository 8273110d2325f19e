"""All scores of one page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from tasks.scoring.features import Features, extract
from tasks.scoring.matching import match, similarities
from tasks.scoring.order import SAME, reading_order
from tasks.scoring.pieces import language_score, list_score, math_score
from tasks.scoring.tables import table_scores
from tasks.scoring.text import overlap, similarity

Heading = tuple[int, str]

_known = lru_cache(maxsize=64)(extract)  # the answers of a group share their reference

PARTS = (
    "edit_similarity",
    "word_precision",
    "word_recall",
    "word_f1",
    "heading_precision",
    "heading_recall",
    "heading_f1",
    "code_similarity",
    "code_count",
    "table_teds",
    "reading_order",
    "structure",
    "table_structure",
    "table_cells",
    "list_f1",
    "math_similarity",
    "code_language",
    "edit_similarity_raw",
)


def score_page(prediction: str, reference: str) -> dict[str, float | None]:
    """Every part of the comparison of a predicted page with the true one, each in [0, 1].

    A part is None only where both texts lack the feature; what only one of them has scores 0. A text scores 1
    against itself in every part, a blank answer to a page scores 0 in every part. Of each text the first 100,000
    characters count. Nothing is stripped from the prediction (see `strip_thinking`).

    - edit_similarity: see `edit_score`
    - word_precision, word_recall, word_f1: multiset of words of the visible text
    - heading_precision, heading_recall, heading_f1: see `heading_scores`
    - code_similarity, code_count, code_language: see `code_scores`
    - table_teds, table_structure, table_cells: see `table_scores`
    - reading_order, structure, list_f1, math_similarity: see `reading_order`, `structure_score`, `list_score`,
      `math_score`
    - edit_similarity_raw: see `raw_score`

    HTML tables and bracketed formulas count as what they show (see `canonical`) in all parts but the last.

    Raises TypeError for anything but two texts.
    """
    for name, value in (("prediction", prediction), ("reference", reference)):
        if not isinstance(value, str):
            raise TypeError(f"{name} is a str, not {type(value).__name__}")
    a = extract(prediction)
    b = a if prediction == reference else _known(reference)
    word: tuple[float | None, ...] = overlap(a.words, b.words) if a.words or b.words else (None,) * 3
    code_similarity, code_count, code_language = code_scores(a, b)
    teds, table_structure, table_cells = table_scores(a.tables, b.tables)
    values = (
        edit_score(a, b),
        *word,
        *heading_scores(a.headings, b.headings),
        code_similarity,
        code_count,
        teds,
        reading_order(a.units, b.units),
        structure_score(a.shape, b.shape),
        table_structure,
        table_cells,
        list_score(a.items, b.items),
        math_score(a.formulas, b.formulas),
        code_language,
        raw_score(prediction, reference),
    )
    return dict(zip(PARTS, values, strict=True))


def edit_score(prediction: Features, reference: Features) -> float:
    """1 - Levenshtein(a, b) / max(|a|, |b|) of the canonical Markdown: NFKC, white space as one space, without
    emphasis, link targets and other spellings of the same mark. Two blank texts are equal.

    Never more than twice the shorter source's length over the longer's, so that an answer which runs on in marks
    that show nothing (a loop of asterisks, an endless link target) costs as well.
    """
    shorter, longer = sorted((prediction.length, reference.length))
    return min(similarity(prediction.text, reference.text), 2 * shorter / longer if longer else 1.0)


def heading_scores(prediction: list[Heading], reference: list[Heading]) -> tuple[float | None, ...]:
    """Precision S / n, recall S / m and F1 2S / (n + m), S the greatest sum over one-to-one pairs of headings.

    A pair counts the similarity of its texts (0 below one half), divided by 1 + the difference of levels.
    None where neither text has a heading.
    """
    if not prediction and not reference:
        return (None,) * 3
    if not prediction or not reference:
        return (0.0,) * 3
    total = sum(s for _, _, s in match(prediction, reference, _heading_similarities))
    n, m = len(prediction), len(reference)
    return total / n, total / m, 2 * total / (n + m)


def raw_score(prediction: str, reference: str) -> float:
    """1 - Levenshtein(a, b) / max(|a|, |b|) of the texts as they stand, nothing normalised. A blank text scores 0
    against one that is not, and 1 against another blank one."""
    blank = not prediction.strip(), not reference.strip()
    return float(all(blank)) if any(blank) else similarity(prediction, reference)


def code_scores(prediction: Features, reference: Features) -> tuple[float | None, ...]:
    """Code similarity, code count and code language.

    Similarity: greatest sum of the contents' normalised Levenshtein similarity (lines and indentation kept) over
    one-to-one pairs of blocks, divided by the greater number of blocks. Count: fewer blocks / more blocks.
    Language: see `language_score`. None where neither text has a code block.
    """
    if not prediction.code and not reference.code:
        return None, None, None
    a, b = ([*zip(text.code, text.languages, strict=True)] for text in (prediction, reference))
    pairs = match(a, b, _code_similarities)
    fewer, more = sorted((len(a), len(b)))
    tags = language_score(pairs, prediction.languages, reference.languages)
    return sum(s for _, _, s in pairs) / more, fewer / more, tags


def structure_score(
    prediction: Mapping[str, Counter[tuple[int, ...]]], reference: Mapping[str, Counter[tuple[int, ...]]]
) -> float | None:
    """Agreement of the kinds of blocks: the Dice coefficient 2|A & B| / (|A| + |B|), averaged over the classes of
    structure that either text has, so that a class that only one of them has scores 0.

    Classes and what is counted: paragraphs outside lists; headings by level; list items by depth and numbering;
    task boxes by state; quotes by depth; code blocks; fences that never close; table rows by width, headers
    apart; rules; images; footnotes; raw HTML. None where neither text has a block.
    """
    classes = sorted(prediction.keys() | reference.keys())
    if not classes:
        return None
    empty: Counter[tuple[int, ...]] = Counter()
    dice = 0.0
    for name in classes:
        a, b = prediction.get(name, empty), reference.get(name, empty)
        dice += 2 * (a & b).total() / (a.total() + b.total())
    return dice / len(classes)


def _heading_similarities(a: list[Heading], b: list[Heading]) -> NDArray[np.float64]:
    levels = np.abs(np.subtract.outer([level for level, _ in a], [level for level, _ in b]))
    sims: NDArray[np.float64] = similarities([text for _, text in a], [text for _, text in b], SAME) / (1 + levels)
    return sims


def _code_similarities(a: list[tuple[str, str]], b: list[tuple[str, str]]) -> NDArray[np.float64]:
    return similarities([content for content, _ in a], [content for content, _ in b])
