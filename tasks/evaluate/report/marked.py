"""An answer as HTML, with what differs from the label marked."""

from __future__ import annotations

import re

from markupsafe import Markup, escape
from rapidfuzz.distance import Levenshtein

from tasks.html.text import MAX_CHARS, rest, visible
from tasks.scoring.text import CJK

_TOKEN = re.compile(rf"[{CJK}]|[^\W{CJK}]+|\s+|.", re.DOTALL)


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
