"""An untrained model and a few scenes for the tests of GRPO."""

from __future__ import annotations

import io
from typing import Any

from tasks.counting.data import Example
from tasks.counting.scenes import draw_scene
from tasks.model import tiny
from tasks.model.cpu import speed_up


def example(index: int, size: int = 64, counts: tuple[int, int] = (1, 4), seed: int = 3) -> Example:
    scene, file = draw_scene(seed, index, "in", size, counts), io.BytesIO()
    scene.image.save(file, "PNG")
    return Example(file.getvalue(), scene.count, tuple(map(str, scene.items)))


SMALL = tiny.Shape(
    vision_width=48,
    vision_inner=96,
    vision_layers=2,
    vision_heads=2,
    deepstack=(0, 1),
    width=64,
    inner=128,
    layers=2,
    heads=2,
    groups=1,
    rotary=(4, 6, 6),
)


def untrained(shape: tiny.Shape = SMALL) -> tuple[Any, Any]:
    processor = tiny.build_processor(shape=shape)
    return speed_up(tiny.build_model(processor.tokenizer, shape=shape)).eval(), processor
