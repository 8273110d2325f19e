"""What happens during training besides training: checkpoints go to the store, a bar moves, nonsense stops the run."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from transformers import TrainerCallback

from tasks.store import Folder
from tasks.train.checkpoints import push_checkpoint
from tasks.train.guards import check_finite


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


class Bar(TrainerCallback):
    """A progress bar with the newest value of `shown`, on a terminal only."""

    def __init__(self, name: str, shown: str) -> None:
        self.name, self.shown = name, shown
        self.progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[value]}"),
            console=Console(stderr=True),
            disable=not sys.stderr.isatty(),
        )

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.task = self.progress.add_task(self.name, total=state.max_steps, completed=state.global_step, value="")
        self.progress.start()

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **_: Any) -> None:
        if isinstance(value := (logs or {}).get(self.shown), float):
            self.progress.update(self.task, completed=state.global_step, value=f"{self.shown} {value:.3f}")

    def close(self) -> None:
        self.progress.stop()
