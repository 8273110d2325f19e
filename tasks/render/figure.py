"""Drawings that stand for the images of a document, of which only the captions are known.

They show no text, so that nothing is seen on a page that its label does not say: charts, diagrams, screens and
pictures in muted colours, with grey strokes where words would be.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tasks.records import digest

_WIDTH = 640
_ASPECTS = (16 / 9, 16 / 9, 3 / 2, 4 / 3, 2.0, 2.4, 1.0)
_PALETTES = (
    ("#4e79a7", "#f28e2b", "#59a14f", "#b07aa1"),
    ("#1f4e79", "#7f9bb3", "#b8c7d6", "#c0504d"),
    ("#264653", "#2a9d8f", "#e9c46a", "#e76f51"),
    ("#333333", "#777777", "#aaaaaa", "#cccccc"),
    ("#3b6ea5", "#8db580", "#d9a441", "#a65e5e"),
)
_GREY = "#b5b5b5"  # of what would be words

Draw = Callable[[random.Random, int, tuple[str, ...]], Iterator[str]]


@dataclass(frozen=True, slots=True)
class Figure:
    """An SVG, and the share of its column's width that it may take."""

    svg: str
    share: float


def draw_figure(*seed: str) -> Figure:
    """The figure of a seed: always the same."""
    rng = random.Random(digest("figure", *seed))
    height = round(_WIDTH / rng.choice(_ASPECTS))
    draw = rng.choice((_bars, _lines, _scatter, _diagram, _screen, _landscape))
    shapes = "".join(draw(rng, height, rng.choice(_PALETTES)))
    frame = "" if rng.random() < 0.4 else f'<path d="M1 1H{_WIDTH - 1}V{height - 1}H1Z" fill="none" stroke="#bbb"/>'
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" '
        f'width="{_WIDTH}" height="{height}">{_box(0, 0, _WIDTH, height, "#fff")}{shapes}{frame}</svg>'
    )
    return Figure(svg, rng.choice((0.55, 0.7, 0.85, 1.0)))


def _box(x: float, y: float, width: float, height: float, fill: str, more: str = "") -> str:
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{fill}" {more}/>'


def _line(points: list[tuple[float, float]], colour: str, width: float = 1.5, fill: str = "none") -> str:
    path = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
    return f'<path d="{path}" fill="{fill}" stroke="{colour}" stroke-width="{width}"/>'


def _dot(x: float, y: float, radius: float, fill: str) -> str:
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius}" fill="{fill}"/>'


def _words(rng: random.Random, x: float, y: float, width: float, size: float = 7, fill: str = _GREY) -> Iterator[str]:
    """A line of strokes as long as words, from (x, y) to the right."""
    end = x + width
    while x < end - 8:
        word = min(rng.uniform(2, 7) * size, end - x)
        yield _box(x, y, word, size, fill, 'rx="2"')
        x += word + 0.8 * size


def _axes(rng: random.Random, height: int, steps: int) -> Iterator[str]:
    """Grid, axes and the strokes of their numbers; the plot is between x 70 and 610, y 30 and height - 50."""
    for i in range(steps + 1):
        y = 30 + (height - 80) * i / steps
        yield _line([(70, y), (610, y)], "#e4e4e4", 1)
        yield _box(42, y - 3.5, 20, 7, _GREY, 'rx="2"')
    yield _line([(70, 30), (70, height - 50), (610, height - 50)], "#555")
    yield from _words(rng, 300, height - 18, 90)


def _bars(rng: random.Random, height: int, colours: tuple[str, ...]) -> Iterator[str]:
    yield from _axes(rng, height, rng.randint(3, 5))
    groups, series = rng.randint(4, 9), rng.randint(1, 3)
    pitch = 540 / groups
    for group in range(groups):
        left = 70 + pitch * (group + 0.15)
        for i in range(series):
            tall = (height - 80) * rng.uniform(0.15, 0.95)
            yield _box(left + 0.7 * pitch / series * i, height - 50 - tall, 0.7 * pitch / series, tall, colours[i])
        yield _box(left + 0.1 * pitch, height - 42, 0.5 * pitch, 7, _GREY, 'rx="2"')


def _lines(rng: random.Random, height: int, colours: tuple[str, ...]) -> Iterator[str]:
    yield from _axes(rng, height, rng.randint(3, 5))
    falls = rng.random() < 0.5
    for i, colour in enumerate(colours[: rng.randint(1, 4)]):
        bend, noise = rng.uniform(1.5, 5), rng.choice((0.0, 0.03))
        low, high = sorted((rng.uniform(0.05, 0.35), rng.uniform(0.5, 0.95)))
        points = []
        for step in range(41):
            share = math.exp(-bend * step / 40) if falls else 1 - math.exp(-bend * step / 40)
            level = min(0.98, max(0.02, low + (high - low) * share + rng.gauss(0, noise)))
            points.append((70 + 13.5 * step, height - 50 - (height - 80) * level))
        yield _line(points, colour, 2.5)
        yield _line([(480, 44 + 16 * i), (505, 44 + 16 * i)], colour, 3)
        yield from _words(rng, 512, 40 + 16 * i, 70)


