"""Dollar signs that are no formula's: sums of money, shell variables, templates.

The parser pairs dollar signs by their neighbours alone. What it pairs here and no writer meant is escaped once, in
the normalised text, so that everything that reads the text afterwards sees the same formulas.
"""

from __future__ import annotations

import re

from tasks.collect.markup import Edit, nodes
from tasks.markdown import Node

_TEXT_COMMAND = re.compile(r"\\(?:text|mbox|mathrm|operatorname|textbf|textit|label|begin|end)\*?\s*\{[^{}]*\}")
_NAME = re.compile(r"\\[A-Za-z]+")
# what money, prose and shell leave out and a formula of more than a name or a number has
_OPERATOR = re.compile(r"[\\^_=<>+*/|≤≥≠±×·∈→]|-(?=[\w({])")
_WORDS = re.compile(r"[^\W\d_]{2,}[,.;:]?\s+[^\W\d_]{2,}")
_SENTENCE = re.compile(r"[。、！？]|[!?.;:]\s")


def dollar_edits(source: str, root: Node) -> list[Edit]:
    """The edits that escape the dollar signs around what is no formula."""
    edits: list[Edit] = []
    for node, _ in nodes(root):
        if node.kind not in ("InlineMath", "DisplayMath"):
            continue
        before, after = source[node.start - 1 : node.start], source[node.end : node.end + 1]
        if is_formula(node.text, before, after, node.kind == "DisplayMath"):
            continue
        width = 2 if node.kind == "DisplayMath" else 1
        edits += [(node.start, node.start + width, "\\$" * width), (node.end - width, node.end, "\\$" * width)]
    return edits


def is_formula(latex: str, before: str = "", after: str = "", display: bool = False) -> bool:
    """Whether text between dollar signs is meant as a formula; `before` and `after` are the characters around it."""
    text = latex.strip()
    bare = _NAME.sub("", _TEXT_COMMAND.sub("", text)).strip("{} ")
    if not text or _SENTENCE.search(bare):
        return False
    if display:
        return not _WORDS.search(bare) or bool(_OPERATOR.search(text))
    if after.isdigit() or after == "{" or (before.isalpha() and before.isascii() and text[0].isdigit()):
        return False  # $5 and $6, ${a}/${b}, US$5
    if after.isalnum() and after.isascii() and not (text[-1].isalnum() or text[-1] in ")}]'!"):
        return False  # $HOME/$USER
    if text[0].isdigit() and re.search(r"\s", text) and not _OPERATOR.search(text):
        return False
    return not _WORDS.search(bare)
