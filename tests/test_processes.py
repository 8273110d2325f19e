"""Processes that a run starts end with it, also where it is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

# each program's pool writes its process's id, and would go on for a minute
SLOW = """
import os, sys, time
from pathlib import Path

def slow(*_):
    Path(sys.argv[1]).write_text(str(os.getpid()))
    time.sleep(60)
"""
FLOW = """
from prefect import flow, task
from flows.side_by_side import side_by_side
from slow import slow

work = task(slow)

@flow
def study():
    with side_by_side(1) as at_once:
        cells.with_options(task_runner=at_once)()

@flow
def cells():
    work.submit().result()
"""
SPAWNED = """
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from slow import slow
from tasks.processes import end_with_parent

ProcessPoolExecutor(1, get_context("spawn"), end_with_parent).submit(slow).result()
"""
DRAWING = """
from slow import slow
from tasks.render.pool import draw_all
from tasks.render_config import RenderConfig

list(draw_all([(None, None)], RenderConfig(), 1, task=slow))
"""


@pytest.mark.parametrize("program", [SPAWNED, DRAWING], ids=["spawned", "drawing"])
def test_a_killed_run_leaves_no_process(program: str, tmp_path: Path) -> None:
    _killed(program, os.environ, tmp_path)


def test_a_killed_study_leaves_no_cell_running(prefect_server: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "study.py").write_text(FLOW)
    _killed("import study; study.study()", prefect_server, tmp_path)


def _killed(program: str, env: Mapping[str, str], tmp_path: Path) -> None:
    (tmp_path / "slow.py").write_text(SLOW)
    told = tmp_path / "pid"
    run = subprocess.Popen(
        [sys.executable, "-c", program, str(told)], env={**env, "PYTHONPATH": str(tmp_path)}, cwd=tmp_path
    )
    try:
        _within(60, lambda: told.exists() and bool(told.read_text()))
    finally:
        run.send_signal(signal.SIGKILL)
    _within(20, lambda: not _runs(int(told.read_text())))


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def _within(seconds: float, true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)
