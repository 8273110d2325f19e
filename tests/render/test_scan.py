"""Scanned pages: the same wherever they are drawn, all text in view, and the label untouched."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from pydantic import ValidationError
from render_pages import document, small_page

from tasks.records import Page
from tasks.render.cache import page_file
from tasks.render.document import render_document
from tasks.render.effects import ink_box, scanned
from tasks.render.scan import Scan, back_of, corners, draw_scan, fitted, homography
from tasks.render.stage import render_stage
from tasks.render_config import EFFECTS, Effect, RenderConfig, ScanConfig
from tasks.store import Folder

WORDS = " ".join(f"word{i}" for i in range(90))
ALL: dict[Effect, float] = dict.fromkeys(EFFECTS, 1.0)


def scan_config(share: float = 1.0, **more: Any) -> ScanConfig:
    return ScanConfig.model_validate({"share": share, "effects": ALL, **more})


def drawn(page_num: int = 0, doc_id: str = "doc", pages: int = 4, **more: Any) -> Scan:
    scan = draw_scan(doc_id, page_num, pages, RenderConfig(scan=scan_config(**more)))
    assert scan is not None
    return scan


def page_with_ink(height: int = 200, width: int = 150) -> np.ndarray[Any, np.dtype[np.uint8]]:
    page = np.full((height, width, 3), 255, np.uint8)
    page[30:-30:8, 20:-20] = 20
    return page


def picture(image: bytes) -> np.ndarray[Any, np.dtype[np.uint8]]:
    return np.asarray(Image.open(io.BytesIO(image)))


def look(page: Page) -> dict[str, Any]:
    style: dict[str, Any] = json.loads(page.style)
    return style


def test_no_page_is_scanned_unless_it_is_asked_for() -> None:
    pages = render_document(document(f"{WORDS}\n"), small_page()).pages
    assert all(p.image.startswith(b"\x89PNG") and "scan" not in look(p) for p in pages)


def test_a_scan_changes_image_and_style_and_nothing_else() -> None:
    source = f"# Title\n\n{WORDS}\n\n| a | b |\n| --- | --- |\n| 1 | 2 |\n"
    clean = render_document(document(source), small_page()).pages
    pages = render_document(document(source), small_page(scan=scan_config())).pages
    assert len(pages) > 1
    for before, after in zip(clean, pages, strict=True):
        style = look(after)
        assert style.pop("scan")["jpeg"] < 92
        assert replace(after, image=before.image, style=before.style) == before
        assert style == look(before)
        assert picture(after.image).shape[:2] == picture(before.image).shape[:2]


def test_the_share_of_scanned_pages_is_the_one_asked_for() -> None:
    config = RenderConfig(scan=scan_config(0.3))
    count = sum(draw_scan(f"d{i}", i % 7, 7, config) is not None for i in range(2000))
    assert 0.26 < count / 2000 < 0.34


def test_a_changed_chance_of_one_effect_leaves_the_others_as_they_are() -> None:
    with_blur, without = (drawn(effects={**ALL, "blur": chance}) for chance in (1.0, 0.0))
    assert with_blur.blur > 0
    assert replace(with_blur, blur=0.0) == without


def test_drawn_values_are_within_their_ranges() -> None:
    ranges = ScanConfig()
    for i in range(60):
        scan = drawn(i, pages=100)
        for name in ("bleed", "contrast", "shadow", "blur", "noise", "tint", "jpeg"):
            low, high = getattr(ranges, name)
            assert low <= getattr(scan, name) <= high
        assert ranges.rotation[0] <= abs(scan.rotation) <= ranges.rotation[1]


def test_an_effect_that_is_not_drawn_is_not_stored() -> None:
    assert drawn(effects={}).drawn() == {}
    assert drawn(effects={"blur": 1.0}).drawn().keys() == {"blur"}
    json.dumps(drawn().drawn())


def test_a_sheet_has_two_sides() -> None:
    assert [back_of(i, 5) for i in range(5)] == [1, 0, 3, 2, None]
    assert all(back_of(back, 8) == i for i in range(8) if (back := back_of(i, 8)) is not None)
    assert drawn(4, pages=5).bleed == 0
    assert drawn(3, pages=5).bleed > 0


def test_the_back_shows_through_mirrored() -> None:
    page, back = np.full((100, 80), 255, np.uint8), np.full((50, 40), 255, np.uint8)
    back[10:20, 5:15] = 0
    seen = picture(scanned(page, Scan(bleed=0.2), back, 150, 1)).astype(int)
    assert seen[30, 60] < 225
    assert seen[30, 20] > 250
    with pytest.raises(ValueError, match="needs its back"):
        scanned(page, Scan(bleed=0.2), None, 150, 1)


def test_grey_pages_stay_grey_unless_they_are_tinted() -> None:
    page = page_with_ink()
    back = page[..., 0].copy()
    everything = drawn(effects={**ALL, "grey": 0.0})
    assert picture(scanned(back, replace(everything, tint=0.0, hue=0.0), back, 150, 1)).ndim == 2
    assert picture(scanned(back, everything, back, 150, 1)).ndim == 3
    assert picture(scanned(page, everything, back, 150, 1)).ndim == 3
    assert picture(scanned(page, replace(everything, grey=True), back, 150, 1)).ndim == 2


def test_ink_box_holds_all_that_is_not_paper() -> None:
    page = np.full((60, 50, 3), (250, 240, 230), np.uint8)
    assert ink_box(page) == (0, 0, 0, 0)
    page[10:20, 5:9, 2] = 7
    page[40, 30] = 0
    assert ink_box(page) == (5, 10, 31, 41)
    assert ink_box(page[..., 2].copy()) == (5, 10, 31, 41)


sizes = st.integers(40, 2000)
moves = st.floats(-0.05, 0.05).map(lambda v: round(v, 4))


@settings(deadline=None)
@given(sizes, sizes, st.floats(-8, 8), st.lists(moves, min_size=8, max_size=8), st.data())
def test_all_ink_stays_in_view(width: int, height: int, rotation: float, m: list[float], data: Any) -> None:
    xs = sorted(data.draw(st.tuples(st.integers(0, width), st.integers(0, width))))
    ys = sorted(data.draw(st.tuples(st.integers(0, height), st.integers(0, height))))
    keystone = ((m[0], m[1]), (m[2], m[3]), (m[4], m[5]), (m[6], m[7]))
    scan = Scan(rotation=round(rotation, 4), keystone=keystone, backdrop=30)
    less = fitted(scan, (xs[0], ys[0], xs[1], ys[1]), width, height)
    x, y = (data.draw(st.floats(*ends)) for ends in (xs, ys))
    u, v, w = homography(less, width, height) @ (x, y, 1)
    assert -1e-6 <= u / w <= width + 1e-6
    assert -1e-6 <= v / w <= height + 1e-6
    assert abs(less.rotation) <= abs(scan.rotation)


@settings(deadline=None)
@given(sizes, sizes, st.floats(-3, 3), st.lists(moves, min_size=8, max_size=8))
def test_the_homography_leads_corners_to_corners(width: int, height: int, rotation: float, m: list[float]) -> None:
    scan = Scan(rotation=rotation, keystone=((m[0], m[1]), (m[2], m[3]), (m[4], m[5]), (m[6], m[7])))
    matrix = homography(scan, width, height)
    flat = ((0, 0), (width, 0), (width, height), (0, height))
    for (x, y), place in zip(flat, corners(scan, width, height), strict=True):
        u, v, w = matrix @ (x, y, 1)
        assert (u / w, v / w) == pytest.approx(place, abs=1e-6)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([(140, 300), (36, 36), (700, 500)]), st.booleans())
def test_every_scan_of_every_size_is_legible(number: int, size: tuple[int, int], grey: bool) -> None:
    page = page_with_ink(*size) if size[0] > 60 else np.full((*size, 3), 255, np.uint8)
    page = page[..., 0].copy() if grey else page
    scan = fitted(drawn(number % 9, f"d{number}", 9), ink_box(page), size[1], size[0])
    back = np.full((max(1, size[0] // 2), max(1, size[1] // 2)), 255, np.uint8)
    image = picture(scanned(page, scan, back, 150, number))
    assert image.shape[:2] == size
    if size[0] > 60:
        middle = image[size[0] // 4 : -size[0] // 4, size[1] // 3 : -size[1] // 3].astype(float)
        assert np.quantile(middle, 0.9) - np.quantile(middle, 0.02) > 30


def test_turned_ink_lies_where_the_homography_says() -> None:
    page = np.full((300, 200), 255, np.uint8)
    page[100:104, 50:54] = 0
    scan = Scan(rotation=2.0, keystone=((0.01, 0.0), (-0.01, 0.0), (0.0, 0.0), (0.0, 0.0)), backdrop=255)
    image = picture(scanned(page, scan, None, 150, 1))
    u, v, w = homography(scan, 200, 300) @ (52, 102, 1)
    rows, columns = np.nonzero(image < 128)
    assert columns.mean() + 0.5 == pytest.approx(u / w, abs=0.8)
    assert rows.mean() + 0.5 == pytest.approx(v / w, abs=0.8)


PROGRAM = """
import hashlib
import numpy as np
from tasks.render_config import RenderConfig
from tasks.render_config import EFFECTS, ScanConfig
from tasks.render.effects import scanned
from tasks.render.scan import draw_scan
page = np.full((400, 300, 3), (255, 250, 245), np.uint8)
page[30:-30:8, 20:-20] = 20
config = RenderConfig(scan=ScanConfig(share=1, effects=dict.fromkeys(EFFECTS, 1.0)))
for n in range(4):
    print(hashlib.sha256(scanned(page, draw_scan("d", n, 4, config), page[::2, ::2, 0].copy(), 150, n)).hexdigest())
