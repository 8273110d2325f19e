"""Scenes for POV-Ray: what stands where, and the scene file that shows it, lit or with every object in a flat colour.

Lengths are in units of the ground, of which the camera sees about 9. An object fits a circle of radius `size`.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from tasks.counting.scenes import LOOKS, MIN_CONTRAST, Domain
from tasks.counting.shapes import RGB, distance

Solid = Literal["cube", "sphere", "cylinder", "car", "truck", "bus", "plane"]
SOLIDS: dict[Domain, tuple[Solid, ...]] = {
    "in": ("cube", "sphere", "cylinder"),
    "shifted": ("car", "truck", "bus", "plane"),
}
SIZES: dict[Domain, tuple[float, ...]] = {"in": (0.55, 0.8), "shifted": (0.66, 0.8)}
HALF_FIELD = 3.3
GAP = 0.12
PLACINGS = 2000

Finish = Literal["rubber", "metal", "paint"]
FINISHES: dict[Finish, str] = {
    "rubber": "finish { ambient 0.1 diffuse 0.8 phong 0.15 phong_size 10 }",
    "metal": "finish { ambient 0.06 diffuse 0.35 specular 0.9 roughness 0.008 metallic reflection { 0.5 metallic } }",
    "paint": "finish { ambient 0.1 diffuse 0.65 specular 0.5 roughness 0.02 reflection 0.06 }",
}
GLASS = "pigment { rgb <0.03, 0.05, 0.08> } finish { specular 0.9 reflection 0.2 }"
TYRE = "pigment { rgb 0.03 } finish { ambient 0.1 diffuse 0.6 }"
HUB = "pigment { rgb 0.6 } finish { ambient 0.1 diffuse 0.7 }"


@dataclass(frozen=True, slots=True)
class Placed:
    """An object on the ground at (x, z), turned by `turn` degrees about its upright."""

    shape: Solid
    colour: str
    finish: Finish
    size: float
    x: float
    z: float
    turn: float

    def __str__(self) -> str:
        return f"{self.colour} {self.shape}"


def place(rng: random.Random, domain: Domain, count: int, ground: RGB) -> tuple[Placed, ...] | None:
    """`count` objects that do not touch, at random places; None where no room was found for one."""
    look = LOOKS[domain]
    colours = [name for name, colour in look.colours.items() if distance(colour, ground) >= MIN_CONTRAST]
    finishes: tuple[Finish, ...] = ("rubber", "metal") if domain == "in" else ("paint",)
    placed: list[Placed] = []
    for _ in range(PLACINGS):
        if len(placed) == count:
            break
        size = rng.choice(SIZES[domain])
        x, z = rng.uniform(-HALF_FIELD, HALF_FIELD), rng.uniform(-HALF_FIELD, HALF_FIELD)
        if all(math.hypot(x - other.x, z - other.z) > size + other.size + GAP for other in placed):
            shape, colour, finish = rng.choice(SOLIDS[domain]), rng.choice(colours), rng.choice(finishes)
            placed.append(Placed(shape, colour, finish, size, x, z, rng.uniform(0, 360)))
    return tuple(placed) if len(placed) == count else None


Part = Literal["body", "glass", "tyre", "hub"]
Paint = Callable[[Part], str]
"""The texture of a part of an object."""


def lit_scene(placed: Sequence[Placed], domain: Domain, ground: RGB, turn: float) -> str:
    """The scene with a ground, three lights of which one throws soft shadows, and reflections."""
    colours = LOOKS[domain].colours
    objects = [_object(item, _painted(colours[item.colour], item.finish)) for item in placed]
    sky, lamp = ("0.55", "<4, 9, -3>") if domain == "in" else ("0.6", "<-5, 8, -4>")
    return f"""{_camera(turn)}
