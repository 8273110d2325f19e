"""Small grey pages of real text, drawn in a millisecond or two, with the place of every character.

A card stands in for a rendered page while the reader learns its letters. Its Markdown obeys the project's rule,
so the target is `visible_text(card.markdown)`: a wrapped paragraph is one line, headings, items and code lines
have their own.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from tasks.train.bootstrap_text import Block, made_up_block, made_up_word
from tasks.train.card_fonts import FAMILIES, MONOSPACE, Face, load_face


@dataclass(frozen=True, slots=True)
class Card:
    """`image`: uint8 (height, width). `characters`: each drawn character and the middle of it, x and y in px."""

    image: np.ndarray[Any, Any]
    markdown: str
    characters: list[tuple[str, float, float]]


def escape(text: str) -> str:
    """The Markdown that shows exactly this text."""
    return re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", text)


class _Pen:
    """Lays blocks down a card from the top. All lengths inside are drawn pixels: page pixels times `zoom`."""

    def __init__(self, rng: random.Random, width: int, height: int) -> None:
        self.rng = rng
        # drawn three times as large and reduced, letters sit between pixels as in a rasterised PDF
        self.zoom = rng.choice((1, 3))
        self.width, self.height = width * self.zoom, height * self.zoom
        self.family = rng.choice(list(FAMILIES))
        self.mono = rng.choice(list(MONOSPACE))
        self.size = rng.randint(14, 18)
        self.leading = rng.uniform(1.2, 1.5)
        self.indent = rng.uniform(1.2, 2.1)
        self.margin = rng.randint(3, 8) * self.zoom
        self.background = rng.choice((255, rng.randint(240, 255)))
        self.ink = rng.choice((0, rng.randint(0, 50)))
        self.y: float = rng.randint(0, 8) * self.zoom
        self.image = Image.new("L", (self.width, self.height), self.background)
        self.draw = ImageDraw.Draw(self.image)
        self.characters: list[tuple[str, float, float]] = []

    def face(self, style: str, text: str, size: int) -> Face:
        if style == "code":
            face = load_face(self.mono, "plain", round(size * 0.88) * self.zoom)
        else:
            face = load_face(self.family, "plain" if style == "link" else style, size * self.zoom)
        if all(ord(c) in face.covered for c in text):
            return face
        return load_face("DejaVu Sans", "plain", size * self.zoom)

    def write(self, face: Face, text: str, x: float, ink: int) -> float:
        """Draw `text` on the current line, its baseline shared by all faces; return its right edge."""
        baseline = self.y + self.line * 0.5 + self.em * 0.35
        self.draw.text((x, baseline), text, fill=ink, font=face.font, anchor="ls")
        for c in text:
            step = face.advance(c)
            if c != " ":
                self.characters.append((c, (x + step / 2) / self.zoom, (baseline - self.em * 0.3) / self.zoom))
            x += step
        return x

    def start(self, size: int) -> None:
        self.em = size * self.zoom
        self.line = self.em * self.leading

    def room(self) -> bool:
        return self.y + self.line <= self.height

    def flow(self, block: Block, size: int, left: float, style: str | None = None) -> list[str]:
        """Draw the words of a block, wrapped, as far as the card goes; return the words shown."""
        shown: list[str] = []
        right = self.width - self.margin
        x, fresh = left, True
        for word_style, original in block.runs:
            word = made_up_word(self.rng) if self.rng.random() < 0.06 else original
            word_style = style or word_style
            face = self.face(word_style, word, size)
            space = 0.0 if fresh else self.face(style or "plain", " ", size).advance(" ")
            if not fresh and x + space + face.advance(word) > right:
                x, space = left, 0.0
                self.y += self.line
            rest, drawn = word, ""
            while rest:
                if not self.room():
                    return [*shown, drawn] if drawn else shown
                cut = len(rest)
                while cut > 1 and x + space + face.advance(rest[:cut]) > right:
                    cut -= 1
                if word_style == "code" and style is None:
                    end = x + space + face.advance(rest[:cut])
                    box = (x + space - 1, self.y + 0.1 * self.line, end, self.y + 0.9 * self.line)
                    self.draw.rectangle(box, fill=self.background - 14)
                ink = self.ink + 60 if word_style == "link" else self.ink
                x = self.write(face, rest[:cut], x + space, ink)
                drawn, rest, space, fresh = drawn + rest[:cut], rest[cut:], 0.0, False
                if rest:
                    x = left
                    self.y += self.line
            shown.append(word)
        self.y += self.line
        return shown


def _heading(pen: _Pen, block: Block) -> str:
    size = round(pen.size * (1.7, 1.4, 1.2, 1.05, 1.0, 0.9)[block.level - 1] * pen.rng.uniform(0.85, 1.1))
    pen.start(size)
    pen.line = pen.em * 1.25
    words = pen.flow(block, size, pen.margin, "bold")
    pen.y += pen.rng.uniform(0, 0.5) * pen.em
    return "#" * block.level + " " + escape(" ".join(words)) if words else ""


def _paragraph(pen: _Pen, block: Block) -> str:
    pen.start(pen.size)
    words = pen.flow(block, pen.size, pen.margin)
    pen.y += pen.rng.uniform(0.2, 0.8) * pen.em
    return escape(" ".join(words))


def _item(pen: _Pen, block: Block) -> str:
    pen.start(pen.size)
    left = pen.margin + pen.indent * pen.em * min(block.level, 3)
    middle = pen.y + pen.line * 0.5
    words = pen.flow(block, pen.size, left)
    if not words:
        return ""
    if block.number is None:
        x, r = left - 0.7 * pen.em, pen.em * 0.15
        pen.draw.ellipse([x - r, middle - r, x + r, middle + r], fill=pen.ink)
        return "- " + escape(" ".join(words))
    face = pen.face("plain", "0", pen.size)
    label = f"{block.number}."
    x = left - 0.3 * pen.em - face.advance(label)
    pen.draw.text((x, middle + pen.em * 0.35), label, fill=pen.ink, font=face.font, anchor="ls")
    return f"{label} " + escape(" ".join(words))


def _wrap(text: str, columns: int) -> list[str]:
    """Cut a code line as `pre-wrap` does: after the last space that fits, else anywhere."""
    pieces = []
    while len(text) > columns:
        cut = text.rfind(" ", 0, columns) + 1
        cut = cut if text[:cut].strip() else columns
        pieces.append(text[:cut])
        text = text[cut:]
    return [*pieces, text]


def _code(pen: _Pen, lines: Sequence[Block]) -> str:
    pen.start(round(pen.size * 0.88))
    pen.line = pen.em * 1.3
    face = pen.face("code", "0", pen.size)
    pad = pen.rng.uniform(0.2, 0.6) * pen.em
    columns = int((pen.width - 2 * pen.margin - 2 * pad) // face.advance("0"))
    drawn: list[str] = []
    shown: list[str] = []
    for text in (block.runs[0][1] for block in lines):
        pieces = _wrap(text, columns)
        if pen.face("code", text, pen.size) is not face:
            continue
        if pen.y + (len(drawn) + len(pieces)) * pen.line + 2 * pad > pen.height:
            break
        drawn += pieces
        shown.append(text)
    if not shown:
        return ""
    height = len(drawn) * pen.line + 2 * pad
    pen.draw.rectangle([pen.margin, pen.y, pen.width - pen.margin, pen.y + height], fill=pen.background - 14)
    pen.y += pad
    for piece in drawn:
        pen.write(face, piece, pen.margin + pad, pen.ink)
        pen.y += pen.line
    pen.y += pad + pen.rng.uniform(0.2, 0.8) * pen.em
    return "```\n" + "\n".join(shown) + "\n```"


def draw_card(rng: random.Random, documents: Sequence[Sequence[Block]], width: int = 256, height: int = 96) -> Card:
    """A card that shows a stretch of a random document, begun anywhere, also inside a paragraph.

    One block in ten, and one word in sixteen, is made up.
    """
    while True:
        pen = _Pen(rng, width, height)
        document = rng.choice(documents)
        at = rng.randrange(len(document))
        parts: list[str] = []
        last = ""
        while at < len(document) and pen.y < pen.height:
            block = document[at]
            at += 1
            if rng.random() < 0.1:
                block = made_up_block(rng)
            if not parts and block.kind == "paragraph" and rng.random() < 0.6:
                block = Block("paragraph", block.runs[rng.randrange(len(block.runs)) :])
            match block.kind:
                case "heading":
                    part = _heading(pen, block)
                case "paragraph":
                    part = _paragraph(pen, block)
                case "item":
                    part = _item(pen, block)
                case _:
                    lines = [block]
                    while at < len(document) and document[at].kind == "code" and len(lines) < 4:
                        lines.append(document[at])
                        at += 1
                    part = _code(pen, lines)
            if not part:
                break
            glue = "" if not parts else "\n" if last == block.kind == "item" else "\n\n"
            parts.append(glue + part)
            last = block.kind
        if parts:
            image = pen.image.reduce(pen.zoom) if pen.zoom > 1 else pen.image
            return Card(np.asarray(image), "".join(parts), pen.characters)
