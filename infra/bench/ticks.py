"""When the updates of a trainer begin. Import after `trainer.prepare_libraries`."""

from __future__ import annotations

import time
from itertools import pairwise
from typing import Any

from transformers import TrainerCallback


class Ticks(TrainerCallback):
    """`warm` updates are left out: in them memory is laid out and kernels are chosen."""

    def __init__(self, warm: int) -> None:
        self.warm = warm
        self.begun: list[float] = []

    def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.begun.append(time.perf_counter())

    @property
    def seconds(self) -> list[float]:
        """Of each update but the last, with all that follows it before the next one."""
        return [b - a for a, b in pairwise(self.begun[self.warm :])]