background {{ rgb {sky} }}
light_source {{ {lamp} rgb 0.85 area_light <2, 0, 0>, <0, 0, 2>, 4, 4 adaptive 1 circular orient }}
light_source {{ <8, 5, 4> rgb 0.3 shadowless }}
light_source {{ <-8, 6, -6> rgb 0.3 shadowless }}
plane {{ y, 0 pigment {{ rgb {_linear(ground)} }} finish {{ ambient 0.1 diffuse 0.65 }} }}
{"".join(objects)}"""


def named_scene(placed: Sequence[Placed], turn: float) -> str:
    """The same view: object i in the flat colour `name_colour(i)`, unlit, on black."""

    def paint(i: int) -> Paint:
        red, green, blue = (level / 2 for level in name_colour(i))
        texture = f"pigment {{ rgb <{red}, {green}, {blue}> }} finish {{ ambient 1 diffuse 0 }}"
        return lambda part: texture

    objects = [_object(item, paint(i)) for i, item in enumerate(placed)]
    return f"{_camera(turn)}\n{''.join(objects)}"


def name_colour(i: int) -> RGB:
    """Levels 0, 1 and 2 of the channels; never black. For i below 26."""
    return (i + 1) // 9, (i + 1) // 3 % 3, (i + 1) % 3


def _camera(turn: float) -> str:
    """Seen from above and aside; `turn` in degrees moves the camera around the field."""
    settings = "#version 3.7; global_settings { assumed_gamma 1.0 ambient_light rgb 1 max_trace_level 5 }"
    view = "location <0, 8.8, -8.8> right x up y angle 43 look_at <0, 0, -0.25>"
    return f"{settings}\ncamera {{ {view} rotate y * {turn:.2f} }}"


def _linear(colour: RGB) -> str:
    """Light of an sRGB colour (gamma 2.2)."""
    red, green, blue = ((value / 255) ** 2.2 for value in colour)
    return f"<{red:.4f}, {green:.4f}, {blue:.4f}>"


def _painted(colour: RGB, finish: Finish) -> Paint:
    textures: dict[Part, str] = {"glass": GLASS, "tyre": TYRE, "hub": HUB}
    return lambda part: textures.get(part, f"pigment {{ rgb {_linear(colour)} }} {FINISHES[finish]}")


def _object(item: Placed, paint: Paint) -> str:
    parts = "\n".join(f"  {shape} {paint(part)} }}" for part, shape in PARTS[item.shape])
    where = f"scale {item.size} rotate y * {item.turn:.2f} translate <{item.x:.4f}, 0, {item.z:.4f}>"
    return f"union {{\n{parts}\n  {where}\n}}\n"


def _wheels(radius: float, *places: float) -> list[tuple[Part, str]]:
    """Wheels of both sides; for each the start of a shape, which its texture ends."""
    found: list[tuple[Part, str]] = []
    for x in places:
        for side in (-0.36, 0.36):
            ends = (f"<{x}, {radius}, {side - w}>, <{x}, {radius}, {side + w}>" for w in (0.07, 0.08))
            found.append(("tyre", f"cylinder {{ {next(ends)}, {radius}"))
            found.append(("hub", f"cylinder {{ {next(ends)}, {radius / 2}"))
    return found


# in a circle of radius 1 around the origin, standing on the ground
PARTS: dict[Solid, list[tuple[Part, str]]] = {
    "cube": [("body", "box { <-0.68, 0, -0.68>, <0.68, 1.36, 0.68>")],
    "sphere": [("body", "sphere { <0, 0.86, 0>, 0.86")],
    "cylinder": [("body", "cylinder { <0, 0, 0>, <0, 1.5, 0>, 0.78")],
    "car": [
        ("body", "superellipsoid { <0.25, 0.25> scale <0.95, 0.2, 0.4> translate <0, 0.36, 0>"),
        ("body", "superellipsoid { <0.3, 0.3> scale <0.46, 0.08, 0.35> translate <-0.08, 0.78, 0>"),
        ("glass", "superellipsoid { <0.35, 0.35> scale <0.5, 0.2, 0.36> translate <-0.08, 0.62, 0>"),
        *_wheels(0.2, -0.58, 0.58),
    ],
    "truck": [
        ("body", "box { <-0.95, 0.3, -0.42>, <0.3, 1.2, 0.42>"),
        ("body", "box { <0.36, 0.25, -0.4>, <0.92, 0.85, 0.4>"),
        ("glass", "box { <0.7, 0.52, -0.41>, <0.93, 0.8, 0.41>"),
        *_wheels(0.22, -0.66, -0.16, 0.64),
    ],
    "bus": [
        ("body", "superellipsoid { <0.1, 0.1> scale <0.98, 0.46, 0.38> translate <0, 0.68, 0>"),
        ("glass", "box { <-0.86, 0.7, -0.39>, <0.86, 0.98, 0.39>"),
        ("glass", "box { <0.5, 0.66, -0.3>, <0.99, 1, 0.3>"),
        *_wheels(0.2, -0.62, 0.62),
    ],
    "plane": [
        ("body", "sphere { 0, 1 scale <0.98, 0.2, 0.2> translate y * 0.5"),
        ("body", "box { <-0.2, 0.46, -0.96>, <0.2, 0.54, 0.96>"),
        ("body", "box { <-0.94, 0.52, -0.38>, <-0.7, 0.58, 0.38>"),
        ("body", "box { <-0.96, 0.5, -0.04>, <-0.72, 0.98, 0.04>"),
        ("glass", "sphere { 0, 1 scale <0.22, 0.12, 0.14> translate <0.6, 0.62, 0>"),
        ("tyre", "cylinder { <0.5, 0.1, -0.05>, <0.5, 0.1, 0.05>, 0.1"),
        ("tyre", "cylinder { <-0.1, 0.1, -0.25>, <-0.1, 0.1, -0.15>, 0.1"),
        ("tyre", "cylinder { <-0.1, 0.1, 0.15>, <-0.1, 0.1, 0.25>, 0.1"),
        ("hub", "box { <-0.12, 0.1, -0.22>, <-0.08, 0.5, 0.22>"),
        ("hub", "box { <0.48, 0.1, -0.02>, <0.52, 0.5, 0.02>"),
    ],
}
