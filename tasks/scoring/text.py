"""Text as scores compare it: normalisation, words, similarity, repetition."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter

from rapidfuzz.distance import Levenshtein

MAX_CHARS = 100_000  # longer texts are scored by their beginning
CHUNK = 4_000  # NFKC is quadratic in a run of combining marks, so it never sees more than this at once

INVISIBLE = re.compile("[\u00ad\u200b\u2060\ufeff]")  # soft hyphen, zero-width space, word joiner, BOM
CJK = "\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f"
WORD = re.compile(rf"[{CJK}]|[^\W{CJK}]+")


def nfkc(text: str) -> str:
    """NFKC without the characters that no page shows (zero-width space, soft hyphen, BOM)."""
    if text.isascii():
        return text
    pieces = (text[i : i + CHUNK] for i in range(0, len(text), CHUNK))
    return INVISIBLE.sub("", "".join(unicodedata.normalize("NFKC", piece) for piece in pieces))


def normalise(text: str) -> str:
    """NFKC, each run of white space one space, none at the ends."""
    return " ".join(nfkc(text).split())


def words(text: str) -> list[str]:
    r"""Words of a normalised text: each CJK ideograph or kana by itself, else runs of `\w` in lower case."""
    return WORD.findall(text.lower())


def similarity(a: str, b: str) -> float:
    """1 - Levenshtein(a, b) / max(|a|, |b|), in [0, 1]; 1 for two empty texts. Of each, the first `MAX_CHARS`."""
    return float(Levenshtein.normalized_similarity(a[:MAX_CHARS], b[:MAX_CHARS]))


def overlap(prediction: Counter[str], reference: Counter[str]) -> tuple[float, float, float]:
    """Precision, recall and F1 of a multiset; 0 where either is empty."""
    n_pred, n_ref = prediction.total(), reference.total()
    if not n_pred or not n_ref:
        return 0.0, 0.0, 0.0
    common = (prediction & reference).total()
    return common / n_pred, common / n_ref, 2 * common / (n_pred + n_ref)


def repetition_rate(text: str, n: int = 8) -> float:
    """Share of the word n-grams that repeat an earlier one, in [0, 1).

    A rate, not a score: it looks at one text alone, 0 is best, and a page that repeats itself has it too. It shows an
    answer in a loop. 0 for a text of fewer than n words.
    """
    tokens = words(normalise(text[:MAX_CHARS]))
    grams = list(zip(*(tokens[i:] for i in range(n)), strict=False))
    return 1 - len(set(grams)) / len(grams) if grams else 0.0
