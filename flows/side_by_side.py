"""Stages side by side: processes of this machine that talk to the server of the flow which starts them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from prefect import get_client
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.task_runners import ProcessPoolTaskRunner, TaskRunner

from tasks.processes import end_with_parent

_THREADS = "OMP_NUM_THREADS"


@contextmanager
def side_by_side(processes: int) -> Iterator[TaskRunner[Any]]:
    """A task runner of so many processes, each of which computes in one thread where it has no GPU.

    Sums over more threads round otherwise, so what a stage leaves does not depend on how many run. They end with the
    flow, also where it is killed: one that went on would write beside the run that takes its place.
    """
    given = os.environ.get(_THREADS)
    os.environ[_THREADS] = "1"
    try:
        with temporary_settings({PREFECT_API_URL: _server()}):  # else each process would start a server of its own
            yield ProcessPoolTaskRunner(max_workers=processes, initializer=end_with_parent)
    finally:
        if given is None:
            del os.environ[_THREADS]
        else:
            os.environ[_THREADS] = given


def _server() -> str:
    """Where the Prefect server is that this flow talks to."""
    with get_client(sync_client=True) as client:
        return str(client.api_url)
