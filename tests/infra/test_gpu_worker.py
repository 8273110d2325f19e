"""What a GPU machine runs: its check of the GPU, and when it goes. The Prefect worker is played by a short program."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from doubles.faults import Fault, Service
from doubles.runpod import RunPod
from pod_values import KEY

from infra.gpu import worker
from infra.gpu.worker import Settings
from tasks.records import StageError, UsageError

TORCH = """
class version: cuda = "13.0"
class device: name, total_memory, major, minor = "NVIDIA {name}", {gib} * 2**30, {major}, 6
class tensor:
    def __init__(self, n): self.n = n
    def sum(self): return self
    def item(self): return self.n
float32 = None
def ones(n, **_): return tensor(n)
class cuda:
    def init(): {init}
    def get_device_properties(_): return device
    def is_bf16_supported(including_emulation): return device.major >= 8
"""
# takes one run and ends with it, as `prefect worker start --run-once` does; a signal ends both without a word
WORKER = """#!{python}
import subprocess, sys
subprocess.run({run!r})
sys.exit({ends})
"""
RUN = """
import signal, sys, time, pathlib
signal.signal(signal.SIGTERM, lambda *_: sys.exit(pathlib.Path({file!r}).write_text("crashed")))
time.sleep({seconds})
pathlib.Path({file!r}).write_text("done")
"""


@pytest.fixture
def pod(account: RunPod, service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """This machine as a pod whose GPU is fine and whose pool is empty; the file where a run says how it ended."""
    account.pods["pod1"] = {"id": "pod1", "name": "recto-gpu", "desiredStatus": "RUNNING", "costPerHr": 0.39}
    monkeypatch.setattr(worker, "LOOK_SECONDS", 0.02)
    monkeypatch.setattr(worker, "check_gpu", lambda gib: "NVIDIA A40")
    monkeypatch.setattr(worker, "due", Queue())
    monkeypatch.setattr(worker, "PREFECT", str(tmp_path / "prefect"))
    for name, value in {"RUNPOD_POD_ID": "pod1", "RECTO_IDLE_MINUTES": "0.003", "RECTO_UNTIL": ""}.items():
        monkeypatch.setenv(name, value)
    before = signal.getsignal(signal.SIGTERM)
    yield tmp_path / "run"
    signal.signal(signal.SIGTERM, before)


class Queue:
    """What the API says each time it is asked: in how many seconds the first run is due, None for none, or an error."""

    def __init__(self, *answers: float | StageError | None) -> None:
        self.answers = list(answers)

    def __call__(self, pool: str, ahead: timedelta) -> datetime | None:
        assert pool == "gpu"
        answer = self.answers.pop(0) if self.answers else None
        if isinstance(answer, StageError):
            raise answer
        return None if answer is None else datetime.now(UTC) + timedelta(seconds=answer)


def play(file: Path, seconds: float, ends: int = 0) -> None:
    """Put a worker in place that takes a run of so many seconds, and ends with a code; one run is due."""
    run = [sys.executable, "-c", RUN.format(file=str(file), seconds=seconds)]
    path = Path(worker.PREFECT)
    path.write_text(WORKER.format(python=sys.executable, run=run, ends=ends))
    path.chmod(0o755)


def test_a_pod_takes_what_is_due_and_removes_itself_when_there_is_nothing_more(
    pod: Path, account: RunPod, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(worker, "due", Queue(None, None, 0))
    play(pod, seconds=0.7)
    assert worker.main() == 0
    assert pod.read_text() == "done"
    assert not account.pods
    assert "no work for 0.003 minutes; it ends" in capfd.readouterr().err


def test_what_is_due_soon_keeps_it_and_an_api_that_is_silent_does_not(
    pod: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    queue = Queue(None, *[60] * 40, *[StageError("the Prefect API does not answer (ConnectError)")] * 1000)
    monkeypatch.setattr(worker, "due", queue)
    play(pod, seconds=0)
    assert worker.main() == 0
    assert not pod.exists(), "what is due later was taken"
    assert 0 < len(queue.answers) < 1000
    assert "does not answer (ConnectError)" in capfd.readouterr().err


@pytest.mark.parametrize("how", ["until", "signal"])
def test_a_run_that_is_under_way_is_ended_and_can_say_so(
    pod: Path, account: RunPod, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.setattr(worker, "due", Queue(None, 0))
    if how == "until":
        monkeypatch.setenv("RECTO_UNTIL", (datetime.now(UTC) + timedelta(seconds=1)).isoformat())
    else:
        threading.Timer(1, os.kill, (os.getpid(), signal.SIGTERM)).start()
    play(pod, seconds=60)
    assert worker.main() == 0
    assert pod.read_text() == "crashed"
    # whoever sent the signal stops the pod, and may want it again
    assert list(account.pods) == ([] if how == "until" else ["pod1"])


def test_a_worker_that_fails_is_said_and_did_no_work(
    pod: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(worker, "due", Queue(None, *[0] * 1000))
    play(pod, seconds=0, ends=3)
    assert worker.main() == 0
    said = capfd.readouterr().err
    assert "the Prefect worker ended with 3" in said
    assert "no work for 0.003 minutes; it ends" in said


def test_a_pod_that_cannot_work_says_why_and_goes_too(
    pod: Path, account: RunPod, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(worker, "due", Queue(StageError("the Prefect API refuses PREFECT_API_AUTH_STRING")))
    assert worker.main() == 1
    assert capfd.readouterr().err.splitlines()[1:] == [
        "recto gpu worker: the Prefect API refuses PREFECT_API_AUTH_STRING",
        "recto gpu worker: this pod, and with it this log, goes in 0.003 minutes",
    ]
    assert not account.pods


def test_a_pod_that_cannot_be_removed_is_said(
    pod: Path, service: Service, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    service.faults.always(Fault(401))
    play(pod, seconds=0)
    assert worker.main() == 1
    said = capfd.readouterr().err
    assert "this pod could not be removed: RunPod refuses RUNPOD_API_KEY" in said
    assert KEY not in said


def test_a_machine_that_is_no_pod_only_ends(pod: Path, account: RunPod, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RUNPOD_POD_ID")
    play(pod, seconds=0)
    assert worker.main() == 0
    assert list(account.pods) == ["pod1"]


def test_settings_that_cannot_be_read_name_their_variable() -> None:
    with pytest.raises(UsageError, match="PREFECT_API_URL is empty"):
        Settings.of({})
    for name in ("RECTO_GPU_MEMORY", "RECTO_IDLE_MINUTES", "RECTO_UNTIL"):
        with pytest.raises(UsageError, match=name):
            Settings.of({"PREFECT_API_URL": "http://server/api", name: "soon"})


def entry(path: str, **environment: str) -> tuple[int, list[str]]:
    """The entry as a process, with modules of a folder before all others: its exit code and the lines that it said."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("RECTO_", "RUNPOD_", "PREFECT_API"))}
    env = {**inherited, "PYTHONPATH": path, "PREFECT_API_URL": "http://127.0.0.1:9/api", **environment}
    command = [sys.executable, "-m", "infra.gpu.worker"]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=120, check=False)
    return done.returncode, done.stderr.splitlines()


