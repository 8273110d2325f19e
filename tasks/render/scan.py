"""How a page is scanned: drawn page by page from a stable digest, within the ranges of the configuration."""

from __future__ import annotations

import math
import random
from dataclasses import asdict, dataclass, replace
from functools import cache
from importlib.metadata import version

import numpy as np
from numpy.typing import NDArray

from tasks.records import digest
from tasks.render_config import Effect, RenderConfig, ScanConfig

VERSION = 1
"""Raised when the code changes what a scanned page looks like."""

CLEAN_QUALITY = 92
_DIGITS = 4

Corners = tuple[tuple[float, float], tuple[float, float], tuple[float, float], tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Scan:
    """What was drawn for one page; an effect that was not drawn holds its neutral value.

    Units are those of `ScanConfig`. `rotation` is clockwise. `keystone` moves the page's corners, from the top left
    clockwise, by (x, y) of its shorter side. `backdrop` is the grey level of what lies beside the page.
    `side` is where the shadow lies: that of the spine, or the corner farthest from the lamp. `hue` is how much of the
    tint's blue the paper also swallows of green.
    """

    bleed: float = 0.0
    contrast: float = 1.0
    rotation: float = 0.0
    keystone: Corners = ((0.0, 0.0),) * 4
    backdrop: int = 255
    shadow: float = 0.0
    side: str = ""
    blur: float = 0.0
    noise: float = 0.0
    tint: float = 0.0
    hue: float = 0.0
    grey: bool = False
    jpeg: int = CLEAN_QUALITY

    def drawn(self) -> dict[str, object]:
        """The values that are not neutral, for the page's style."""
        return {name: value for name, value in asdict(self).items() if value != getattr(_NEUTRAL, name)}


_NEUTRAL = Scan()


def draw_scan(doc_id: str, page_num: int, pages: int, config: RenderConfig) -> Scan | None:
    """How page `page_num` (0-based, of `pages`) is scanned, or None for a clean one.

    The same for the same page and configuration, wherever it is drawn. Every effect has a generator of its own, so
    that a changed chance or range of one leaves the others as they are.
    """

    def rng(name: str) -> random.Random:
        return random.Random(digest(doc_id, str(page_num), "scan", name, str(config.seed)))

    scan = config.scan
    if rng("share").random() >= scan.share:
        return None

    def value(name: Effect, neutral: float = 0.0) -> float:
        own = rng(name)
        if own.random() >= scan.effects.get(name, 0.0):
            return neutral
        return round(own.uniform(*_range(scan, name)), _DIGITS)

    more = rng("more")
    turn, side, hue = more.choice((-1, 1)), more.choice(_SIDES), round(more.uniform(0.38, 0.6), _DIGITS)
    # the lid of a scanner is bright, a table is darker than paper
    backdrop = more.choice((more.randint(200, 235), more.randint(25, 80)))
    rotation, corner, tint, shadow = (value(name) for name in ("rotation", "perspective", "tint", "shadow"))
    if side == "spine":
        side = "left" if page_num % 2 == 0 else "right"
    return Scan(
        bleed=value("bleed") if back_of(page_num, pages) is not None else 0.0,
        contrast=value("contrast", 1.0),
        rotation=turn * rotation,
        keystone=_keystone(rng("keystone"), corner),
        backdrop=backdrop if rotation or corner else _NEUTRAL.backdrop,
        shadow=shadow,
        side=side if shadow else "",
        blur=value("blur"),
        noise=value("noise"),
        tint=tint,
        hue=hue if tint else 0.0,
        grey=rng("grey").random() < scan.effects.get("grey", 0.0),
        jpeg=round(value("jpeg", CLEAN_QUALITY)),
    )


_SIDES = ("spine", "spine", "top left", "top right", "bottom left", "bottom right")


def _range(scan: ScanConfig, name: Effect) -> tuple[float, float]:
    ends: tuple[float, float] = getattr(scan, name)
    return ends


def _keystone(rng: random.Random, most: float) -> Corners:
    """The camera leans over one pair of corners, and is never quite level."""
    lean, level = rng.choice((-1, 1)), [round(rng.uniform(-0.3, 0.3) * most, _DIGITS) for _ in range(8)]
    top = most if lean > 0 else 0.0
    bottom = most - top
    x = (top, -top, -bottom, bottom)
    corners = [(x[i] + level[2 * i], level[2 * i + 1]) for i in range(4)]
    a, b, c, d = ((round(u, _DIGITS), round(v, _DIGITS)) for u, v in corners)
    return a, b, c, d


def back_of(page_num: int, pages: int) -> int | None:
    """The page on the other side of the sheet: the first page is a front side; None where that side is empty."""
    other = page_num + 1 if page_num % 2 == 0 else page_num - 1
    return other if other < pages else None


def corners(scan: Scan, width: int, height: int) -> tuple[tuple[float, float], ...]:
    """Where the page's corners lie in the image, in pixels from its top left, from the page's top left clockwise."""
    angle, short = math.radians(scan.rotation), min(width, height)
    cos, sin = math.cos(angle), math.sin(angle)
    places = []
    for (right, down), (dx, dy) in zip(((0, 0), (1, 0), (1, 1), (0, 1)), scan.keystone, strict=True):
        x, y = (right - 0.5) * width + dx * short, (down - 0.5) * height + dy * short
        # rounded, because the last digit of a cosine depends on the processor
        places.append((round(width / 2 + x * cos - y * sin, 3), round(height / 2 + x * sin + y * cos, 3)))
    return tuple(places)


def homography(scan: Scan, width: int, height: int) -> NDArray[np.float64]:
    """The 3 x 3 map of positions (x, y, 1) from the page's pixels to the image's, both `width` x `height`.

    Source: Heckbert, Fundamentals of Texture Mapping and Image Warping (1989), sec. 2.2.3: unit square to quadrangle.
    """
    (x0, y0), (x1, y1), (x2, y2), (x3, y3) = corners(scan, width, height)
    dx1, dx2, sx = x1 - x2, x3 - x2, x0 - x1 + x2 - x3
    dy1, dy2, sy = y1 - y2, y3 - y2, y0 - y1 + y2 - y3
    area = dx1 * dy2 - dx2 * dy1
    g, h = (sx * dy2 - sy * dx2) / area, (dx1 * sy - dy1 * sx) / area
    square = [[x1 - x0 + g * x1, x3 - x0 + h * x3, x0], [y1 - y0 + g * y1, y3 - y0 + h * y3, y0], [g, h, 1.0]]
    return np.array(square) / (width, height, 1)


def fitted(scan: Scan, ink: tuple[int, int, int, int], width: int, height: int) -> Scan:
    """The scan, turned and leant so much less that everything inside `ink` (x0, y0, x1, y1, in pixels) stays in view.

    With the four corners of a rectangle in view, all of it is: what it is mapped to is convex.
    """
    x0, y0, x1, y1 = ink
    for part in (1.0, 0.5, 0.25, 0.125):
        less = _scaled(scan, part)
        matrix = homography(less, width, height)
        places = [matrix @ (x, y, 1) for x, y in ((x0, y0), (x1, y0), (x1, y1), (x0, y1))]
        if all(0 <= x / z <= width and 0 <= y / z <= height for x, y, z in places):
            return less
    return _scaled(scan, 0.0)


def _scaled(scan: Scan, part: float) -> Scan:
    if part == 1:
        return scan
    a, b, c, d = ((round(x * part, _DIGITS), round(y * part, _DIGITS)) for x, y in scan.keystone)
    backdrop = scan.backdrop if part else _NEUTRAL.backdrop
    return replace(scan, rotation=round(scan.rotation * part, _DIGITS), keystone=(a, b, c, d), backdrop=backdrop)


@cache
def scan_digest() -> str:
    """Digest of everything that decides what a scan looks like, the drawn values and the page apart."""
    names = ("numpy", "opencv-python-headless", "pillow")
    return digest(str(VERSION), *(f"{name} {version(name)}" for name in names))
