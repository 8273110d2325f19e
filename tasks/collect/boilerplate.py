"""Paragraphs that say nothing of their document: ways back to the top, and to where the text could be edited."""

from __future__ import annotations

import re

from tasks.collect.markup import Edit, nodes
from tasks.markdown import parse, visible_text

_USUAL = re.compile(
    r"(?:(?:back|return|go|jump|scroll) (?:back )?to (?:the )?(?:top|table of contents|toc|index)"
    r"|(?:edit|improve) this page(?: on github)?|(?:page )?トップ(?:へ|に)?戻る|(?:先頭|目次)(?:へ|に)戻る)",
    re.IGNORECASE,
)


def boilerplate_edits(text: str) -> list[Edit]:
    """The edits that drop such paragraphs, arrows and brackets around them too."""
    paragraphs = (node for node, _ in nodes(parse(text)) if node.kind == "Paragraph")
    return [(node.start, node.end, "") for node in paragraphs if _USUAL.fullmatch(_bare(visible_text(node)))]


def _bare(shown: str) -> str:
    """Words, and a space between two."""
    return " ".join(re.findall(r"\w+", shown.replace("_", " ")))
