"""Reading a count off a model's answer, and what it earns."""

from __future__ import annotations

import operator
import re
from dataclasses import dataclass
from typing import Literal

from tasks.scoring.thinking import strip_thinking

UNITS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
TEENS = ("ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen")
TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
VALUES = {word: value for value, word in enumerate(("zero", *UNITS, *TEENS))} | {
    word: 10 * value for value, word in enumerate(TENS, 2)
}
Outcome = Literal["right", "wrong", "not a count", "no number", "no answer tag"]
MAX_DIGITS = 15
"""A longer number counts nothing in an image, and int() refuses very long ones."""

# the forms of U+FF01 to U+FF5E only: all of NFKC would also read 5² as 52 and 3½ as 31⁄2
FULL_WIDTH = {0xFF01 + i: 0x21 + i for i in range(94)}

_WORD = rf"(?:(?:{'|'.join(TENS)})(?:[ -](?:{'|'.join(UNITS)}))?|{'|'.join(sorted(VALUES, key=len, reverse=True))})"
# possessive throughout, so that no junk makes it try a position twice
TOKEN = re.compile(
    r"(?P<sign>(?<![\w)\]\-−])[-−])?(?P<point>(?<![\w.])\.)?"
    r"(?P<whole>\d{1,3}(?:,\d{3}(?!\d))++|\d++)(?P<fraction>(?:\.\d++)*+)"
    rf"|(?P<scale>(?:hundred|thousand|million|billion|dozen)s?+(?:(?: and)?[ -]{_WORD})*+)"
    rf"|(?P<word>{_WORD})"
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an answer earns, and why.

    - right, wrong: it gives a count
    - not a count: its last number cannot be one
    - no number: it, or what its tags enclose, has none
    - no answer tag: it should have one and has not
    """

    reward: float
    verdict: Outcome
    count: int | None


def extract_count(text: str, tagged: bool = False) -> int | None:
    """The count that an answer gives: its last number; None where it gives none. Time is linear in the length.

    Where it is read:

    - Thinking (`scoring.strip_thinking`) is not the answer, even where no answer follows it.
    - Where there is an `<answer>` tag, only what the last one encloses is read; unclosed, it reaches to the end,
      and it also ends a thinking that was never closed. `tagged`: only there.

    What is a number:

    - Digits of any script, full-width ones included; "1,234" is one number, "3.0" is 3.
    - The English words zero to ninety-nine. "one" is too often a pronoun ("5 items, the big one is red"): it
      counts only where the answer has no other number. Kanji numerals are not read.
    - Not a number, and passed over: what is part of a word or a name ("R2D2", "3rd", "3D", "GPT-4",
      "three-sided", "5²") and percentages.

    A last number that cannot be a count gives None, not the number before it: a negative or fractional one
    ("-2", "3.5"), a word beyond ninety-nine ("dozens", "two hundred"), more than 15 digits.

    Raises TypeError where the answer is not a str.
    """
    found = _read(text, tagged)
    return found if isinstance(found, int) else None


def judge(text: str, truth: int, tagged: bool = False) -> Verdict:
    """+1 for the right count, 0 for a wrong one, -1 for an answer without a count (the second article).

    Raises TypeError where the answer is not a str or the truth is not an integer.
    """
    right = operator.index(truth)
    found = _read(text, tagged)
    if not isinstance(found, int):
        return Verdict(-1.0, found, None)
    return Verdict(1.0, "right", found) if found == right else Verdict(0.0, "wrong", found)


def count_reward(text: str, truth: int) -> float:
    """The reward of `judge`, the count being the last number wherever it stands."""
    return judge(text, truth).reward


def _read(text: str, tagged: bool) -> int | Literal["not a count", "no number", "no answer tag"]:
    answer, in_tag = _final(text)
    if tagged and not in_tag:
        return "no answer tag"
    last: re.Match[str] | None = None
    pronoun = False
    for match in TOKEN.finditer(answer):
        if _in_name(answer, match.start(), match.end()):
            continue
        if match["word"] == "one":
            pronoun = True
        else:
            last = match
    if last is None:
        return 1 if pronoun else "no number"
    count = _value(last)
    return "not a count" if count is None else count


def _final(text: str) -> tuple[str, bool]:
    """The part of an answer that is read, case-folded and with full-width forms made narrow; whether a tag held it."""
    answer = strip_thinking(text).translate(FULL_WIDTH).casefold()
    for part in (answer, text.translate(FULL_WIDTH).casefold().rpartition("</think>")[2]):
        _, tag, rest = part.rpartition("<answer>")
        if tag:
            return rest.partition("</answer>")[0], True
    return answer, False


def _in_name(text: str, start: int, end: int) -> bool:
    """Whether a letter of a cased script touches the number, by itself or through a hyphen. (In 5個 none does.)"""
    before, after = text[max(0, start - 2) : start], text[end : end + 2]
    if before[-1:] in ("-", "_"):
        before = before[:-1]
    if after[:1] in ("-", "_"):
        after = after[1:]
    return _joins(before[-1:]) or _joins(after[:1]) or after.lstrip(" ")[:1] == "%"


def _joins(char: str) -> bool:
    """Letters with a case, and numerals that are no digits (², ½, 万)."""
    return char.lower() != char.upper() or (char.isnumeric() and not char.isdecimal())


def _value(number: re.Match[str]) -> int | None:
    if number["word"]:
        return sum(VALUES[part] for part in re.split("[ -]", number["word"]))
    if number["scale"] or number["sign"] or number["point"] or not re.fullmatch(r"(\.0+)?", number["fraction"]):
        return None
    digits = number["whole"].replace(",", "").lstrip("0") or "0"
    return int(digits) if len(digits) <= MAX_DIGITS else None
