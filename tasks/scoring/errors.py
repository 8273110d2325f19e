"""Error rates: what it would take to correct an answer. Rates, not scores: 0 is best, and they may exceed 1."""

from __future__ import annotations

from rapidfuzz.distance import Levenshtein

from tasks.markdown import visible_text
from tasks.scoring.text import MAX_CHARS, normalise, words


def character_error_rate(prediction: str, reference: str) -> float | None:
    """Levenshtein(a, b) / |b| over the characters of the visible texts, white space as one space.

    Insertions count, so a long answer has a rate above 1. None where the reference shows no text.
    """
    a, b = visible(prediction), visible(reference)
    return Levenshtein.distance(a, b) / len(b) if b else None


def word_error_rate(prediction: str, reference: str) -> float | None:
    """Levenshtein(a, b) / |b| over the words of the visible texts (see `words`: each CJK character is one, letter case
    and marks do not count). None where the reference shows no word."""
    a, b = words(visible(prediction)), words(visible(reference))
    return Levenshtein.distance(a, b) / len(b) if b else None


def visible(markdown: str) -> str:
    """The visible text that the error rates compare: normalised, of the first `MAX_CHARS` characters."""
    markdown = markdown[:MAX_CHARS]
    try:
        return normalise(visible_text(markdown))
    except RecursionError:  # an answer in a loop of ">": its marks are all there is
        return normalise(markdown)
