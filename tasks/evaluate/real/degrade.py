"""A page's image as a poor scan of it: a little turned, blurred, pale, unevenly lit, noisy, and once through JPEG."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageFilter

from tasks.records import digest


def degrade(png: bytes, seed: str) -> bytes:
    """A grey PNG of the same size; the same image and seed give the same bytes (with the same numpy and Pillow).

    Turned by 0.3 to 1.2 degrees, blurred with a Gaussian of 0.5 to 0.9 px; ink at 50 to 95 and paper at 215 to 238 of
    255, with a shade across the page of up to 18; noise with a deviation of 4 to 9; JPEG quality 35 to 55.
    """
    draw = np.random.Generator(np.random.PCG64(int(digest("scan", seed), 16)))
    angle = draw.uniform(0.3, 1.2) * draw.choice([-1.0, 1.0])
    image = Image.open(io.BytesIO(png)).convert("L")
    image = image.rotate(angle, resample=Image.Resampling.BICUBIC, fillcolor=255)
    image = image.filter(ImageFilter.GaussianBlur(draw.uniform(0.5, 0.9)))
    ink, paper = draw.uniform(50, 95), draw.uniform(215, 238)
    levels = ink + np.asarray(image, dtype=float) / 255 * (paper - ink)
    height, width = levels.shape
    direction = draw.uniform(0, 2 * np.pi)
    across = (
        np.cos(direction) * np.linspace(-0.5, 0.5, width) + np.sin(direction) * np.linspace(-0.5, 0.5, height)[:, None]
    )
    levels += draw.uniform(6, 18) * across + draw.normal(0, draw.uniform(4, 9), levels.shape)
    noisy = Image.fromarray(np.clip(np.rint(levels), 0, 255).astype(np.uint8))
    once = io.BytesIO()
    noisy.save(once, "JPEG", quality=int(draw.integers(35, 56)))
    out = io.BytesIO()
    Image.open(once).save(out, "PNG")
    return out.getvalue()
