"""What happens during training besides training: checkpoints go to the store, a bar moves, the log grows by what the
trainer does not measure, nonsense stops the run."""

from __future__ import annotations

import logging
import math
import shutil
import time
from collections import deque
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from tasks.progress import Progress
from tasks.store import Folder
from tasks.train.adapter import adapter_parameters, gradient_norms
from tasks.train.checkpoints import push_checkpoint
from tasks.train.guards import check_finite, check_gradients
from tasks.train.watch import SEEN, newest_warnings

WITHOUT = 3
"""Steps without a gradient after which a part of the adapter is taken for cut off."""

log = logging.getLogger(__name__)


class PushCheckpoints(TrainerCallback):
    def __init__(self, checkpoints: Folder) -> None:
        self.checkpoints = checkpoints

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        local = Path(args.output_dir) / f"checkpoint-{state.global_step}"
        # beside a second adapter's folder transformers would not restore the first; and trl copies it anew at the start
        shutil.rmtree(local / "ref", ignore_errors=True)
        push_checkpoint(local, state.global_step, self.checkpoints)
        shutil.rmtree(local)


class StopAtNonsense(TrainerCallback):
    """The log comes before the checkpoint, so that nothing of a step that failed is kept."""

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **_: Any) -> None:
        check_finite(state.global_step, logs or {})


class WatchGradients(TrainerCallback):
    """The norm of each part of the adapter's gradient, before it is clipped, in the log as grad_norm/<part>."""

    def __init__(self) -> None:
        self.norms: dict[str, float] = {}
        self.telling: deque[dict[str, float]] = deque(maxlen=WITHOUT)

    def on_train_begin(self, args: Any, state: Any, control: Any, model: Any = None, **_: Any) -> None:
        self.parts = adapter_parameters(model)

    def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.norms = gradient_norms(self.parts)
        if any(self.norms.values()):  # a step without a signal tells nothing of any part
            self.telling.append(self.norms)
        if len(self.telling) == WITHOUT:
            check_gradients(state.global_step + 1, self.telling)

    def on_log(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        row = state.log_history[-1]
        if self.norms and "loss" in row:
            # they were taken after the gradient was clipped, the trainer's own norm before
            clipped = math.hypot(*self.norms.values()) or 1.0
            row |= {f"grad_norm/{part}": norm / clipped * row["grad_norm"] for part, norm in self.norms.items()}


class Count(TrainerCallback):
    """A step's tokens and seconds, in the log as tokens and step_time; and as cpu_time the CPU seconds of the process,
    of all its threads, since the step before."""

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        # SFT's trainer counts anew after a resume, GRPO's goes on from the checkpoint's count
        self.counted = state.num_input_tokens_seen
        self.worked = time.process_time()

    def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.begun = time.monotonic()

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **_: Any) -> None:
        row = state.log_history[-1]
        if "loss" not in row:
            return
        counted = row.pop("num_tokens", self.counted)
        row["tokens"], self.counted = int(counted - self.counted), counted
        row.setdefault("step_time", round(time.monotonic() - self.begun, 4))
        worked = time.process_time()
        row["cpu_time"], self.worked = round(worked - self.worked, 4), worked


class Warn(TrainerCallback):
    """Tells what the newest row of the log warns of."""

    def on_log(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if rows := [row for row in state.log_history[-SEEN - 1 :] if "loss" in row]:
            for warned in newest_warnings(rows):
                log.warning("step %d: %s", warned.step, warned.says)


class Bar(TrainerCallback):
    """Shows how far training is, with the newest value of `shown`."""

    def __init__(self, name: str, shown: str) -> None:
        self.name, self.shown = name, shown
        self.opened = ExitStack()

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        progress = Progress(self.name, f"{self.name}, steps", state.max_steps, state.global_step)
        self.progress, self.step = self.opened.enter_context(progress), state.global_step

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **_: Any) -> None:
        if isinstance(value := (logs or {}).get(self.shown), float):
            self.progress.advance(state.global_step - self.step, f"{self.shown} {value:.3f}")
            self.step = state.global_step

    def close(self) -> None:
        self.opened.close()
