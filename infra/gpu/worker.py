"""`python -m infra.gpu.worker`: what a GPU machine runs. It checks the GPU, starts a Prefect worker for each run that
is due, and goes when there is no work or no money left; a pod at RunPod then removes itself.

The environment says how: PREFECT_API_URL (and PREFECT_API_AUTH_STRING), RECTO_HOME, RECTO_POOL (gpu), RECTO_GPU_MEMORY
(least GiB), RECTO_IDLE_MINUTES (0: never goes), RECTO_UNTIL (ISO time; empty: never).
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import FrameType
from typing import NoReturn, TypeVar

import psutil

from infra.gpu.check import check_gpu
from infra.gpu.runpod import RunPod
from tasks.records import StageError, UsageError

Value = TypeVar("Value")

PREFECT = str(Path(sys.executable).with_name("prefect"))
LOOK_SECONDS = 15.0
"""Between two looks at the queue."""
PREFETCH = timedelta(seconds=10)
"""A run is taken so long before it is due, as Prefect's worker does."""
LEAVE_SECONDS = 60.0
"""A run that is ended has so long to say so."""
LINGER = timedelta(minutes=10)
"""A pod that could not work stands so long, where nothing else is said, for its log to be read."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What the environment says."""

    pool: str = "gpu"
    least_gib: float = 0
    idle: timedelta = timedelta(0)
    until: datetime | None = None

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Settings:
        """Raises UsageError naming the variable that is missing or cannot be read."""
        if not environment.get("PREFECT_API_URL"):
            raise UsageError("PREFECT_API_URL is empty; name the Prefect API that gives this worker its work")
        least, idle, until = (
            _read(environment, "RECTO_GPU_MEMORY", float),
            _read(environment, "RECTO_IDLE_MINUTES", float),
            _read(environment, "RECTO_UNTIL", datetime.fromisoformat),
        )
        pool = environment.get("RECTO_POOL") or "gpu"
        return cls(pool, least or 0, timedelta(minutes=idle or 0), until.astimezone(UTC) if until else None)


def _read(environment: Mapping[str, str], name: str, parse: Callable[[str], Value]) -> Value | None:
    try:
        return parse(environment[name]) if environment.get(name) else None
    except ValueError as e:
        raise UsageError(f"{name}: {e}") from None


def due(pool: str, ahead: timedelta) -> datetime | None:
    """When the first run is due that a worker of the pool would be given from now until then; what is paused or over a
    limit is not.

    Raises StageError, in one line, where the API does not answer, refuses the password, or has no such pool.
    """
    import httpx
    from prefect import get_client
    from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError

    until = datetime.now(UTC) + ahead
    try:
        with get_client(sync_client=True) as client:
            found = client.get_scheduled_flow_runs_for_work_pool(pool, scheduled_before=until)
    except ObjectNotFound:
        raise StageError(f"the Prefect API has no work pool {pool}; `python -m infra.bootstrap` makes it") from None
    except PrefectHTTPStatusError as e:
        code = e.response.status_code
        if code in (401, 403):
            raise StageError("the Prefect API refuses PREFECT_API_AUTH_STRING; it is the server's own") from None
        raise StageError(f"the Prefect API answers {code}") from None
    except (httpx.HTTPError, OSError, RuntimeError, ValueError) as e:  # ValueError: what answers is no Prefect API
        raise StageError(f"the Prefect API does not answer ({type(e).__name__}); is PREFECT_API_URL right?") from None
    return min((answer.flow_run.next_scheduled_start_time or until for answer in found), default=None)


def work(settings: Settings) -> str:
    """Take what is due, until there was nothing for long enough or the time is up; says which.

    A run that is due within the time that the machine may idle keeps it. An API that does not answer gives no work, and
    a worker that fails did none.
    """
    idle_since = datetime.now(UTC)
    while True:
        now = datetime.now(UTC)
        if settings.until and now >= settings.until:
            return "its time is up"
        first = _due(settings)
        if first and (first > now + PREFETCH or take(settings)):
            idle_since = datetime.now(UTC)
        elif settings.idle and datetime.now(UTC) - idle_since >= settings.idle:
            return f"no work for {settings.idle.total_seconds() / 60:g} minutes"
        time.sleep(LOOK_SECONDS)


def _due(settings: Settings) -> datetime | None:
    try:
        return due(settings.pool, max(settings.idle, PREFETCH))
    except StageError as e:
        _say(str(e))
        return None


def take(settings: Settings) -> bool:
    """Take one run with a Prefect worker that lasts as long as the run, and at the latest until the time is up; whether
    the worker could.

    A worker that stays might take the next run while it is being ended, and leave it pending for ever.
    """
    name = ["--name", socket.gethostname(), "--pool", settings.pool, "--type", "process"]
    worker = subprocess.Popen([PREFECT, "worker", "start", *name, "--limit", "1", "--run-once"], start_new_session=True)
    try:
        left = settings.until - datetime.now(UTC) if settings.until else None
        worker.wait(max(left.total_seconds(), 0) if left else None)
    except subprocess.TimeoutExpired:
        _end(worker)
    except KeyboardInterrupt:
        _end(worker)
        raise
    else:
        if worker.returncode:
            _say(f"the Prefect worker ended with {worker.returncode}; what it said is above")
            return False
    return True


def _end(worker: subprocess.Popen[bytes]) -> None:
    """End the worker's run, which says that it crashed, or the worker does; signalled itself, the worker would end the
    run without a word. Whatever is left after a while is killed."""
    ended: set[int] = set()
    last = time.monotonic() + LEAVE_SECONDS
    while worker.poll() is None and time.monotonic() < last:
        for run in psutil.Process(worker.pid).children():
            if run.pid not in ended:
                ended.add(run.pid)
                with suppress(psutil.NoSuchProcess):
                    run.terminate()
        time.sleep(0.1)
    if worker.poll() is None:
        os.killpg(worker.pid, signal.SIGKILL)
        worker.wait()


def main() -> int:
    """0 when there is no more to do or it was told to end, else 1 or 2, as the recto command."""
    signal.signal(signal.SIGTERM, _interrupt)
    idle, code = LINGER, 0
    try:
        try:
            settings = Settings.of(os.environ)
            idle = settings.idle or LINGER
            _say(check_gpu(settings.least_gib))
            due(settings.pool, settings.idle)
            _say(f"{work(settings)}; it ends")
        except (StageError, UsageError) as e:
            code = 2 if isinstance(e, UsageError) else 1
            _say(str(e))
        except Exception as e:  # whatever it is, a pod that stands costs money
            code = 1
            _say(f"{type(e).__name__}: {e}")
        if pod := os.environ.get("RUNPOD_POD_ID"):
            if code:
                _say(f"this pod, and with it this log, goes in {idle.total_seconds() / 60:g} minutes")
                time.sleep(idle.total_seconds())
            RunPod.from_environment().terminate(pod)
    except (StageError, UsageError) as e:
        _say(f"this pod could not be removed: {e}")
        code = 1
    except KeyboardInterrupt:
        pass
    return code


def _interrupt(_: int, __: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def _say(line: str) -> None:
    print(f"recto gpu worker: {line}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
