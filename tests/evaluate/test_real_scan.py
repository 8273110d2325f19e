"""A degraded page: the same page, worse, and the same every time."""

from __future__ import annotations

import io

import numpy as np
import pymupdf
import pytest
from PIL import Image
from real_packages import draw_pdf

from tasks.evaluate.real.degrade import degrade


@pytest.fixture(scope="module")
def page() -> bytes:
    with pymupdf.open(stream=draw_pdf(), filetype="pdf") as drawing:
        return bytes(drawing[1].get_pixmap(dpi=100, alpha=False).tobytes("png"))


def grey(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)).convert("L"), dtype=float)


def test_a_scan_is_the_same_every_time(page: bytes) -> None:
    assert degrade(page, "a") == degrade(page, "a")
    assert degrade(page, "a") != degrade(page, "b")


@pytest.mark.parametrize("seed", ["a", "b", "c"])
def test_a_scan_is_a_pale_grey_picture_of_the_same_size(page: bytes, seed: str) -> None:
    before, after = grey(page), grey(degrade(page, seed))
    assert Image.open(io.BytesIO(degrade(page, seed))).mode == "L"
    assert after.shape == before.shape
    assert before.min() < 30
    assert np.percentile(after, 0.1) > 45
    assert np.median(after) < 245


def test_a_scan_still_shows_the_page(page: bytes) -> None:
    before, after = (
        np.asarray(Image.fromarray(grey(png).astype(np.uint8)).resize((30, 42), Image.Resampling.BOX), dtype=float)
        for png in (page, degrade(page, "a"))
    )
    assert np.corrcoef(before.ravel(), after.ravel())[0, 1] > 0.6
