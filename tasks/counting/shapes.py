"""The objects of a scene: each function draws one shape that fills the width of a square box."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

from PIL.ImageDraw import ImageDraw

RGB = tuple[int, int, int]
Box = tuple[float, float, float, float]
Shape = Literal["cube", "sphere", "cylinder", "car", "truck", "plane"]
WHITE: RGB = (255, 255, 255)
BLACK: RGB = (0, 0, 0)
GLASS: RGB = (190, 220, 235)
TYRE: RGB = (30, 30, 30)


def mix(colour: RGB, other: RGB, share: float) -> RGB:
    """`share` of `other` in `colour`."""
    r, g, b = (round(c + (o - c) * share) for c, o in zip(colour, other, strict=True))
    return r, g, b


def distance(one: RGB, other: RGB) -> int:
    """Difference of the channel that differs most."""
    return max(abs(a - b) for a, b in zip(one, other, strict=True))


def _in_box(box: Box, *shares: float) -> list[float]:
    """Coordinates x, y, x, y, ... given as shares of a square box."""
    x0, y0, x1, _ = box
    width = x1 - x0
    return [(y0 if i % 2 else x0) + width * share for i, share in enumerate(shares)]


def _wheels(pen: ImageDraw, box: Box, centres: Sequence[float]) -> None:
    for x in centres:
        pen.ellipse(_in_box(box, x - 0.12, 0.66, x + 0.12, 0.9), fill=TYRE)


def _cube(pen: ImageDraw, box: Box, colour: RGB) -> None:
    pen.polygon(_in_box(box, 0, 0.25, 0.25, 0, 1, 0, 0.75, 0.25), fill=mix(colour, WHITE, 0.25))
    pen.polygon(_in_box(box, 0.75, 0.25, 1, 0, 1, 0.75, 0.75, 1), fill=mix(colour, BLACK, 0.35))
    pen.rectangle(_in_box(box, 0, 0.25, 0.75, 1), fill=colour)


def _sphere(pen: ImageDraw, box: Box, colour: RGB) -> None:
    pen.ellipse(_in_box(box, 0, 0, 1, 1), fill=mix(colour, BLACK, 0.25))
    pen.ellipse(_in_box(box, 0.04, 0.02, 0.9, 0.88), fill=colour)
    pen.ellipse(_in_box(box, 0.22, 0.16, 0.44, 0.38), fill=mix(colour, WHITE, 0.4))


def _cylinder(pen: ImageDraw, box: Box, colour: RGB) -> None:
    pen.rectangle(_in_box(box, 0.1, 0.15, 0.9, 0.85), fill=colour)
    pen.rectangle(_in_box(box, 0.65, 0.15, 0.9, 0.85), fill=mix(colour, BLACK, 0.25))
    pen.ellipse(_in_box(box, 0.1, 0.7, 0.9, 1), fill=mix(colour, BLACK, 0.12))
    pen.ellipse(_in_box(box, 0.1, 0, 0.9, 0.3), fill=mix(colour, WHITE, 0.25))


def _car(pen: ImageDraw, box: Box, colour: RGB) -> None:
    pen.polygon(_in_box(box, 0.2, 0.48, 0.33, 0.2, 0.68, 0.2, 0.84, 0.48), fill=colour)
    pen.polygon(_in_box(box, 0.29, 0.46, 0.38, 0.27, 0.64, 0.27, 0.74, 0.46), fill=GLASS)
    pen.rounded_rectangle(_in_box(box, 0, 0.44, 1, 0.8), radius=0.1 * (box[2] - box[0]), fill=colour)
    _wheels(pen, box, (0.24, 0.76))


def _truck(pen: ImageDraw, box: Box, colour: RGB) -> None:
    pen.rectangle(_in_box(box, 0, 0.1, 0.66, 0.78), fill=colour)
    pen.polygon(_in_box(box, 0.66, 0.34, 0.86, 0.34, 1, 0.56, 1, 0.78, 0.66, 0.78), fill=mix(colour, BLACK, 0.3))
    pen.polygon(_in_box(box, 0.72, 0.4, 0.84, 0.4, 0.92, 0.54, 0.72, 0.54), fill=GLASS)
    _wheels(pen, box, (0.2, 0.5, 0.82))


def _plane(pen: ImageDraw, box: Box, colour: RGB) -> None:
    pen.polygon(_in_box(box, 0.44, 0.36, 0.56, 0.36, 1, 0.62, 1, 0.74, 0.5, 0.6, 0, 0.74, 0, 0.62), fill=colour)
    pen.polygon(_in_box(box, 0.5, 0.74, 0.76, 0.92, 0.76, 1, 0.5, 0.94, 0.24, 1, 0.24, 0.92), fill=colour)
    pen.ellipse(_in_box(box, 0.39, 0, 0.61, 1), fill=mix(colour, BLACK, 0.12))
    pen.ellipse(_in_box(box, 0.45, 0.08, 0.55, 0.2), fill=GLASS)


DRAW: dict[Shape, Callable[[ImageDraw, Box, RGB], None]] = {
    "cube": _cube,
    "sphere": _sphere,
    "cylinder": _cylinder,
    "car": _car,
    "truck": _truck,
    "plane": _plane,
}
