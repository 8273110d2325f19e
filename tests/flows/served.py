"""`make serve` in a store of its own, and what an operator asks of it over HTTP, as the UI does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx
import psutil
from servers import free_port

PROJECT = Path(__file__).parents[2]
Found = TypeVar("Found")


def wait_until(ask: Callable[[], Found], what: str, seconds: float = 240) -> Found:
    """The first answer that is true."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := ask():
            return found
        time.sleep(0.5)
    raise AssertionError(f"not within {seconds:.0f} s: {what}")


@dataclass
class Served:
    """A running `make serve`."""

    process: subprocess.Popen[bytes]
    home: Path
    ui: str
    reports: str
    log: Path

    def ask(self, method: str, path: str, content: Any = None) -> Any:
        """As Prefect's own client: where the database is locked, again."""
        for _ in range(10):
            answer = httpx.request(method, f"{self.ui}/api{path}", json=content, timeout=60)
            if answer.status_code != 503:
                break
            time.sleep(1)
        assert answer.is_success, f"{path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    def post(self, path: str, content: Any) -> Any:
        return self.ask("POST", path, content)

    def get(self, path: str) -> Any:
        return self.ask("GET", path)

    def deployment(self, name: str) -> dict[str, Any]:
        return {d["name"]: d for d in self.post("/deployments/filter", {})}[name]

    def by_default(self, name: str, parameters: Mapping[str, Any]) -> None:
        """Change a deployment's default parameters."""
        self.ask("PATCH", f"/deployments/{self.deployment(name)['id']}", {"parameters": parameters})

    def start(self, name: str, **parameters: Any) -> str:
        """Start a run as the UI's form does; its id."""
        made = self.post(f"/deployments/{self.deployment(name)['id']}/create_flow_run", {"parameters": parameters})
        return str(made["id"])

    def runs(self, name: str, *states: str) -> list[dict[str, Any]]:
        """Runs of a deployment, oldest first, in these states; none named: in any."""
        of = {"deployments": {"name": {"any_": [name]}}, "sort": "EXPECTED_START_TIME_ASC"}
        found = self.post("/flow_runs/filter", of)
        return [run for run in found if not states or run["state_type"] in states]

    def completed(self, run_id: str) -> dict[str, Any]:
        """The run, once it is over."""
        ends = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")
        run = wait_until(lambda: (r := self.get(f"/flow_runs/{run_id}"))["state_type"] in ends and r, "the run ends")
        assert run["state_type"] == "COMPLETED", f"{run['state']} {self.said()}"
        return dict(run)

    def trained(self, count: int) -> list[dict[str, Any]]:
        """The runs of the training deployment, once so many are there and over."""
        over = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")
        wait_until(lambda: len(self.runs("train", *over)) >= count, f"{count} trainings\n{self.said()}")
        runs = self.runs("train")
        assert [run["state_type"] for run in runs] == ["COMPLETED"] * count, self.said()
        return runs

    def published(self, count: int) -> list[dict[str, Any]]:
        """Payloads of `dataset.published`, oldest first, once there are so many; they come a moment after their run."""
        wanted = {"filter": {"event": {"name": ["dataset.published"]}, "order": "ASC"}}

        def there() -> list[Any] | None:
            events = self.post("/events/filter", wanted)["events"]
            return events if len(events) >= count else None

        found = wait_until(there, f"{count} datasets are published")
        assert len(found) == count
        return [event["payload"] for event in found]

    def artifacts(self, run_id: str) -> dict[str, Any]:
        """What the page of a run shows, by key: its newest data."""
        wanted = {"artifacts": {"flow_run_id": {"any_": [run_id]}}, "sort": "UPDATED_DESC"}
        return {a["key"]: a["data"] for a in reversed(self.post("/artifacts/filter", wanted))}

    def said(self) -> str:
        return self.log.read_text()[-4000:]

    def processes(self) -> list[psutil.Process]:
        """Every process of this store that is alive."""
        found = []
        for process in psutil.process_iter():
            try:
                ours = process.environ().get("RECTO_HOME") == str(self.home)
                if ours and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
            except psutil.Error:
                pass
        return found


@contextmanager
def serve(folder: Path) -> Iterator[Served]:
    """`make serve GPU=1`, without the set-up, as long as this lasts."""
    port, reports = free_port(), free_port()
    home, log = folder / "home", folder / "serve.log"
    env = {k: v for k, v in os.environ.items() if not k.startswith("PREFECT_API")} | {"RECTO_HOME": str(home)}
    command = [sys.executable, "-m", "infra.serve", "--gpu", "--port", str(port), "--reports-port", str(reports)]
    with open(log, "wb") as file:
        process = subprocess.Popen(command, env=env, cwd=PROJECT, stdout=file, stderr=file, start_new_session=True)
    served = Served(process, home, f"http://127.0.0.1:{port}", f"http://127.0.0.1:{reports}", log)
    try:
        wait_until(lambda: "Ctrl-C stops it all" in log.read_text() or process.poll() is not None, "it is up")
        assert process.poll() is None, served.said()
        yield served
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            process.wait(90)