def _scatter(rng: random.Random, height: int, colours: tuple[str, ...]) -> Iterator[str]:
    yield from _axes(rng, height, rng.randint(3, 5))
    for colour in colours[: rng.randint(1, 3)]:
        x, y, spread = rng.uniform(0.25, 0.75), rng.uniform(0.25, 0.75), rng.uniform(0.06, 0.2)
        for _ in range(rng.randint(20, 60)):
            across, up = (min(0.97, max(0.03, rng.gauss(middle, spread))) for middle in (x, y))
            yield _dot(70 + 540 * across, height - 50 - (height - 80) * up, 4, colour)


def _diagram(rng: random.Random, height: int, colours: tuple[str, ...]) -> Iterator[str]:
    """Boxes in rows and columns, arrows from each to the next."""
    columns, rows = rng.randint(2, 4), rng.randint(1, 2 if height < 400 else 3)
    pitch_x, pitch_y = _WIDTH / columns, height / rows
    wide, tall = 0.62 * pitch_x, min(0.5 * pitch_y, 90)
    middles = [(pitch_x * (c + 0.5), pitch_y * (r + 0.5)) for r in range(rows) for c in range(columns)]
    for (x, y), (next_x, next_y) in itertools.pairwise(middles):
        if y == next_y:
            tip = next_x - wide / 2
            yield _line([(x + wide / 2, y), (tip - 6, y)], "#666", 2)
            yield _line([(tip - 10, y - 5), (tip, y), (tip - 10, y + 5)], "#666", 1, "#666")
        else:
            half = (y + next_y) / 2
            yield _line([(x, y + tall / 2), (x, half), (next_x, half), (next_x, next_y - tall / 2)], "#666", 2)
    for i, (x, y) in enumerate(middles):
        outline = f'rx="6" fill-opacity="0.18" stroke="{colours[i % 2]}" stroke-width="2"'
        yield _box(x - wide / 2, y - tall / 2, wide, tall, colours[i % 2], outline)
        yield from _words(rng, x - 0.35 * wide, y - 10, 0.7 * wide, 8, "#888")
        yield from _words(rng, x - 0.35 * wide, y + 4, 0.45 * wide, 6)


def _screen(rng: random.Random, height: int, colours: tuple[str, ...]) -> Iterator[str]:
    """A window: a bar with three buttons, a list at the left, lines of text and two buttons."""
    dark = rng.random() < 0.3
    ground, bar, text = ("#22272e", "#2d333b", "#6b7683") if dark else ("#fdfdfd", "#e6e8eb", _GREY)
    yield _box(0, 0, _WIDTH, height, ground)
    yield _box(0, 0, _WIDTH, 34, bar)
    for i, colour in enumerate(("#e0655c", "#e5b84f", "#68b35b")):
        yield _dot(20 + 20 * i, 17, 6, colour)
    yield _box(0, 34, 150, height - 34, bar, 'fill-opacity="0.5"')
    for y in range(56, height - 20, 26):
        yield from _words(rng, 18, y, rng.uniform(50, 110), 7, text)
    yield from _words(rng, 180, 60, 240, 12, colours[0])
    for y in range(94, height - 70, 20):
        yield from _words(rng, 180, y, rng.uniform(200, 420), 7, text)
    yield _box(180, height - 50, 90, 26, colours[0], 'rx="4"')
    yield _box(284, height - 50, 90, 26, "none", f'rx="4" stroke="{text}"')


def _landscape(rng: random.Random, height: int, colours: tuple[str, ...]) -> Iterator[str]:
    """A picture: a sky and ranges of mountains, the nearer the darker."""
    low, high = rng.choice((("#f3ece2", "#a9bdd0"), ("#f6efe6", "#d5dfe8"), ("#e9ebf0", "#8fa6bf")))
    stops = f'<stop offset="0" stop-color="{high}"/><stop offset="1" stop-color="{low}"/>'
    yield f'<linearGradient id="sky" x1="0" y1="0" x2="0" y2="1">{stops}</linearGradient>'
    yield _box(0, 0, _WIDTH, height, "url(#sky)")
    ranges = rng.randint(4, 6)
    for i in range(ranges):
        level = height * (0.35 + 0.55 * i / ranges)
        octaves = [(2.0**n * rng.uniform(0.8, 1.3) / 110, rng.uniform(0, 6.3), 0.55**n) for n in range(6)]
        ridge = [
            (x, level + 0.07 * height * sum(size * math.sin(pitch * x + phase) for pitch, phase, size in octaves))
            for x in range(0, _WIDTH + 1, 4)
        ]
        points = [(0.0, float(height)), *ridge, (_WIDTH, height)]
        outline = "L".join(f"{x} {y:.1f}" for x, y in points)
        yield f'<path d="M{outline}Z" fill="{colours[0]}" fill-opacity="{0.12 + 0.88 * (i / ranges) ** 1.5:.2f}"/>'
