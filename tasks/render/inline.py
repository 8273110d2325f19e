"""A block's inline content as Markdown: the plainest spelling that the parser reads back as the same content."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from tasks.markdown import Node
from tasks.render.pieces import Token, tokens
from tasks.render.shape import Shape

_PUNCTUATION = re.compile(r"([!-/:-@\[-`{-~])")
_SPECIAL = re.compile(
    r"(\\(?=[!-/:-@\[-`{-~])|[*`\[\]<~$]|(?<!\w)_|_(?!\w)|&(?=#?\w+;)|!(?=\[)"
    r"|^(?:[#>=|:]|[-+](?=\s|$|-))|#(?=#*$))"
)
_NUMBER = re.compile(r"^(\d{1,9})([.)])(?=\s|$)")
_MARKS = {"Emphasis": ("*", "_"), "Strong": ("**", "__"), "Strikethrough": ("~~", "~")}
_SHOWN = ("text", "fixed", "math")
_ROUNDS = 30
_NEAREST = 96  # changes tried a round

Read = Callable[[str], Shape | None]
"""The inline shape that a spelling reads back as; None where it is no such block at all."""


@dataclass(frozen=True, slots=True)
class _Spelling:
    """How tokens are spelt.

    `levels`: how much of each text is escaped (0 nothing, 1 what may be special, 2 all punctuation). `marks`:
    which of its marks each pair takes. `letters`: (token, 0 first or -1 last) letters written as character
    references, so that a mark between them and punctuation can open or close.
    """

    levels: tuple[int, ...]
    marks: tuple[int, ...]
    letters: frozenset[tuple[int, int]]


def spell(children: Sequence[Node], expected: Shape, read: Read, cell: bool = False) -> str:
    """Markdown of inline nodes that `read` gives back as `expected`; the best attempt where none does."""
    row = tokens(children)
    want = list(_flat(expected))
    starts = list(_plain(row))
    best, reached = "", -2
    # where no change to the start that reads furthest helps, two may be needed at once: the escaped ones have them
    for some in (starts, starts[-4:-2], starts[-2:]):
        text, length = _climb(row, some, want, read, cell)
        if length > reached:
            best, reached = text, length
        if reached > len(want):
            break
    return best


def _climb(
    row: list[Token], starts: list[_Spelling], want: list[tuple[str, frozenset[str]]], read: Read, cell: bool
) -> tuple[str, int]:
    """The spelling that reads furthest, from the best of the starts on one change after the other, and how far."""
    best, reached, standing = "", -2, starts[0]

    def better(spellings: Iterable[_Spelling], first: bool) -> bool:
        """Try spellings, up to the right one or (where `first`) to the first that reads further."""
        nonlocal best, reached, standing
        found = False
        for spelling in spellings:
            text = _write(row, spelling, cell)
            length = _agreed(want, read(text))
            if length > reached:
                best, reached, standing, found = text, length, spelling, True
                if first or reached > len(want):
                    break
        return found and reached <= len(want)

    going = better(starts, first=False)
    for _ in range(_ROUNDS):
        if not going:
            break
        going = better(_changes(row, standing, reached), first=True)
    return best, reached


def _plain(row: list[Token]) -> Iterator[_Spelling]:
    """The spellings tried first, plain ones before escaped ones."""
    depth = 0
    marks: list[int] = []
    for token in row:
        if token.kind == "open":
            marks.append(depth % 2 if token.style == "Emphasis" else 0)
            depth += 1
        elif token.kind == "link":
            marks.append(0)
        elif token.kind == "close":
            depth -= 1
    emphasis = {t.pair for t in row if t.kind == "open" and t.style == "Emphasis"}
    other = [1 - mark if pair in emphasis else mark for pair, mark in enumerate(marks)]
    edges = frozenset(_edges(row))
    for letters in dict.fromkeys((frozenset[tuple[int, int]](), edges)):
        for level in (0, 1, 2):
            for chosen in dict.fromkeys((tuple(marks), tuple(other))):
                yield _Spelling((level,) * len(row), chosen, letters)


def _edges(row: list[Token]) -> Iterator[tuple[int, int]]:
    """Letters that only a mark parts from punctuation: there the mark could neither open nor close."""
    for i, token in enumerate(row):
        if token.kind != "text":
            continue
        for side, step in ((0, -1), (-1, 1)):
            j = i + step
            while 0 <= j < len(row) and row[j].kind in ("open", "close"):
                j += step
            if j != i + step and token.text[side].isalnum():
                solid = 0 <= j < len(row) and row[j].kind in _SHOWN
                beyond = row[j].text[-1 if side == 0 else 0] if solid else ")"
                if not beyond.isalnum() and not beyond.isspace():
                    yield i, side


def _changes(row: list[Token], standing: _Spelling, reached: int) -> Iterator[_Spelling]:
    """Spellings that differ in one place, those nearest to the character where reading went wrong first."""
    places: list[int] = []
    position = 0
    for token in row:
        places.append(position)
        position += len(token.text) if token.kind in _SHOWN else 0
    ends: dict[int, list[int]] = {}
    for token, place in zip(row, places, strict=True):
        ends.setdefault(token.pair, []).append(place)
    changes: list[tuple[int, int, str, int]] = []
    for i, token in enumerate(row):
        if token.kind == "text":
            # what makes a pair fail may stand at its other end
            beside = {t.pair for t in row[max(0, i - 2) : i + 3] if t.pair >= 0}
            at = [places[i], places[i] + len(token.text), *(p for pair in beside for p in ends[pair])]
            near = min(abs(p - reached) for p in at)
            changes += [(near, i, "level", level) for level in (0, 1, 2) if level != standing.levels[i]]
            changes += [(near, i, "letter", side) for side in (0, -1) if token.text[side].isalnum()]
        elif token.kind == "math":
            near = abs(places[i] - reached)
            changes += [(near, i, "level", level) for level in (0, 1) if level != standing.levels[i]]
        elif token.kind == "open":
            near = min(abs(p - reached) for p in ends[token.pair])
            changes.append((near, i, "mark", token.pair))
    changes.sort(key=lambda change: change[0])
    for _, i, what, value in changes[:_NEAREST]:
        if what == "level":
            yield replace(standing, levels=(*standing.levels[:i], value, *standing.levels[i + 1 :]))
        elif what == "letter":
            yield replace(standing, letters=standing.letters ^ {(i, value)})
        else:
            marks = list(standing.marks)
            marks[value] = 1 - marks[value]
            yield replace(standing, marks=tuple(marks))


def _write(row: list[Token], spelling: _Spelling, cell: bool) -> str:
    out: list[str] = []
    for i, token in enumerate(row):
        match token.kind:
            case "open" | "close":
                out.append(_MARKS[token.style][spelling.marks[token.pair]])
            case "link":
                out.append(token.text)
            case "target":
                out.append(_piped(_target(token.text, max(spelling.levels)), cell))
            case "text":
                text = _escape(token.text, spelling.levels[i], (i, 0) in spelling.letters, (i, -1) in spelling.letters)
                out.append(_piped(text, cell))
            case "math":
                # a formula keeps its lines unless, without them, it cannot be told from a list or an underline
                text = token.text if spelling.levels[i] == 0 or "%" in token.text else " ".join(token.text.split())
                out.append(text.replace("|", "\\|") if cell else text)
            case _:
                out.append(token.text.replace("|", "\\|") if cell else token.text)
    return "".join(out).strip(" \n\t")


def _piped(text: str, cell: bool) -> str:
    return re.sub(r"(?<!\\)\|", r"\\|", text) if cell else text


def _escape(text: str, level: int, first: bool, last: bool) -> str:
    head = f"&#{ord(text[0])};" if first else ""
    tail = f"&#{ord(text[-1])};" if last and len(text) > 1 else ""
    text = text[bool(head) : len(text) - bool(tail)]
    if level == 1:
        text = _NUMBER.sub(r"\1\\\2", _SPECIAL.sub(r"\\\1", text))
    elif level == 2:
        text = _PUNCTUATION.sub(r"\\\1", text)
    return head + text + tail


def _target(target: str, level: int) -> str:
    if level:
        target = target.replace("\\", "\\\\").replace("&", "&amp;")
    if re.search(r"[\s()<>]", target):
        target = "<" + re.sub(r"([<>])", r"\\\1", target) + ">"
    return f"]({target})"


def _flat(shape: Shape) -> Iterator[tuple[str, frozenset[str]]]:
    for styles, text in shape:
        for c in text or " ":
            yield c, styles


def _agreed(want: list[tuple[str, frozenset[str]]], found: Shape | None) -> int:
    """How many characters read back as they should; one more than all when everything does."""
    if found is None:
        return -1
    got = list(_flat(found))
    if got == want:
        return len(want) + 1
    return next((i for i, (a, b) in enumerate(zip(want, got, strict=False)) if a != b), min(len(want), len(got)))