"""
OLD_PROCESSOR = {"OPENCV_IPP": "disabled", "OPENCV_CPU_DISABLE": "AVX512_SKX,AVX512_COMMON,AVX2,FMA3,FP16,AVX,SSE4_2"}


def test_a_scan_is_byte_for_byte_the_same_elsewhere() -> None:
    outputs = []
    for env in ({"PYTHONHASHSEED": "1"}, {"PYTHONHASHSEED": "77", **OLD_PROCESSOR}):
        command = [sys.executable, "-c", PROGRAM]
        done = subprocess.run(command, env={**os.environ, **env}, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        outputs.append(done.stdout)
    assert outputs[0] == outputs[1]
    assert len(set(outputs[0].split())) == 4


def test_caches_follow_what_decides_a_scan_and_nothing_else() -> None:
    home, doc = Folder("/nowhere"), document("text\n")

    def name(**scan: Any) -> str:
        return page_file(home, doc, small_page(scan={"effects": ALL, **scan})).name

    assert name(share=0) == name(share=0, blur=(2.0, 3.0)) == page_file(home, doc, small_page()).name
    assert len({name(share=0), name(share=0.5), name(share=0.5, blur=(2.0, 3.0))}) == 3
    configs = (small_page(), small_page(scan={"share": 0.5}))
    assert len({render_stage.digest(config, "documents") for config in configs}) == 2


def test_a_scan_that_cannot_be_is_refused() -> None:
    assert ScanConfig(blur=(0.9, 0.1)).blur == (0.1, 0.9)
    for wrong in (
        {"share": 2},
        {"effects": {"fog": 0.5}},
        {"effects": {"blur": 1.5}},
        {"jpeg": (1,)},
        {"blur": (-1, 1)},
        {"shadow": (0, 2)},
    ):
        with pytest.raises(ValidationError):
            ScanConfig.model_validate(wrong)
