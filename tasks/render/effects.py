"""A page's pixels to the bytes of its scan. 8-bit arrays throughout: (height, width), or (height, width, 3) for RGB."""

from __future__ import annotations

import io
from functools import cache
from statistics import NormalDist

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tasks.render.scan import Scan, homography

Pixels = NDArray[np.uint8]

_WHITE = 255
_CELL = 48  # pixels of the image to one of the fields that light and paper are drawn in

_FIBRE = 1.2  # grey levels: no paper is so smooth that light falls off in steps, as 8 bits would have it
_BAND = 64  # rows turned at once, so that what is computed of them stays in the processor's cache

# pages are drawn in one process a core: more threads in each would only be in each other's way
cv2.setNumThreads(1)


def ink_box(page: Pixels) -> tuple[int, int, int, int]:
    """x0, y0, x1, y1 of all that differs from the paper, whose colour is that of the top left pixel."""
    paper = np.atleast_1d(page[0, 0])
    x, y, width, height = cv2.boundingRect(cv2.bitwise_not(cv2.inRange(page, paper, paper)))
    return x, y, x + width, y + height


def scanned(page: Pixels, scan: Scan, back: Pixels | None, dpi: int, seed: int) -> bytes:
    """The page as JPEG bytes, seen as `scan` says; `seed` decides the grain.

    `back` is the other side of the sheet in grey, in any resolution; it is needed where `scan.bleed` is not 0.
    A grey page stays grey unless it is tinted, and one that is scanned in grey does so even then.
    Raises ValueError where the back is missing.
    """
    rng = np.random.Generator(np.random.PCG64(seed))
    if scan.grey and page.ndim == 3:
        page = cv2.cvtColor(page, cv2.COLOR_RGB2GRAY).astype(np.uint8, copy=False)
    if scan.bleed:
        if back is None:
            raise ValueError("a page that the back shows through needs its back")
        page = _times(page, _bleed(back, scan.bleed, page.shape[1], page.shape[0], dpi))
    page = _looked_up(page, _tone(scan))
    if scan.rotation or any(x or y for x, y in scan.keystone):
        page = _turned(page, scan)
    if scan.shadow or scan.tint:
        page = _times(page, _light(scan, page.shape[1], page.shape[0], rng))
    if scan.blur:
        page = cv2.GaussianBlur(page, (0, 0), scan.blur * dpi / 150).astype(np.uint8, copy=False)
    if grain := max(scan.noise, _FIBRE if scan.shadow or scan.tint else 0.0):
        page = _grained(page, grain, rng)
    if scan.tint:
        page = _tinted(page, scan)
    out = io.BytesIO()
    Image.fromarray(page).save(out, "JPEG", quality=scan.jpeg, dpi=(dpi, dpi))
    return out.getvalue()


def _looked_up(page: Pixels, table: Pixels) -> Pixels:
    return cv2.LUT(page, table).astype(np.uint8, copy=False)


def _times(page: Pixels, grey: Pixels) -> Pixels:
    """The page seen through a grey filter: white lets all through."""
    if page.ndim == 3:
        grey = cv2.merge([grey, grey, grey]).astype(np.uint8, copy=False)
    return cv2.multiply(page, grey, scale=1 / _WHITE).astype(np.uint8, copy=False)


def _bleed(back: Pixels, strength: float, width: int, height: int, dpi: int) -> Pixels:
    """What shows through: the back mirrored and softened by the paper's thickness."""
    soft = cv2.GaussianBlur(cv2.flip(back, 1), (0, 0), 2.0 * dpi / 150 * back.shape[1] / width)
    table = (_WHITE - strength * (_WHITE - np.arange(256))).round().astype(np.uint8)
    return cv2.resize(cv2.LUT(soft, table), (width, height)).astype(np.uint8, copy=False)


def _tone(scan: Scan) -> Pixels:
    """Grey level to grey level: ink that has faded, and paper dark enough for its grain to be seen."""
    white = _WHITE - 1.5 * scan.noise - 20 * (1 - scan.contrast)
    black = white - scan.contrast * white
    return (black + (white - black) * np.arange(256) / _WHITE).round().astype(np.uint8)


