"""Flat scenes to count in, drawn from (seed, index): separate objects on a ground, in two domains.

One (seed, index) has the same number of objects at the same places in both domains; only what is drawn there
differs, so a difference between the domains is never one of layout.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from PIL import Image, ImageDraw

from tasks.counting.shapes import DRAW, RGB, Box, Shape, distance, mix
from tasks.records import digest

Domain = Literal["in", "shifted"]
MIN_CELL = 14
"""Smallest cell of the layout in px: the smallest object is then 8 px wide."""
SMALLEST, LARGEST = 0.6, 0.85  # an object's width as a share of its cell
SCALE = 4  # drawn so many times larger, then averaged: smooth edges
MIN_CONTRAST = 70  # between object and ground, in the channel that differs most


@dataclass(frozen=True, slots=True)
class Look:
    """What the scenes of a domain are drawn with."""

    shapes: tuple[Shape, ...]
    colours: Mapping[str, RGB]
    grounds: tuple[RGB, ...]
    lines: int


LOOKS: dict[Domain, Look] = {
    # the colours of CLEVR's objects
    "in": Look(
        shapes=("cube", "sphere", "cylinder"),
        colours={
            "gray": (87, 87, 87),
            "red": (173, 35, 35),
            "blue": (42, 75, 215),
            "green": (29, 105, 20),
            "brown": (129, 74, 25),
            "purple": (129, 38, 192),
            "cyan": (41, 208, 208),
            "yellow": (255, 238, 51),
        },
        grounds=((205, 205, 205), (214, 214, 214), (222, 222, 222)),
        lines=0,
    ),
    "shifted": Look(
        shapes=("car", "truck", "plane"),
        colours={
            "orange": (244, 120, 30),
            "pink": (236, 120, 180),
            "white": (248, 248, 248),
            "black": (24, 28, 34),
            "navy": (22, 40, 110),
            "maroon": (120, 16, 60),
        },
        grounds=((206, 180, 130), (104, 146, 96), (70, 96, 120)),
        lines=6,
    ),
}


@dataclass(frozen=True, slots=True)
class Item:
    """An object of a scene; `box` is x0, y0, x1, y1 in px."""

    shape: Shape
    colour: str
    box: Box

    def __str__(self) -> str:
        return f"{self.colour} {self.shape}"


@dataclass(frozen=True, slots=True)
class Scene:
    """An RGB image, the colour of its ground (before shading), and the objects it shows."""

    image: Image.Image
    ground: RGB
    items: tuple[Item, ...]

    @property
    def count(self) -> int:
        return len(self.items)


def check_layout(size: int, counts: tuple[int, int]) -> None:
    """Raises ValueError where so many objects do not fit an image of `size` px, large enough to be seen."""
    low, high = counts
    if not 0 <= low <= high:
        raise ValueError(f"counts {low} to {high}: the range is smallest, then largest, from 0")
    if size < (need := MIN_CELL * _side(high)):
        raise ValueError(f"size {size}: {high} objects need an image of at least {need} px")


def draw_scene(
    seed: int, index: int, domain: Domain = "in", size: int = 160, counts: tuple[int, int] = (3, 10)
) -> Scene:
    """The scene `index` of a seed: a square image of `size` px with `counts[0]` to `counts[1]` objects.

    Over each run of `counts[1] - counts[0] + 1` indexes from a multiple of it, every count occurs once.
    Objects do not touch. Raises ValueError where they do not fit.
    """
    check_layout(size, counts)
    look = LOOKS[domain]
    rng = _rng("look", domain, seed, index)
    ground = rng.choice(look.grounds)
    visible = [name for name, colour in look.colours.items() if distance(colour, ground) >= MIN_CONTRAST]
    boxes = _boxes(seed, index, size, counts)
    items = tuple(Item(rng.choice(look.shapes), rng.choice(visible), box) for box in boxes)
    canvas = _draw_ground(rng, ground, size, look.lines)
    pen = ImageDraw.Draw(canvas)
    for item in items:
        x0, y0, x1, y1 = (SCALE * value for value in item.box)
        DRAW[item.shape](pen, (x0, y0, x1, y1), look.colours[item.colour])
    return Scene(canvas.resize((size, size), Image.Resampling.BOX), ground, items)


def _rng(*parts: str | int) -> random.Random:
    return random.Random(digest("scene", *map(str, parts)))


def _side(high: int) -> int:
    """Cells on a side of the layout. It depends on the range alone: an object's size tells nothing of the count."""
    return max(1, math.isqrt(max(0, high - 1)) + 1)


def _count(seed: int, index: int, counts: tuple[int, int]) -> int:
    low, high = counts
    block, place = divmod(index, high - low + 1)
    order = list(range(low, high + 1))
    _rng("counts", low, high, seed, block).shuffle(order)
    return order[place]


def _boxes(seed: int, index: int, size: int, counts: tuple[int, int]) -> list[Box]:
    """Squares in different cells, each somewhere in its cell, with a gap around it."""
    rng = _rng("layout", seed, index)
    side = _side(counts[1])
    cell = size / side
    gap = max(1.0, 0.04 * cell)
    boxes: list[Box] = []
    for number in rng.sample(range(side * side), _count(seed, index, counts)):
        width = rng.uniform(SMALLEST, LARGEST) * cell
        room = cell - width - 2 * gap
        x = (number % side) * cell + gap + max(0.0, room) * rng.random()
        y = (number // side) * cell + gap + max(0.0, room) * rng.random()
        boxes.append((x, y, x + width, y + width))
    return boxes


def _draw_ground(rng: random.Random, ground: RGB, size: int, lines: int) -> Image.Image:
    """A ground a little darker at the top, with faint lines across it."""
    side = size * SCALE
    canvas = _shade(ground, side).resize((side, side))
    pen = ImageDraw.Draw(canvas)
    for _ in range(lines):
        ends = (0, rng.uniform(0, side), side, rng.uniform(0, side))
        pen.line(ends, fill=mix(ground, (255, 255, 255), rng.uniform(0.04, 0.1)), width=max(1, side // 120))
    return canvas


@lru_cache(maxsize=16)
def _shade(ground: RGB, side: int) -> Image.Image:
    """One column of the ground."""
    column = [mix(ground, (0, 0, 0), 0.08 * (1 - y / side)) for y in range(side)]
    return Image.frombytes("RGB", (1, side), bytes(value for colour in column for value in colour))