@pytest.mark.parametrize(
    ("torch", "line"),
    [
        ({"name": "T4", "gib": 15, "major": 7}, "NVIDIA T4 (compute capability 7.6) has no bfloat16;"),
        ({"name": "A10", "gib": 22.5}, "NVIDIA A10 has 22.5 GiB of memory, and RECTO_GPU_MEMORY asks for 40"),
        ({"init": "raise RuntimeError('The NVIDIA driver on your system is too old')"}, "no usable GPU: The NVIDIA dr"),
        ({}, "NVIDIA A40, 44.5 GiB, bfloat16, CUDA 13.0"),
    ],
    ids=["no bfloat16", "small", "old driver", "fit"],
)
def test_a_gpu_that_cannot_train_is_one_clear_line(tmp_path: Path, torch: dict[str, object], line: str) -> None:
    (tmp_path / "torch.py").write_text(TORCH.format(**{"name": "A40", "gib": 44.5, "major": 8, "init": "pass"} | torch))
    least = "" if torch.get("major") else "40"
    code, said = entry(str(tmp_path), RECTO_GPU_MEMORY=least)
    assert code == 1
    assert said[0].startswith(f"recto gpu worker: {line}")
    # where the GPU is fit, it is the API that nobody answers
    assert said[1:] == (
        [] if torch else ["recto gpu worker: the Prefect API does not answer (ConnectError); is PREFECT_API_URL right?"]
    )


def test_a_machine_without_a_gpu_is_one_clear_line() -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    code, said = entry("")
    assert code == 1
    assert len(said) == 1
    assert said[0].startswith("recto gpu worker: no usable GPU: ")