def _turned(page: Pixels, scan: Scan) -> Pixels:
    """The page as the camera sees it, sampled bilinearly at 32nds of a pixel.

    In whole numbers: `warpPerspective` gives other bytes on other processors.
    """
    height, width = page.shape[:2]
    matrix = homography(scan, width, height)
    rows = np.cross(matrix[:, [1, 2, 0]].T, matrix[:, [2, 0, 1]].T).astype(np.float32)  # the inverse, up to its scale
    beside, out = (scan.backdrop,) * 3, np.empty_like(page)
    x, y = np.arange(width, dtype=np.float32)[None, :], np.arange(height, dtype=np.float32)[:, None]
    for top in range(0, height, _BAND):
        band = slice(top, top + _BAND)
        u, v, w = (row[0] * x + (row[1] * y[band] + row[2]) for row in rows)
        places, parts = cv2.convertMaps(u / w, v / w, cv2.CV_16SC2)
        out[band] = cv2.remap(page, places, parts, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=beside)
    return out


def _light(scan: Scan, width: int, height: int, rng: np.random.Generator) -> Pixels:
    """How much light each pixel sends back: the shadow, and on tinted paper its clouds."""
    columns, rows = -(-width // _CELL) + 1, -(-height // _CELL) + 1
    x, y = np.linspace(0, 1, columns)[None, :], np.linspace(0, 1, rows)[:, None]
    match scan.side:
        case "":
            dark = np.zeros((rows, columns))
        case "left" | "right":
            # a page that bends into the spine, darkest in its last tenth
            dark = np.exp(-(x if scan.side == "left" else 1 - x) / 0.07) + 0 * y
        case corner:
            far_x = 1 - x if "left" in corner else x
            far_y = 1 - y if "top" in corner else y
            dark = (0.55 * far_x + 0.45 * far_y) ** 1.5
    light = 1 - scan.shadow * dark
    if scan.tint:
        light -= 0.1 * scan.tint * np.abs(rng.standard_normal((rows, columns)))
    field = (_WHITE * light.clip(0, 1)).round().astype(np.uint8)
    # twice, and smoothed between, so that no crease is seen where two cells meet
    middle = cv2.resize(field, (4 * columns, 4 * rows), interpolation=cv2.INTER_LINEAR_EXACT)
    smooth = cv2.GaussianBlur(middle, (0, 0), 2)
    return cv2.resize(smooth, (width, height), interpolation=cv2.INTER_LINEAR_EXACT).astype(np.uint8, copy=False)


@cache
def _normal() -> NDArray[np.float64]:
    """The normal distribution's quantiles at 256 even steps: a random byte looks its value up."""
    return np.array([NormalDist().inv_cdf((i + 0.5) / 256) for i in range(256)])


def _grained(page: Pixels, sigma: float, rng: np.random.Generator) -> Pixels:
    """The page with grain of its own in every pixel, the same in all channels."""
    table = (sigma * _normal()).round().clip(-127, 127).astype(np.int8)
    size = page.shape[0] * page.shape[1]
    grain = cv2.LUT(np.frombuffer(rng.bytes(size), np.uint8).reshape(page.shape[:2]), table)
    if page.ndim == 3:
        grain = cv2.merge([grain, grain, grain])
    return cv2.add(page, grain, dtype=cv2.CV_8U).astype(np.uint8, copy=False)


def _dimmed(part: float) -> Pixels:
    return ((1 - part) * np.arange(256)).round().astype(np.uint8)


def _tinted(page: Pixels, scan: Scan) -> Pixels:
    """The page on yellowed paper, which swallows blue most and red hardly: RGB, or as a grey scan sees it."""
    red, green, blue = 0.1 * scan.tint, scan.hue * scan.tint, scan.tint
    if scan.grey:
        return _looked_up(page, _dimmed(0.299 * red + 0.587 * green + 0.114 * blue))
    tables = [_dimmed(part) for part in (red, green, blue)]
    if page.ndim == 3:
        return _looked_up(page, np.stack(tables, axis=1)[None])
    return cv2.merge([_looked_up(page, table) for table in tables]).astype(np.uint8, copy=False)
