"""How facts read a text: its normalisation, and where a text stands in another, some edits allowed."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

import numpy as np
from rapidfuzz import fuzz

from tasks.scoring.text import CHUNK

_MARKS = (  # in this order: a break, white space, bold, italics
    (re.compile(r"<br/?>|\s+"), " "),
    (re.compile(r" {2,}"), " "),
    (re.compile(r"\*\*(.*?)\*\*|</?b>"), r"\1"),
    (re.compile(r"__(.*?)__|</?i>"), r"\1"),
    (re.compile(r"\*(.*?)\*"), r"\1"),
    (re.compile(r"_(.*?)_"), r"\1"),
)
_PLAIN = str.maketrans(
    {
        **dict.fromkeys("\u2018\u2019\u201a", "'"),
        **dict.fromkeys("\u201c\u201d\u201e", '"'),
        **dict.fromkeys("\u2011\u2012\u2013\u2014\u2212", "-"),
        "\uff3f": "_",
        "\u00b5": "\u03bc",  # micro sign, Greek mu
    }
)


def normalise_fact(text: str) -> str:
    """A text as facts compare it: line breaks and runs of white space are one space, bold and italic marks go,
    NFC, typographic quotes and dashes are their ASCII ones (olmOCR-bench, `normalize_text`).
    """
    for pattern, replacement in _MARKS:
        text = pattern.sub(replacement, text)
    if text.isascii():
        return text
    words = (word if word.isascii() else _nfc(word) for word in text.split(" "))
    return " ".join(words).translate(_PLAIN)


def _nfc(word: str) -> str:
    """NFC in pieces: it is quadratic in a run of combining marks."""
    return "".join(unicodedata.normalize("NFC", word[i : i + CHUNK]) for i in range(0, len(word), CHUNK))


def similarity_floor(length: int, max_diffs: int) -> float:
    """The similarity that a text of `length` characters must reach when `max_diffs` edits are allowed."""
    return 1.0 - max_diffs / max(1, length)


def holds(text: str, answer: str, max_diffs: int) -> bool:
    """Whether a stretch of `answer` of the length of `text` reaches 1 - max_diffs / |text| of Indel similarity.

    An answer shorter than `text` is compared as a whole.
    """
    if text in answer:
        return True
    floor = similarity_floor(len(text), max_diffs)
    if len(answer) < len(text):
        return fuzz.ratio(text, answer) / 100 >= floor
    if max_diffs == 0:
        return False
    if floor <= 0:
        return True
    # one of 2k + 1 pieces stands unchanged in any stretch with at most k characters lost and k gained
    stretches = _stretches(text, answer, 2 * max_diffs)
    return any(fuzz.partial_ratio(text, stretch) / 100 >= floor for _, stretch in stretches)


def extent(text: str, answer: str, max_diffs: int) -> tuple[int, int] | None:
    """Where the first and the last reading of `text` begin in `answer`, at most `max_diffs` edits (Levenshtein) off.

    Of places next to each other that would all do, the closest reading counts. None where there is no reading.
    """
    if max_diffs == 0:
        first = answer.find(text)
        return None if first < 0 else (first, answer.rfind(text))
    places = [
        begin + place
        for begin, stretch in _stretches(text, answer, max_diffs)
        for place in _readings(text, stretch, max_diffs)
    ]
    return (min(places), max(places)) if places else None


def _stretches(text: str, answer: str, edits: int) -> Iterator[tuple[int, str]]:
    """The parts of `answer` that may hold `text` with that many edits, with where they begin: around each place where
    one of `edits` + 1 pieces of it stands unchanged."""
    size = len(text) // (edits + 1)
    if not size:
        yield 0, answer
        return
    hits: set[int] = set()
    for piece in {text[i * size : (i + 1) * size] for i in range(edits + 1)}:
        at = answer.find(piece)
        while at >= 0:
            hits.add(at)
            at = answer.find(piece, at + 1)
    margin = 2 * len(text) + 2 * edits
    begin, end = 0, -1
    for hit in sorted(hits):
        if end < 0 or hit - margin > end:
            if end >= 0:
                yield begin, answer[begin:end]
            begin = max(0, hit - margin)
        end = hit + margin
    if end >= 0:
        yield begin, answer[begin:end]


def _readings(text: str, stretch: str, max_diffs: int) -> list[int]:
    """Beginnings of the readings of `text`, by Sellers' algorithm (1980) on both texts backwards: the distance of
    the best reading that begins at each place, in time |text| times |stretch|."""
    letters = np.array([ord(c) for c in reversed(stretch)], dtype=np.int32)
    line = np.zeros(len(letters) + 1, dtype=np.int32)
    ramp = np.arange(len(letters) + 1, dtype=np.int32)
    for i, letter in enumerate(reversed(text)):
        step = np.minimum(line[1:] + 1, line[:-1] + (letters != ord(letter)))
        line = np.minimum.accumulate(np.concatenate(([i + 1], step)).astype(np.int32) - ramp) + ramp
    distances = line[::-1]  # by the place where a reading begins
    found: list[int] = []
    near = np.flatnonzero(distances <= max_diffs)
    for run in np.split(near, np.flatnonzero(np.diff(near) > 1) + 1) if len(near) else []:
        found.append(int(run[np.argmin(distances[run])]))
    return found
