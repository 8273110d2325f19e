"""How well the reader reads: character error rate on held-out cards and pages, with an interval."""

from __future__ import annotations

import io
import random
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image
from rapidfuzz.distance import Levenshtein

from tasks.markdown import visible_text
from tasks.records import digest
from tasks.train.bootstrap_data import Page
from tasks.train.bootstrap_text import Texts
from tasks.train.cards import draw_card


class ErrorRate(NamedTuple):
    """Total edits over total reference characters, with a 95 % interval over resampled examples."""

    rate: float
    low: float
    high: float
    n: int


def character_error_rate(
    answers: Sequence[str], wanted: Sequence[str], resamples: int = 2000, seed: int = 0
) -> ErrorRate:
    """Levenshtein distance, insertions counted, so the rate may exceed 1. Percentile bootstrap over examples."""
    edits = np.array([Levenshtein.distance(a, w) for a, w in zip(answers, wanted, strict=True)])
    lengths = np.array([len(w) for w in wanted])
    drawn = np.random.default_rng(seed).integers(0, len(edits), (resamples, len(edits)))
    rates = edits[drawn].sum(1) / lengths[drawn].sum(1)
    low, high = np.quantile(rates, (0.025, 0.975))
    return ErrorRate(float(edits.sum() / lengths.sum()), float(low), float(high), len(edits))


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


def held_out_pages(pages: Sequence[Page]) -> tuple[list[Image.Image], list[str]]:
    """Rendered pages and what they show."""
    images = [Image.open(io.BytesIO(png)).convert("RGB") for png, _ in pages]
    return images, [visible_text(markdown) for _, markdown in pages]
