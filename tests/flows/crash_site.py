"""A Prefect server with recto's deployments, on a database of its own, and workers: processes to be killed."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import psutil

PROJECT = Path(__file__).parents[2]
PREFECT = str(Path(sys.executable).with_name("prefect"))
MISSING_SECONDS = 45


def within(seconds: float, true: Callable[[], bool], what: str = "") -> float:
    """Wait until something is true; the seconds that took."""
    started = time.monotonic()
    while not true():
        assert time.monotonic() < started + seconds, what or true
        time.sleep(0.01)
    return time.monotonic() - started


class Site:
    """What is started here writes its log below `root`, and is gone after `close`."""

    def __init__(self, root: Path) -> None:
        from prefect.client.orchestration import SyncPrefectClient

        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.root = root
        self.home = root / "home"
        self._started: list[subprocess.Popen[bytes]] = []
        api = f"http://127.0.0.1:{self.port}/api"
        self.env = {
            **os.environ,
            "PREFECT_HOME": str(root / "prefect"),
            "PREFECT_API_URL": api,
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "PREFECT_SERVER_DEPLOYMENTS_CONCURRENCY_SLOT_WAIT_SECONDS": "3",
            "PREFECT_WORKER_QUERY_SECONDS": "2",
            "RECTO_HOME": str(self.home),
        }
        self.client = SyncPrefectClient(api)
        self.start_server()
        self._call(sys.executable, "-m", "infra.bootstrap", "--missing-seconds", str(MISSING_SECONDS))
        self._call(PREFECT, "--no-prompt", "deploy", "--all")

    def _call(self, *command: str) -> None:
        done = subprocess.run(command, env=self.env, cwd=PROJECT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    def start(self, name: str, *command: str, **env: str) -> subprocess.Popen[bytes]:
        with open(self.root / f"{name}.log", "ab") as log:
            process = subprocess.Popen(
                command, env={**self.env, **env}, cwd=self.root, stdout=log, stderr=log, start_new_session=True
            )
        self._started.append(process)
        return process

    def start_server(self) -> subprocess.Popen[bytes]:
        """The server, once it answers; after a kill it is the same one, on the same database."""
        self.server = self.start("server", PREFECT, "server", "start", "--host", "127.0.0.1", "--port", str(self.port))
        within(180, self._answers, "the server does not come up")
        return self.server

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/api/health", timeout=5):
                return True
        except OSError:
            return False

    def worker(self, pool: str, name: str = "", **env: str) -> subprocess.Popen[bytes]:
        return self.start(
            name or f"{pool}-worker", PREFECT, "worker", "start", "--pool", pool, "--type", "process", **env
        )

    def run(self, deployment: str, parameters: dict[str, Any]) -> UUID:
        found = self.client.read_deployment_by_name(deployment)
        return self.client.create_flow_run_from_deployment(found.id, parameters=parameters).id

    def retry(self, run: UUID) -> None:
        """As the button of the UI does it."""
        from prefect.states import AwaitingRetry

        self.client.set_flow_run_state(run, AwaitingRetry(message="Retry from the UI"))

    def state(self, run: UUID) -> str:
        state = self.client.read_flow_run(run).state
        return state.name if state else ""

    def until(self, run: UUID, true: Callable[[], bool], seconds: float, every: float = 0.01) -> float:
        """Wait until something is true of a run that has not ended before; the seconds that took."""
        started = asked = time.monotonic()
        while not true():
            if time.monotonic() > asked + 2:
                state, asked = self.client.read_flow_run(run).state, time.monotonic()
                if asked > started + seconds or (state and state.is_final() and not true()):
                    told = "\n".join(log.read_text()[-4000:] for log in sorted(self.root.glob("*worker*.log")))
                    raise AssertionError(f"{state} after {asked - started:.0f} s\n{told}")
            time.sleep(every)
        return time.monotonic() - started

    def reaches(self, run: UUID, state: str, seconds: float) -> float:
        """Wait for a run's state; the seconds that took."""
        return self.until(run, lambda: self.state(run) == state, seconds, every=0.5)

    def says(self, run: UUID) -> str:
        """What Prefect keeps of a run's log."""
        body = {"logs": {"flow_run_id": {"any_": [str(run)]}}, "sort": "TIMESTAMP_ASC"}
        return "\n".join(row["message"] for row in self._post("/logs/filter", body))

    def events(self, name: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._post("/events/filter", {"filter": {"event": {"name": [name]}}})["events"]
        return found

    def _post(self, path: str, body: dict[str, Any]) -> Any:
        request = urllib.request.Request(
            f"{self.env['PREFECT_API_URL']}{path}", json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def close(self) -> None:
        for process in self._started:
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            process.wait()


def flow_of(worker: subprocess.Popen[bytes]) -> psutil.Process:
    """The process of the flow run that a worker has started."""
    (flow,) = psutil.Process(worker.pid).children()
    return flow


def kill(*processes: subprocess.Popen[bytes] | psutil.Process) -> None:
    """Without warning, all before any is waited for."""
    for process in processes:
        process.send_signal(signal.SIGKILL)
    for process in processes:
        process.wait()
