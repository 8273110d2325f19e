"""Scenes: what is counted is what can be seen."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from tasks.counting.prompts import PROMPTS
from tasks.counting.scenes import LOOKS, MIN_CONTRAST, Domain, Scene, draw_scene

DOMAINS: tuple[Domain, ...] = ("in", "shifted")


def seen(scene: Scene) -> list[int]:
    """Pixels of each connected thing that differs from the ground."""
    difference = np.abs(np.asarray(scene.image, int) - np.array(scene.ground)).max(2)
    labels, count = ndimage.label(difference > MIN_CONTRAST / 2, structure=np.ones((3, 3)))
    return [int((labels == i).sum()) for i in range(1, count + 1)]


@pytest.mark.parametrize("domain", DOMAINS)
@pytest.mark.parametrize("size", [56, 160, 224])
def test_every_object_can_be_seen_and_no_two_touch(domain: Domain, size: int) -> None:
    for index in range(40):
        scene = draw_scene(7, index, domain, size)
        areas = seen(scene)
        assert len(areas) == scene.count, f"{domain} {index}"
        assert min(areas) >= 12
        for item in scene.items:
            x0, y0, x1, y1 = item.box
            assert 0 <= x0 < x1 <= size
            assert 0 <= y0 < y1 <= size
            assert item.shape in LOOKS[domain].shapes


def test_counts_are_uniform() -> None:
    counts = Counter(draw_scene(3, i, size=56).count for i in range(80))
    assert counts == dict.fromkeys(range(3, 11), 10)
    assert {draw_scene(3, i, counts=(0, 2)).count for i in range(3)} == {0, 1, 2}
    assert draw_scene(0, 5, counts=(4, 4)).count == 4


def test_domains_share_the_layout_and_nothing_that_is_drawn() -> None:
    for index in range(10):
        inside, shifted = (draw_scene(1, index, domain) for domain in DOMAINS)
        assert [item.box for item in inside.items] == [item.box for item in shifted.items]
    for name in ("shapes", "colours", "grounds"):
        assert not set(getattr(LOOKS["in"], name)) & set(getattr(LOOKS["shifted"], name))


def test_a_scene_is_decided_by_seed_and_index() -> None:
    alone = draw_scene(5, 11, "shifted")
    for index in range(11):
        draw_scene(5, index, "shifted")
    again = draw_scene(5, 11, "shifted")
    assert alone.image.tobytes() == again.image.tobytes()
    assert alone.image.tobytes() != draw_scene(6, 11, "shifted").image.tobytes()
    assert alone.image.tobytes() != draw_scene(5, 12, "shifted").image.tobytes()
    code = (
        "import hashlib; from tasks.counting.scenes import draw_scene; "
        "print(hashlib.sha256(draw_scene(5, 11, 'shifted').image.tobytes()).hexdigest())"
    )
    root = Path(__file__).parents[2]
    for seed in ("1", "2"):
        out = subprocess.run(
            [sys.executable, "-c", code], cwd=root, env={"PYTHONHASHSEED": seed}, capture_output=True, check=True
        )
        assert out.stdout.decode().strip() == hashlib.sha256(alone.image.tobytes()).hexdigest()


@pytest.mark.parametrize(("size", "counts"), [(55, (3, 10)), (160, (5, 3)), (160, (-1, 3)), (40, (1, 9))])
def test_what_does_not_fit_is_refused(size: int, counts: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match=r"size|counts"):
        draw_scene(0, 0, size=size, counts=counts)


def test_prompts_keep_their_bytes() -> None:
    assert {name: hashlib.sha256(p.text.encode()).hexdigest()[:12] for name, p in PROMPTS.items()} == {
        "plain": "254e8e2c0aac",
        "direct": "2cb7e70e2aa2",
        "r1v": "1f75276dab01",
    }
