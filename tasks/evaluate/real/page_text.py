"""The text layer of a page as a string that source texts can be looked up in, with the place of every character."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left
from dataclasses import dataclass
from typing import Any

Rect = tuple[float, float, float, float]
"""x0, y0, x1, y1 in PDF points from the top left."""

_DROPPED = re.compile(r"[\s\-\u00ad\u200b-\u200d\u2060\ufeff\u2010-\u2015\u2212'\"`´’‘“”„«»′″¨~˜・]+")
_WIDE = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uff66-\uff9f]")


def squash(text: str) -> str:
    """A text without what typesetting changes: ligatures and look-alike characters are undone (NFKC), white space,
    hyphens, dashes and quotation marks are gone."""
    return unicodedata.normalize("NFKC", _DROPPED.sub("", unicodedata.normalize("NFKC", text)))


@dataclass(frozen=True, slots=True)
class Place:
    """Where a text stands: half-open characters of the page's squashed text, and the box around its words."""

    start: int
    end: int
    box: Rect


@dataclass(frozen=True)
class PageText:
    """The words of a page in the order in which they are painted."""

    boxes: tuple[Rect, ...]
    words: tuple[str, ...]
    squashed: str
    starts: tuple[int, ...]
    """Where in `squashed` each word begins."""

    @classmethod
    def of(cls, pdf_page: Any, clip: Rect | None = None) -> PageText:
        """The words of a PyMuPDF page whose middle lies in `clip`."""
        boxes, words = [], []
        for x0, y0, x1, y1, word, *_ in pdf_page.get_text("words", sort=False):
            x, y = (x0 + x1) / 2, (y0 + y1) / 2
            if clip is None or (clip[0] <= x <= clip[2] and clip[1] <= y <= clip[3]):
                boxes.append((x0, y0, x1, y1))
                words.append(word)
        starts, squashed = [], ""
        for word in words:
            starts.append(len(squashed))
            squashed += squash(word)
        return cls(tuple(boxes), tuple(words), squashed, tuple(starts))

    def find(self, text: str) -> list[Place]:
        """Every place where the page shows the text as whole words (of scripts that part words by spaces)."""
        wanted = squash(text)
        places: list[Place] = []
        at = self.squashed.find(wanted) if wanted else -1
        while at >= 0:
            end = at + len(wanted)
            if self._whole(at, end):
                first, last = self._word_at(at), self._word_at(end - 1)
                parts = self.boxes[first : last + 1]
                box = (
                    min(p[0] for p in parts),
                    min(p[1] for p in parts),
                    max(p[2] for p in parts),
                    max(p[3] for p in parts),
                )
                places.append(Place(at, end, box))
            at = self.squashed.find(wanted, at + 1)
        return places

    def on_one_line(self, place: Place) -> bool:
        """Whether the words of a place stand side by side."""
        first, last = self._word_at(place.start), self._word_at(place.end - 1)
        parts = self.boxes[first : last + 1]
        return max(part[1] for part in parts) < min(part[3] for part in parts)

    def shown(self, place: Place) -> str:
        """The words of a place as the text layer has them, apart by a space."""
        return " ".join(self.words[self._word_at(place.start) : self._word_at(place.end - 1) + 1])

    def _word_at(self, position: int) -> int:
        """The word that holds a character; of several that begin there the last one, which alone is not empty."""
        return bisect_left(self.starts, position + 1) - 1

    def _whole(self, start: int, end: int) -> bool:
        return self._parted(start) and self._parted(end)

    def _parted(self, position: int) -> bool:
        """Whether a word may begin or end before this character."""
        if position in (0, len(self.squashed)):
            return True
        before, after = self.squashed[position - 1], self.squashed[position]
        if not (before.isalnum() and after.isalnum()) or _WIDE.match(before) or _WIDE.match(after):
            return True
        index = bisect_left(self.starts, position)
        return index < len(self.starts) and self.starts[index] == position
