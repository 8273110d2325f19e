"""The look 'povray'."""

from __future__ import annotations

import os
import random
import shutil
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from tasks.counting import povray
from tasks.counting.data import ScenesConfig, read_scenes, scenes_stage
from tasks.counting.povray import MIN_SEEN, all_seen, draw_solid_scene, seen
from tasks.counting.scenes import LOOKS, Domain, draw_scene
from tasks.counting.solids import PARTS, SIZES, SOLIDS, Placed, name_colour, place
from tasks.records import StageError, UsageError

needs_povray = pytest.mark.skipif(shutil.which("povray") is None, reason="no POV-Ray: apt-get install povray")
DOMAINS: tuple[Domain, ...] = ("in", "shifted")


def ball(x: float, z: float, size: float = 0.7) -> Placed:
    return Placed("sphere", "red", "rubber", size, x, z, 0)


@pytest.mark.parametrize("domain", DOMAINS)
def test_ten_objects_find_room_and_do_not_touch(domain: Domain) -> None:
    found = [place(random.Random(i), domain, 10, LOOKS[domain].grounds[0]) for i in range(20)]
    assert sum(placed is not None for placed in found) >= 15
    for placed in filter(None, found):
        assert {item.shape for item in placed} <= set(SOLIDS[domain]) <= set(PARTS)
        assert {item.size for item in placed} <= set(SIZES[domain])
        for i, one in enumerate(placed):
            for other in placed[:i]:
                assert np.hypot(one.x - other.x, one.z - other.z) > one.size + other.size


def test_no_two_of_ten_objects_have_one_name_colour() -> None:
    assert len({name_colour(i) for i in range(povray.MOST)} | {(0, 0, 0)}) == povray.MOST + 1


@needs_povray
def test_what_can_be_seen_is_measured() -> None:
    areas, at_border = seen((ball(-1.5, 0), ball(1.5, 0)), 0, 64)
    assert areas[0] == pytest.approx(areas[1], rel=0.15)
    assert not at_border
    # the camera stands at negative z: the second ball is behind the first, smaller and close
    hidden, _ = seen((ball(0, 0), ball(0, 1.0, 0.3)), 0, 64)
    assert hidden[0] == pytest.approx(areas[0], rel=0.15)
    assert hidden[1] < MIN_SEEN * 64 * 64
    assert not all_seen((ball(0, 0), ball(0, 1.0, 0.3)), 0, 64)
    assert seen((ball(-4.7, 0), ball(1.5, 0)), 0, 64)[1]


@needs_povray
@pytest.mark.parametrize("domain", DOMAINS)
def test_a_solid_scene_is_decided_by_seed_and_index(domain: Domain) -> None:
    scene = draw_solid_scene(2, 1, domain, 64, (3, 10))
    assert scene.image.size == (64, 64)
    assert scene.count == draw_scene(2, 1, domain, 160, (3, 10)).count
    assert draw_solid_scene(2, 1, domain, 64, (3, 10)).image.tobytes() == scene.image.tobytes()
    assert draw_solid_scene(3, 1, domain, 64, (3, 10)).image.tobytes() != scene.image.tobytes()


@needs_povray
def test_solid_scenes_are_kept_as_flat_ones_are(store: Path) -> None:
    config = ScenesConfig(look="povray", images=2, size=48, counts=(3, 4))
    examples = read_scenes(scenes_stage(config, workers=2))
    assert sorted(e.count for e in examples) == [3, 4]
    assert examples[0].image.tobytes() == draw_solid_scene(0, 0, "in", 48, (3, 4)).image.tobytes()


def test_without_povray_there_is_one_clear_error(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    povray.version_of_povray.cache_clear()
    monkeypatch.setattr(povray, "PROGRAM", "no-such-povray")
    with pytest.raises(UsageError, match="apt-get install povray, or take look 'flat'"):
        scenes_stage(ScenesConfig(look="povray", images=1))


@pytest.mark.parametrize(
    ("program", "error"),
    [
        ("sleep 60", "did not finish a scene of 64 px"),
        ("echo 'Parse Error: no' >&2; exit 3", r"exit 3.*Parse Error: no"),
    ],
)
def test_a_failing_program_is_stopped_and_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str, error: str
) -> None:
    povray.version_of_povray.cache_clear()
    script = tmp_path / "povray"
    script.write_text(f'#!/bin/sh\n[ "$1" = --version ] && exit\n{program.replace("sleep", "exec sleep")}\n')
    script.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setattr(povray, "SECONDS", 1)
    with pytest.raises(StageError, match=error):
        draw_solid_scene(0, 0, size=64)
    povray.version_of_povray.cache_clear()


def test_more_objects_than_have_a_name_are_refused() -> None:
    with pytest.raises(ValidationError, match="at most 10"):
        ScenesConfig(look="povray", counts=(3, 12), size=224)
