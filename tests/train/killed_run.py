"""A training stage in a process of its own, which is killed as soon as a checkpoint is complete."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from tasks.records import StageRef
from tasks.train.checkpoints import MARKER
from tasks.train_config import GrpoRun, SftRun

PROGRAM = """
import sys
import torch
torch.set_num_threads(1)
from tasks.train_config import GrpoRun, SftRun
from tasks.records import StageRef
from tasks.train.{stage} import {stage}_stage
config = {kind}.model_validate_json(sys.argv[1])
{stage}_stage(config, *(StageRef(*ref.split("|"), counts={{}}) for ref in sys.argv[2:]))
"""


def run_until_killed(stage: str, config: SftRun | GrpoRun, inputs: list[StageRef], home: Path) -> list[str]:
    """SIGKILL after the first complete checkpoint; the files under the store's checkpoints."""
    program = PROGRAM.format(stage=stage, kind=type(config).__name__)
    refs = [f"{ref.uri}|{ref.digest}" for ref in inputs]
    environment = {**os.environ, "RECTO_HOME": str(home)}
    process = subprocess.Popen([sys.executable, "-c", program, config.model_dump_json(), *refs], env=environment)
    deadline = time.monotonic() + 200
    while process.poll() is None and time.monotonic() < deadline:
        if any(home.glob(f"{stage}/*/checkpoints/*/{MARKER}")):
            process.send_signal(signal.SIGKILL)
            break
        time.sleep(0.005)
    assert process.wait(30) == -signal.SIGKILL
    return sorted(path.relative_to(home).as_posix() for path in home.glob(f"{stage}/*/checkpoints/*/*"))
