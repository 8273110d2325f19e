"""Untrusted text that is shown as it is."""

from __future__ import annotations

MAX_CHARS = 6_000
_UNSEEN = {
    **{code: chr(0x2400 + code) for code in range(32) if chr(code) not in "\n\t"},
    0x7F: "\u2421",
    # marks that would turn the direction of all that follows, and half of a surrogate pair
    **dict.fromkeys((*range(0x202A, 0x202F), *range(0x2066, 0x206A), *range(0xD800, 0xE000)), "\ufffd"),
}


def visible(text: str) -> str:
    """The text with a sign for each control character, so that none can hide or turn what follows."""
    return text.replace("\r\n", "\n").translate(_UNSEEN)


def beginning(text: str) -> str:
    """The first MAX_CHARS of a text, and how many are left out."""
    return visible(text[:MAX_CHARS]) + rest(text)


def rest(text: str) -> str:
    """What is said of the characters that are not shown."""
    return f"\n… {len(text) - MAX_CHARS:,} more characters" if len(text) > MAX_CHARS else ""


def plural(n: int, one: str, many: str) -> str:
    return f"{n:,} {one if n == 1 else many}"
