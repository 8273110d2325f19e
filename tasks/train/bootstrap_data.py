"""What the embedded reader sees while it learns: batches of cards and of rendered pages, and the recipe's words."""

from __future__ import annotations

import io
import random
from collections import defaultdict
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from PIL import Image
from pydantic import Field
from torch import Tensor

from tasks.markdown import visible_text
from tasks.model import tiny
from tasks.model.prompts import prompt_text
from tasks.records import UsageError, digest
from tasks.render_config import Config
from tasks.train.bootstrap_text import CHARACTERS, Texts
from tasks.train.cards import Card, draw_card
from tasks.train_config import ModelConfig

CLASSES = {c: i + 1 for i, c in enumerate(sorted(CHARACTERS))}  # 0: no character
SLOTS = 4  # characters named per cell
GROUP = 4  # steps whose examples are drawn together and dealt by length, so that batches hold little padding

Page = tuple[bytes, str]  # PNG, Markdown
Example = tuple[np.ndarray[Any, Any], str, Card | None]


class Phase(Config):
    """A stretch of training. The learning rate goes from `learning_rate` to `final_rate` linearly."""

    name: str
    steps: int = Field(ge=0)
    heights: tuple[int, ...] = Field(min_length=1, description="Heights in px, taken in turn: a batch has one")
    pixels: int = Field(description="Pixels of a batch: it holds pixels / (256 x height) examples")
    learning_rate: float = 2e-3
    final_rate: float = 2e-3
    warmup: int = 0
    language: bool = Field(True, description="False trains vision and the character head only")
    pages: float = Field(0.0, ge=0, le=1, description="Share of steps on rendered pages instead of cards")


class Drawing(Config):
    """Rendered pages of one height, as the demo draws them."""

    height: int
    seeds: int = Field(1, ge=1, description="Styles in which every document is drawn, each cut into other pages")
    max_chars: int = Field(6000, ge=1, description="Only the first so many characters of a document")


DEMO_DRAWING = Drawing(height=96)


class Recipe(Config):
    """The whole bootstrap."""

    width: int = 256
    prompt: str = ModelConfig().prompt
    phases: tuple[Phase, ...]
    drawings: tuple[Drawing, ...] = (DEMO_DRAWING,)
    seed: int = 0
    save_every: int = 100
    log_every: int = 50


