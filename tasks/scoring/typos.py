"""Typing errors on purpose: to prove that a fact can fail."""

from __future__ import annotations

import hashlib
import random
import re

_LETTERS = (
    "abcdefghijklmnopqrstuvwxyz",
    "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "0123456789",
    "あいうえおかきくけこさしすせそたちつてとなにのはひまみもやよりれ",
    "アイウエオカキクケコサシスセソタチツテトナニノハヒマミモヤヨリレ",
)
_KANJI = "日月火水木金土山川田人口中大小上下"
_WORD = re.compile(r"\w+")


def rng_of(*names: str) -> random.Random:
    """A generator that depends on the names alone."""
    return random.Random(hashlib.sha256("\0".join(names).encode("utf-8", "surrogatepass")).digest())


def inject_typo(text: str, seed: str = "") -> str:
    """The text with one typing error in it: a letter changed, lost or swapped with the next, or a word lost or swapped
    with the next. White space and marks stay where they are. A text without letters and digits comes back as it is.
    """
    rng = rng_of("typo", seed, text)
    letters = [i for i, c in enumerate(text) if c.isalnum()]
    if not letters:
        return text
    words = list(_WORD.finditer(text))
    errors = [_change, _lose, _swap, _lose_word, _swap_words]
    rng.shuffle(errors)
    wrong = (error(text, letters, words, rng) for error in errors)
    return next((found for found in wrong if found not in ("", text)), _change(text, letters, words, rng))


def _change(text: str, letters: list[int], words: list[re.Match[str]], rng: random.Random) -> str:
    at = rng.choice(letters)
    kin = next((alphabet for alphabet in _LETTERS if text[at] in alphabet), _KANJI if text[at] > "\u2fff" else "xyz")
    return text[:at] + rng.choice([c for c in kin if c != text[at]]) + text[at + 1 :]


def _lose(text: str, letters: list[int], words: list[re.Match[str]], rng: random.Random) -> str:
    at = rng.choice(letters)
    return text[:at] + text[at + 1 :] if len(letters) > 1 else ""


def _swap(text: str, letters: list[int], words: list[re.Match[str]], rng: random.Random) -> str:
    pairs = [i for i in letters if text[i + 1 : i + 2].isalnum() and text[i] != text[i + 1]]
    if not pairs:
        return ""
    at = rng.choice(pairs)
    return text[:at] + text[at + 1] + text[at] + text[at + 2 :]


def _lose_word(text: str, letters: list[int], words: list[re.Match[str]], rng: random.Random) -> str:
    if len(words) < 3:
        return ""
    word = words[rng.randrange(1, len(words) - 1)]
    return text[: word.start()].rstrip(" ") + text[word.end() :]


def _swap_words(text: str, letters: list[int], words: list[re.Match[str]], rng: random.Random) -> str:
    if len(words) < 2:
        return ""
    i = rng.randrange(len(words) - 1)
    a, b = words[i], words[i + 1]
    return text[: a.start()] + b[0] + text[a.end() : b.start()] + a[0] + text[b.end() :]
