"""Which images stay: a figure, an image that is a paragraph of its own and whose alternative text is a caption."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import groupby

from tasks.markdown import BLOCKS, Node, visible_text

_BADGE = re.compile(r"badge|shields\.io", re.IGNORECASE)
_FILE = re.compile(r"\.(?:avif|gif|jpe?g|png|svg|webp)$", re.IGNORECASE)
_WORD = re.compile(r"\S*\w\S*")
_JAPANESE = re.compile("[\u3005\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]")
_LONGEST = 200  # characters; what is longer describes the image and is no caption


def figures(everything: list[Node]) -> set[Node]:
    """Those of the nodes that are images to keep."""
    return {image for node in everything for image in _alone(node) if _has_caption(image)}


def _alone(parent: Node) -> Iterator[Node]:
    """Images that are all of a paragraph, or all of the text of a tight list item."""
    if parent.kind in ("Paragraph", "Item"):
        for _, group in groupby(parent.children, lambda node: node.kind in BLOCKS):
            first, *more = group
            if first.kind == "Image" and not more:
                yield first


def _has_caption(image: Node) -> bool:
    """Whether the alternative text says something: three words, or four kana or ideographs, in at most 200 characters,
    and neither a badge nor a file's name."""
    text = " ".join(visible_text(image).split())
    enough = len(_WORD.findall(text)) >= 3 or len(_JAPANESE.findall(text)) >= 4
    return enough and len(text) <= _LONGEST and not _FILE.search(text) and not _BADGE.search(f"{text} {image.arg}")


def caption_edits(source: str, kept: set[Node]) -> list[tuple[int, int, str]]:
    """The edits that drop where figures come from: a page shows nothing of it, and nothing is ever fetched."""
    edits = []
    for image in kept:
        close = source.index("]", image.children[-1].end)
        if source[close : image.end] != "]()":
            edits.append((close, image.end, "]()"))
    return edits
