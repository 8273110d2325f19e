"""The training log as TensorBoard's event files, written while the run goes.

Import after `trainer.prepare_libraries`.
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from tasks.store import Folder

BOARD = "tensorboard"
_NOT_CURVES = frozenset({"step", "epoch", "num_tokens"})


class Board(TrainerCallback):
    """Writes into `local`, and copies it to the stage folder `folder` where that is elsewhere.

    A run that goes on writes the whole log anew from the checkpoint's, so that no step is there twice; the steps that
    are computed again replace what the killed run had written of them.
    """

    def __init__(self, local: Path, folder: Folder | None) -> None:
        self.local, self.folder = local, folder
        self.writer: Any = None

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        from tensorboardX import SummaryWriter

        shutil.rmtree(self.local, ignore_errors=True)
        # a board that is open drops what it has read before
        self.writer = SummaryWriter(str(self.local), purge_step=0, flush_secs=5)
        for row in state.log_history:
            self._write(row)
        self.writer.flush()

    def on_log(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._write(state.log_history[-1])
        self.writer.flush()

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if self.folder is not None:
            (self.folder / BOARD).delete()
            (self.folder / BOARD).push(self.local)

    def close(self) -> None:
        if self.writer is not None:
            self.writer.close()
            self.on_save(None, None, None)

    def _write(self, row: Mapping[str, Any]) -> None:
        for name, value in row.items():
            if name not in _NOT_CURVES and isinstance(value, int | float) and math.isfinite(value):
                self.writer.add_scalar(name, value, row["step"])
