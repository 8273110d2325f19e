"""Scenes drawn by POV-Ray, a program of its own that this look alone needs: shadows, reflections, vehicles.

A drawing of object names in flat colours tells what can be seen: a scene in which an object is small, hidden or cut
off by the frame is not drawn, and the next one tried.
"""

from __future__ import annotations

import resource
import shutil
import subprocess
import tempfile
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image

from tasks.counting.scenes import LOOKS, Domain, Scene, count_at, derived
from tasks.counting.solids import Placed, lit_scene, name_colour, named_scene, place
from tasks.records import StageError, UsageError

MIN_SEEN = 0.004
"""Least share of the image that every object fills: 41 px of 96 x 96, 200 px of 224 x 224."""
MOST = 10
ATTEMPTS = 60
SECONDS = 120
MEMORY = 4 << 30
PROGRAM = "povray"


def draw_solid_scene(
    seed: int, index: int, domain: Domain = "in", size: int = 224, counts: tuple[int, int] = (3, 10)
) -> Scene[Placed]:
    """The scene `index` of a seed; as `scenes.draw_scene`. The same bytes wherever POV-Ray has the same version.

    Raises UsageError where there is no POV-Ray, and StageError where it fails, or finds no scene that shows all.
    """
    rng = derived("povray", domain, seed, index)
    ground = rng.choice(LOOKS[domain].grounds)
    turn = rng.uniform(0, 360)
    for _ in range(ATTEMPTS):
        placed = place(rng, domain, count_at(seed, index, counts), ground)
        if placed is not None and all_seen(placed, turn, size):
            image = _render(lit_scene(placed, domain, ground, turn), size, "+A0.2", "+AM2")
            return Scene(image, ground, placed)
    raise StageError(f"scene {index} of seed {seed}, {domain}: {ATTEMPTS} layouts, in none of which all can be seen")


def all_seen(placed: tuple[Placed, ...], turn: float, size: int) -> bool:
    """Whether every object fills MIN_SEEN of the image, and none touches its border."""
    areas, at_border = seen(placed, turn, size)
    return min(areas, default=size * size) >= MIN_SEEN * size * size and not at_border


def seen(placed: tuple[Placed, ...], turn: float, size: int) -> tuple[list[int], bool]:
    """Pixels that show each object, and whether the image's border shows any."""
    names = np.asarray(_render(named_scene(placed, turn), size, "-A", "File_Gamma=1.0"), float)
    levels = np.rint(names / 127.5).astype(int)
    areas = [int((levels == name_colour(i)).all(2).sum()) for i in range(len(placed))]
    border = (levels[0], levels[-1], levels[:, 0], levels[:, -1])
    return areas, any(bool(edge.any()) for edge in border)


@lru_cache
def version_of_povray() -> str:
    """What draws. Raises UsageError where it is not installed."""
    if (program := shutil.which(PROGRAM)) is None:
        raise UsageError(
            f"look 'povray' is drawn by POV-Ray, and there is no `{PROGRAM}` here: apt-get install povray, "
            "or take look 'flat'"
        )
    told = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=SECONDS, check=False)
    lines = [line for line in (told.stdout + told.stderr).splitlines() if line.startswith("POV-Ray")]
    return lines[0] if lines else "unknown"


def _render(scene: str, size: int, *options: str) -> Image.Image:
    """A scene file drawn by one thread, in SECONDS at most and MEMORY at most."""
    version_of_povray()
    size_and_ways = (f"+W{size}", f"+H{size}", "+FN8", "+WT1", "-D", "-V", "-GA", "+GF")
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "scene.pov").write_text(scene)
        try:
            done = subprocess.run(
                [PROGRAM, "+Iscene.pov", "+Oscene.png", *size_and_ways, *options],
                cwd=folder,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=SECONDS,
                preexec_fn=_limit,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise StageError(f"POV-Ray did not finish a scene of {size} px in {SECONDS} s") from None
        if done.returncode:
            said = [line for line in done.stderr.splitlines() if "rror" in line] or ["it says nothing of why"]
            raise StageError(f"POV-Ray failed (exit {done.returncode}): {said[0]}")
        with Image.open(Path(folder, "scene.png")) as image:
            return image.convert("RGB")


def _limit() -> None:
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY if hard == resource.RLIM_INFINITY else min(MEMORY, hard), hard))
