"""The whole line as a user runs it, killed in every stage, against an undisturbed run."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from flow_documents import write_documents

RECTO = str(Path(sys.executable).with_name("recto"))
# a stage is under way once those before it have finished: how many folders of which
KILLED_IN = {
    "render": ("collect", 1),
    "publish": ("split", 1),
    "sft": ("publish", 2),
    "grpo": ("sft", 1),
    "read": ("grpo", 1),
}
RUN = """
[collect]
sources = ["folder"]
folder = "{folder}"

[split]
test_pages = 40

[small]
width = 256
height = 96
dpi = 96
font_sizes = [14]
margins = [4, 8]
fonts_en = ["Liberation Sans"]
links = "text"
languages = ["en"]

[model]
max_new_tokens = 140

[pages]
max_label_chars = 120

[sft]
steps = 4
batch = 2
save_steps = 1

[grpo]
steps = 3
prompts = 2
generations = 2
probe_prompts = 2
save_steps = 1

[evaluate]
pages = 6
batch = 6
resamples = 200
"""


@pytest.fixture
def run_file(tmp_path: Path) -> Path:
    folder = write_documents(tmp_path / "documents", 8)
    path = tmp_path / "run.toml"
    path.write_text(RUN.format(folder=folder))
    return path


def start(run_file: Path, home: Path, env: dict[str, str], out: Path) -> subprocess.Popen[bytes]:
    with open(home.with_suffix(".log"), "ab") as log:
        return subprocess.Popen(
            [RECTO, "demo", "--run", str(run_file), "--out", str(out)],
            env={**env, "RECTO_HOME": str(home)},
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def done(home: Path, stage: str) -> int:
    """How many folders of a stage are finished."""
    return len(list((home / stage).glob("*/manifest.json")))


def kill_in(stage: str, run_file: Path, home: Path, env: dict[str, str], out: Path) -> None:
    before, count = KILLED_IN[stage]
    process = start(run_file, home, env, out)
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline and process.poll() is None and done(home, before) < count:
        time.sleep(0.005)
    time.sleep(0.1)
    assert process.poll() is None, home.with_suffix(".log").read_text()[-3000:]
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert done(home, stage) == 0, f"{stage} was done before it could be killed"


def results(home: Path, out: Path) -> dict[str, bytes | str]:
    """What must not depend on kills: the dataset, the adapters, the scores."""
    found: dict[str, bytes | str] = {
        str(p.relative_to(out)): p.read_bytes() for p in sorted((out / "dataset" / "data").glob("*.parquet"))
    }
    for stage in ("sft", "grpo"):
        (folder,) = (home / stage).glob("*")
        found[stage] = json.loads((folder / "checkpoint.json").read_text())["adapter_digest"]
    (evaluated,) = (home / "evaluate").glob("*")
    found["scores"] = (evaluated / "metrics.json").read_text()
    return found


@pytest.mark.full
@pytest.mark.timeout(900)
def test_killed_in_every_stage_the_same_command_ends_with_the_same_result(
    prefect_server: dict[str, str], run_file: Path, tmp_path: Path
) -> None:
    calm, killed = tmp_path / "calm", tmp_path / "killed"
    process = start(run_file, calm, prefect_server, tmp_path / "calm-out")
    assert process.wait(400) == 0, calm.with_suffix(".log").read_text()[-3000:]

    for stage in KILLED_IN:
        kill_in(stage, run_file, killed, prefect_server, tmp_path / "killed-out")
    before = {p: p.stat().st_mtime_ns for p in killed.glob("*/*/manifest.json")}
    process = start(run_file, killed, prefect_server, tmp_path / "killed-out")
    log = killed.with_suffix(".log")
    assert process.wait(400) == 0, log.read_text()[-3000:]
    assert {p: p.stat().st_mtime_ns for p in before} == before, "a finished stage was done again"
    assert results(killed, tmp_path / "killed-out") == results(calm, tmp_path / "calm-out")
    last = log.read_text().strip().splitlines()[-1]
    assert last == str(tmp_path / "killed-out" / "report.html")
    told = Path(last).read_text()
    assert "<html" in told[:400]
    assert "Probe before the first step, 2 pages, 2 answers each" in told
