"""How well the reader reads: character error rate on held-out cards and pages, with an interval."""

from __future__ import annotations

import io
import random
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image
from rapidfuzz.distance import Levenshtein

from tasks.markdown import Node, parse, visible_text
from tasks.records import digest
from tasks.statistics import ratio_interval
from tasks.train.bootstrap_text import Texts
from tasks.train.cards import draw_card


class ErrorRate(NamedTuple):
    """Total edits over total reference characters of n examples, with a 95 % interval.

    low and high are None for a single family, or example.
    """

    rate: float
    low: float | None
    high: float | None
    n: int


class HeldOut(NamedTuple):
    """A rendered page of a family that is not trained on."""

    image: bytes
    markdown: str
    family: str


def character_error_rate(
    answers: Sequence[str], wanted: Sequence[str], families: Sequence[str] = (), resamples: int = 2000, seed: int = 0
) -> ErrorRate:
    """Levenshtein distance, insertions counted, so the rate may exceed 1. Percentile bootstrap over families, or where
    none are given over examples.

    Raises ValueError where nothing was wanted.
    """
    edits = np.array([[Levenshtein.distance(a, w) for a, w in zip(answers, wanted, strict=True)]], float)
    lengths = np.array([[len(w) for w in wanted]], float)
    found = ratio_interval(edits, lengths, families or [str(i) for i in range(len(wanted))], resamples, str(seed))
    if found.mean is None:
        raise ValueError("no character to read")
    return ErrorRate(found.mean, found.low, found.high, len(answers))


def held_out_cards(
    texts: Texts, count: int, width: int, height: int, seed: int = 0
) -> tuple[list[Image.Image], list[str]]:
    """Cards of families that are not trained on, and what they show."""
    images, wanted = [], []
    for i in range(count):
        card = draw_card(random.Random(digest("held-out", str(seed), str(i))), texts.held_out, width, height)
        images.append(Image.fromarray(card.image).convert("RGB"))
        wanted.append(visible_text(card.markdown))
    return images, wanted


def held_out_pages(pages: Sequence[HeldOut]) -> tuple[list[Image.Image], list[str]]:
    """Rendered pages and what they show, without the space around it, which no answer keeps."""
    images = [Image.open(io.BytesIO(page.image)).convert("RGB") for page in pages]
    return images, [visible_text(page.markdown).strip() for page in pages]


def page_kind(markdown: str) -> str:
    """`code`, `list`, `heading` or `prose`: the first of them that the page shows."""

    def kinds(node: Node) -> set[str]:
        return {node.kind}.union(*map(kinds, node.children))

    found = kinds(parse(markdown))
    shown = {"CodeBlock": "code", "List": "list", "Heading": "heading"}
    return next((name for kind, name in shown.items() if kind in found), "prose")
