"""`python -m infra.gpu.worker`: what a GPU machine runs. It checks the GPU, starts a Prefect worker, and goes when
there is no work or no money left; a pod at RunPod then removes itself.

The environment says how: PREFECT_API_URL (and PREFECT_API_AUTH_STRING), RECTO_HOME, RECTO_POOL (gpu), RECTO_GPU_MEMORY
(least GiB), RECTO_IDLE_MINUTES (0: never goes), RECTO_UNTIL (ISO time; empty: never).
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import FrameType
from typing import NoReturn

import psutil

from infra.gpu.check import check_gpu
from infra.gpu.runpod import RunPod
from tasks.records import StageError, UsageError

PREFECT = str(Path(sys.executable).with_name("prefect"))
LOOK_SECONDS = 15.0
"""Between two looks at the queue."""
LEAVE_SECONDS = 60.0
"""Runs that are stopped have so long to say so."""
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
        name = ""
        try:
            name = "RECTO_GPU_MEMORY"
            least = float(environment.get(name) or 0)
            name = "RECTO_IDLE_MINUTES"
            idle = timedelta(minutes=float(environment.get(name) or 0))
            name = "RECTO_UNTIL"
            until = datetime.fromisoformat(environment[name]).astimezone(UTC) if environment.get(name) else None
        except ValueError as e:
            raise UsageError(f"{name}: {e}") from None
        return cls(environment.get("RECTO_POOL") or "gpu", least, idle, until)


def due(pool: str, ahead: timedelta) -> int:
    """How many runs a worker of the pool would be given from now until then; what is paused or over a limit is not.

    Raises StageError, in one line, where the API does not answer, refuses the password, or has no such pool.
    """
    import httpx
    from prefect import get_client
    from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError

    try:
        with get_client(sync_client=True) as client:
            return len(client.get_scheduled_flow_runs_for_work_pool(pool, scheduled_before=datetime.now(UTC) + ahead))
    except ObjectNotFound:
        raise StageError(f"the Prefect API has no work pool {pool}; `python -m infra.bootstrap` makes it") from None
    except PrefectHTTPStatusError as e:
        code = e.response.status_code
        if code in (401, 403):
            raise StageError("the Prefect API refuses PREFECT_API_AUTH_STRING; it is the server's own") from None
        raise StageError(f"the Prefect API answers {code}") from None
    except (httpx.HTTPError, OSError, RuntimeError) as e:
        raise StageError(f"the Prefect API does not answer ({type(e).__name__}); is PREFECT_API_URL right?") from None


def watch(worker: subprocess.Popen[bytes], settings: Settings) -> str:
    """Wait until the worker has ended, has had nothing to do for long enough, or its time is up; says which.

    It has something to do while a run is its child, or one is due within the time that it may idle. An API that does
    not answer gives no work.
    """
    idle_since = datetime.now(UTC)
    while True:
        now = datetime.now(UTC)
        if worker.poll() is not None:
            raise StageError(f"the worker ended with {worker.returncode}; what it said is above")
        if settings.until and now >= settings.until:
            return "its time is up"
        if psutil.Process(worker.pid).children() or _due(settings):
            idle_since = now
        elif settings.idle and now - idle_since >= settings.idle:
            return f"no work for {settings.idle.total_seconds() / 60:g} minutes"
        time.sleep(LOOK_SECONDS)


def _due(settings: Settings) -> int:
    if not settings.idle:
        return 0
    try:
        return due(settings.pool, settings.idle)
    except StageError as e:
        _say(str(e))
        return 0


def end(worker: subprocess.Popen[bytes], until: datetime | None) -> None:
    """End the worker: it takes nothing new, and finishes what it took, until the time is up. Then its runs are ended
    too, with time to say that they crashed, and last whatever is left."""
    worker.terminate()
    try:
        worker.wait(max((until - datetime.now(UTC)).total_seconds(), 0) if until else None)
        return
    except subprocess.TimeoutExpired:
        pass
    for run in psutil.Process(worker.pid).children():
        run.terminate()
    try:
        worker.wait(LEAVE_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(worker.pid, signal.SIGKILL)
        worker.wait()


def work(settings: Settings) -> None:
    """Check the GPU and the API, then work. Raises StageError or UsageError, one line each."""
    _say(check_gpu(settings.least_gib))
    due(settings.pool, settings.idle)
    command = [PREFECT, "worker", "start", "--pool", settings.pool, "--type", "process"]
    worker = subprocess.Popen(command, start_new_session=True)
    try:
        _say(f"{watch(worker, settings)}; the worker ends")
        end(worker, settings.until)
    except KeyboardInterrupt:
        end(worker, datetime.now(UTC))
        raise


def main() -> int:
    """0 when there is no more to do or it was told to end, else 1 or 2, as the recto command."""
    signal.signal(signal.SIGTERM, _interrupt)
    idle, code = LINGER, 0
    try:
        try:
            settings = Settings.of(os.environ)
            idle = settings.idle or LINGER
            work(settings)
        except (StageError, UsageError) as e:
            code = 2 if isinstance(e, UsageError) else 1
            _say(str(e))
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
