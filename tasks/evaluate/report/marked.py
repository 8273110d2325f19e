"""An answer as HTML, with what differs from the label marked."""

from __future__ import annotations

import re

from markupsafe import Markup, escape
from rapidfuzz.distance import Levenshtein

from tasks.scoring.text import CJK

MAX_CHARS = 6_000
_TOKEN = re.compile(rf"[{CJK}]|[^\W{CJK}]+|\s+|.", re.DOTALL)
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


def marked(answer: str, label: str) -> Markup:
    """The answer, escaped: what the label does not have there in `<ins>`, what of the label is missing in `<del>`.

    What stands in the place of something else is only marked, and white space never is: both texts are shown, and
    more marks would hide the answer. Of each text the first MAX_CHARS; what is left out is counted.
    """
    a, b = (_TOKEN.findall(visible(text[:MAX_CHARS])) for text in (answer, label))
    pieces: list[Markup] = []
    for op in Levenshtein.opcodes(b, a):
        missing, given = "".join(b[op.src_start : op.src_end]), "".join(a[op.dest_start : op.dest_end])
        if op.tag == "delete" and missing.strip():
            pieces.append(Markup("<del>{}</del>").format(missing))
        elif op.tag != "equal" and given.strip():
            pieces.append(Markup("<ins>{}</ins>").format(given))
        else:
            pieces.append(escape(given))
    return Markup("").join(pieces) + rest(answer)


def rest(text: str) -> str:
    """What is said of the characters that are not shown."""
    return f"\n… {len(text) - MAX_CHARS:,} more characters" if len(text) > MAX_CHARS else ""
