"""`make serve`: a Prefect server of its own, the deployments, workers, and the reports over HTTP, until it is stopped.

The server keeps its database in the store (PREFECT_HOME), listens on the loopback only and reports to nobody.
"""

from __future__ import annotations

import argparse
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import FrameType

import psutil

from infra.environment import prepare
from infra.reports import HOST, serve_reports
from tasks.records import StageError, UsageError
from tasks.store import home

PROJECT = Path(__file__).parents[1]
PREFECT = str(Path(sys.executable).with_name("prefect"))
START_SECONDS, STOP_SECONDS = 180, 20


class Program:
    """A program that is started now, and stopped with all that it started."""

    def __init__(self, name: str, *arguments: str) -> None:
        self.name = name
        # a group of its own: Ctrl-C reaches us alone, and we stop the programs in their order
        self._process = subprocess.Popen([PREFECT, *arguments], cwd=PROJECT, start_new_session=True)

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    def stop(self) -> None:
        """Ask it and what it started to end, then make them."""
        if not self.running:
            return
        own = psutil.Process(self._process.pid)
        family = [own, *own.children(recursive=True)]
        for ask in (psutil.Process.terminate, psutil.Process.kill):
            for process in family:
                try:
                    ask(process)
                except psutil.NoSuchProcess:
                    pass
            _, family = psutil.wait_procs(family, STOP_SECONDS)
        self._process.wait()


def free(port: int, option: str) -> int:
    """The port. Raises UsageError where something listens on it."""
    with socket.socket() as asked:
        asked.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            asked.bind((HOST, port))
        except OSError as e:
            raise UsageError(
                f"port {port}: {e.strerror}; stop what listens there, or 'make serve {option}=N'"
            ) from None
    return port


def wait_for(url: str, program: Program) -> None:
    """Wait until a URL answers. Raises StageError where the program ends before, or it takes too long."""
    deadline = time.monotonic() + START_SECONDS
    while program.running and time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except OSError:
            time.sleep(0.3)
    raise StageError(f"the {program.name} did not come up; what it said stands above")


def deploy() -> None:
    """Deploy what prefect.yaml holds. Raises StageError with what Prefect says where it cannot."""
    command = [PREFECT, "--no-prompt", "deploy", "--all"]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise StageError(f"'prefect deploy --all' failed: {(done.stdout + done.stderr).strip()}")


def serve(port: int, reports_port: int, pools: Sequence[str]) -> None:
    """Run it all until SIGINT or SIGTERM, or until a program of it ends, which is a StageError."""
    free(port, "PORT")
    free(reports_port, "REPORTS_PORT")
    prepare()
    os.environ.setdefault("PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT", "false")
    os.environ["RECTO_HOME"] = home()
    ui = f"http://{HOST}:{port}"
    os.environ["PREFECT_API_URL"] = f"{ui}/api"
    with ExitStack() as stack:
        os.environ["RECTO_REPORTS_URL"] = reports = stack.enter_context(serve_reports(reports_port))

        def start(name: str, *arguments: str) -> Program:
            program = Program(name, *arguments)
            stack.callback(program.stop)
            return program

        programs = [start("server", "server", "start", "--host", HOST, "--port", str(port))]
        wait_for(f"{ui}/api/health", programs[0])
        from infra.bootstrap import bootstrap  # imports Prefect, which reads its settings from the environment

        for line in bootstrap():
            print(line, flush=True)
        deploy()
        programs += [
            start(f"{pool} worker", "worker", "start", "--pool", pool, "--name", f"{pool} here") for pool in pools
        ]
        print(f"\nPrefect UI: {ui}\nReports:    {reports}\nStore:      {home()}\nWorkers:    {', '.join(pools)}")
        if "gpu" not in pools:
            print("Training and evaluation wait for a worker on pool gpu; 'make serve GPU=1' starts one here as well")
        print("Ctrl-C stops it all\n", flush=True)
        while all(program.running for program in programs):
            time.sleep(0.5)
        ended = next(program.name for program in programs if not program.running)
        raise StageError(f"the {ended} ended by itself; what it said stands above")


def _stop(number: int, _: FrameType | None) -> None:
    signal.signal(number, signal.SIG_IGN)  # a second one would break off the stopping
    raise KeyboardInterrupt


def main() -> int:
    parser = argparse.ArgumentParser(prog="make serve", description=__doc__)
    parser.add_argument("--gpu", action="store_true", help="also run what waits on pool gpu; without a GPU on the CPU")
    parser.add_argument("--port", type=int, default=4200, help="of the UI and the API (default: %(default)s)")
    parser.add_argument("--reports-port", type=int, default=4201, help="of the reports (default: %(default)s)")
    arguments = parser.parse_args()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop)
    try:
        serve(arguments.port, arguments.reports_port, ("cpu", "gpu") if arguments.gpu else ("cpu",))
    except KeyboardInterrupt:
        print("stopped")
        return 0
    except (UsageError, StageError) as e:
        print(f"recto: {e}", file=sys.stderr)
        return 2 if isinstance(e, UsageError) else 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