def patches(images: np.ndarray[Any, Any], patch: int = tiny.PATCH) -> Tensor:
    """Pixels as Qwen's image processor lays them out, for a model with mean and deviation 0.5.

    (batch, height, width) grey or (batch, height, width, 3) uint8 -> (batch * patches, 3 * 2 * patch * patch) float32,
    the patches of a cell side by side, each as channel, frame, row, column.
    """
    if images.ndim == 3:
        images = np.broadcast_to(images[..., None], (*images.shape, 3))
    p, m = patch, tiny.MERGE
    x = torch.from_numpy(np.ascontiguousarray(images)).float().div_(127.5).sub_(1.0)
    b, h, w, c = x.shape
    x = x.view(b, h // (m * p), m, p, w // (m * p), m, p, c).permute(0, 1, 4, 2, 5, 7, 3, 6)
    return x.unsqueeze(6).expand(-1, -1, -1, -1, -1, -1, 2, -1, -1).reshape(-1, c * 2 * p * p)


def character_labels(cards: Sequence[Card]) -> Tensor:
    """(batch, cells, SLOTS): the classes of the characters whose middle lies in each cell, in reading order."""
    height, width = cards[0].image.shape
    rows, columns = height // tiny.CELL, width // tiny.CELL
    labels = np.zeros((len(cards), rows * columns, SLOTS), dtype=np.int64)
    for i, card in enumerate(cards):
        filled: dict[int, int] = {}
        for c, x, y in card.characters:
            row, column = min(int(y) // tiny.CELL, rows - 1), min(int(x) // tiny.CELL, columns - 1)
            cell = row * columns + column
            slot = filled.get(cell, 0)
            if slot < SLOTS:
                labels[i, cell, slot] = CLASSES[c]
                filled[cell] = slot + 1
    return torch.from_numpy(labels)


class Examples:
    """Makes the batches of a run: `batch(phase, step)` is a pure function of the recipe and the texts."""

    def __init__(self, recipe: Recipe, processor: Any, texts: Texts, pages: Sequence[Page]) -> None:
        self.recipe, self.texts = recipe, texts
        self.pages: dict[int, list[Page]] = defaultdict(list)
        for page in pages:
            with Image.open(io.BytesIO(page[0])) as image:
                self.pages[image.height].append(page)
        for phase in recipe.phases:
            if phase.pages and (missing := set(phase.heights) - set(self.pages)):
                raise UsageError(f"phase {phase.name}: no rendered pages of height {sorted(missing)}; see `drawings`")
        self.tokenizer = processor.tokenizer
        before, after = prompt_text(processor, recipe.prompt).split("<|image_pad|>")
        self.before, self.after = self.encode(before), self.encode(after)
        self.image_token: int = self.tokenizer.convert_tokens_to_ids("<|image_pad|>")
        self._group = lru_cache(maxsize=2)(self._draw_group)

    def encode(self, text: str) -> list[int]:
        return list(self.tokenizer(text, add_special_tokens=False)["input_ids"])

    def _draw_group(self, phase: Phase, group: int) -> list[dict[str, Any]]:
        rng = random.Random(digest("examples", str(self.recipe.seed), phase.name, str(group)))
        height = phase.heights[group % len(phase.heights)]
        size = max(1, phase.pixels // (self.recipe.width * height))
        if rng.random() < phase.pages:
            chosen = rng.choices(self.pages[height], k=size * GROUP)
            examples: list[Example] = [(_decode(png), markdown, None) for png, markdown in chosen]
        else:
            cards = [draw_card(rng, self.texts.train, self.recipe.width, height) for _ in range(size * GROUP)]
            examples = [(card.image, card.markdown, card) for card in cards]
        examples.sort(key=lambda example: len(example[1]))
        batches = [examples[i : i + size] for i in range(0, len(examples), size)]
        rng.shuffle(batches)
        return [self._assemble(*zip(*batch, strict=True)) for batch in batches]

    def batch(self, phase: Phase, step: int) -> dict[str, Any]:
        """Inputs of the stock model, `labels` of the answer's positions, and `characters` where they are known."""
        return self._group(phase, step // GROUP)[step % GROUP]

    def _assemble(
        self, images: Sequence[Any], markdowns: Sequence[str], cards: Sequence[Card | None]
    ) -> dict[str, Any]:
        pixels = np.stack(images)
        count, height, width = pixels.shape[:3]
        cells = (height // tiny.CELL) * (width // tiny.CELL)
        prompt = [*self.before, *[self.image_token] * cells, *self.after]
        answers = [[*self.encode(visible_text(markdown)), self.tokenizer.eos_token_id] for markdown in markdowns]
        longest = max(map(len, answers))
        ids = torch.full((count, len(prompt) + longest), self.tokenizer.pad_token_id)
        labels = torch.full((count, longest), -100)
        ids[:, : len(prompt)] = torch.tensor(prompt)
        for i, answer in enumerate(answers):
            labels[i, : len(answer)] = torch.tensor(answer)
            ids[i, len(prompt) : len(prompt) + len(answer)] = labels[i, : len(answer)]
        known = [card for card in cards if card is not None]
        return {
            "input_ids": ids,
            "pixel_values": patches(pixels),
            "image_grid_thw": torch.tensor([[1, height // tiny.PATCH, width // tiny.PATCH]] * count),
            "mm_token_type_ids": (ids == self.image_token).int(),
            "labels": labels,
            "characters": character_labels(known) if known else None,
        }


def _decode(png: bytes) -> np.ndarray[Any, Any]:
    with Image.open(io.BytesIO(png)) as image:
        return np.asarray(image.convert("RGB"))
