"""Which pieces of a source a page shows, and where: what its text layer holds once, and no other page does."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from tasks.evaluate.real.page_text import PageText, Place, squash
from tasks.evaluate.real.pieces import Pieces

SHORTEST = {"en": 20, "ja": 8}  # characters of a text that is looked up
LONGEST = 300
_HEADING = {"en": 8, "ja": 4}  # characters of a heading
_NEAR = 400  # squashed characters between a heading and a text of its section
# what readings may write in other ways
_MARKUP = re.compile(r"[`\[\]<>$\\|*_~&^{}#@\ufffd…—←-⇿]|https?:|\.\s*\.\s*\.|\s[–-]\s")
_NARROW_OR_WIDE = re.compile(r"[():;,.!?/'\"‘’“”（）：；！？／［］｛｝\u3000\uff10-\uff5a]")
_CLAUSE = re.compile(r"[、，。．]")
_ENDS = re.compile(r"^[\s,.;:)”’\"'–-]+|[\s(“‘\"'–-]+$")  # what belongs to a formula or to code before or after
_LATIN = re.compile(r"[A-Za-z0-9]")
_WIDE = r"[\u3040-\u30ff\u3400-\u9fff]"
_JAPANESE = re.compile(_WIDE)
_MEETING = re.compile(rf"{_WIDE} ?[A-Za-z0-9]|[A-Za-z0-9] ?{_WIDE}")  # where some write a space and some none
_WRAPPED = re.compile(r"\\begin\{(equation\*?|displaymath|math)\}(.*)\\end\{\1\}", re.DOTALL)
_LABEL = re.compile(r"\\(?:label|tag)\s*\{[^{}]*\}|\\(?:nonumber|notag)(?![A-Za-z])")
_COMMAND = re.compile(r"\\[A-Za-z]+")
_SYMBOL = re.compile(r"[A-Za-z0-9]")


@dataclass(frozen=True, slots=True)
class Found:
    """A text of the source on the page; `number` is its place among the source's pieces."""

    text: str
    number: int
    place: Place
    flows: bool
    heading: bool


class Located:
    """What of a source one page shows. `whole` is the squashed text of all pages, with a mark between two of them."""

    def __init__(self, source: Pieces, page: PageText, whole: str, language: str) -> None:
        self.source = source
        self.page = page
        self.whole = whole
        self.language = language
        texts = [found for number in range(len(source.running)) for found in self._texts(number)]
        self.texts = sorted([*texts, *self._headings(texts)], key=lambda found: (found.number, found.place.start))

    def _texts(self, number: int) -> Iterator[Found]:
        piece = self.source.running[number]
        if piece.kind not in ("sentence", "part") or len(squash(piece.text)) < SHORTEST[self.language]:
            return
        # Japanese is looked up by clauses, as one that lies on one line is the same whether or not lines are joined
        for clause in [piece.text] if self.language == "en" else _CLAUSE.split(piece.text):
            text = _ENDS.sub("", clause)
            if SHORTEST[self.language] <= len(text) <= LONGEST and is_plain(text, self.language):
                place = self.once(text)
                if place and (self.language == "en" or self.page.on_one_line(place)):
                    yield Found(text, number, place, piece.flows, heading=False)

    def once(self, text: str) -> Place | None:
        """Where the page shows the text, if that is once, and nowhere else in the document."""
        wanted = squash(text)
        if wanted not in self.page.squashed or self.whole.count(wanted) != 1:
            return None
        places = self.page.find(text)
        if len(places) != 1:
            return None
        # of a hyphen at the end of a line nobody can say whether it stays, if the text has hyphens of its own
        return None if "-" in text and "- " in self.page.shown(places[0]) else places[0]

    def _headings(self, texts: list[Found]) -> Iterator[Found]:
        """Headings that the page shows once, shortly before a text of their section: a table of contents or a running
        line may show them too."""
        following: dict[int, Found] = {}
        for found in texts:
            following.setdefault(found.number, found)
        for number, piece in enumerate(self.source.running):
            if (
                piece.kind == "heading"
                and _HEADING[self.language] <= len(piece.text) <= LONGEST
                and is_plain(piece.text, self.language)
            ):
                after = next((following[n] for n in range(number + 1, number + 4) if n in following), None)
                places = self.page.find(piece.text) if after else []
                if after and len(places) == 1 and 0 <= after.place.start - places[0].end <= _NEAR:
                    yield Found(piece.text, number, places[0], piece.flows, heading=True)

    def formulas(self) -> Iterator[str]:
        """LaTeX of the formulas between two texts that the page shows, near each other, with most of the formula's
        letters and digits between them."""
        running = self.source.running
        for before, formula, after in zip(running, running[1:], running[2:], strict=False):
            if formula.kind not in ("inline", "display") or after.kind in ("inline", "display"):
                continue
            latex = " ".join(_LABEL.sub(" ", _WRAPPED.sub(r"\2", formula.text)).split()).rstrip(".,; ")
            head, tail = squash(before.text)[-30:], squash(after.text.partition("[")[0])[:12]
            if len(head) < 10 or len(tail) < 5 or self.page.squashed.count(head) != 1:
                continue
            start = self.page.squashed.index(head) + len(head)
            end = self.page.squashed.find(tail, start, start + 3 * len(latex) + 40)
            symbols = _COMMAND.sub(" ", latex)
            if end >= 0 and _covered(_SYMBOL.findall(symbols), self.page.squashed[start:end]) >= 0.8:
                yield latex


def _covered(symbols: list[str], shown: str) -> float:
    """Share of the symbols that a text shows, each as often."""
    left = list(shown)
    hits = 0
    for symbol in symbols:
        if symbol in left:
            left.remove(symbol)
            hits += 1
    return hits / max(1, len(symbols))


def is_plain(text: str, language: str) -> bool:
    """Whether every honest reading of the text writes it in one way."""
    if _MARKUP.search(text):
        return False
    if language == "en":
        return bool(_LATIN.search(text))
    return bool(_JAPANESE.search(text)) and not (_NARROW_OR_WIDE.search(text) or _MEETING.search(text))
