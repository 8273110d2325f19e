"""Rebuild, upload, load from the Hub, train from the Hub: the whole line with nothing shared but the Hub."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from doubles.faults import Fault, Service, serve
from doubles.hub import Hub
from flow_documents import write_documents

RECTO = str(Path(sys.executable).with_name("recto"))
RUN = """
workers = 1

[collect]
sources = ["folder"]
folder = "{folder}"
license = "MIT"

[render]
width = 256
height = 96
dpi = 96
font_sizes = [14]
margins = [4, 8]
fonts_en = ["Liberation Sans"]
links = "text"
look = "plain"

[split]
test_pages = 40

[publish]
name = "hub-line"

[upload]
dataset = "me/pages"
adapter = "me/reader"

[pages]
max_label_chars = 120

[model]
max_new_tokens = 140

[sft]
steps = 1
batch = 2

[grpo]
steps = 0

[evaluate]
pages = 2
resamples = 200
"""
LOAD = """
import json, sys
from datasets import load_dataset
data = load_dataset(sys.argv[1])
print(json.dumps({split: [row["image"].size for row in rows] for split, rows in data.items()}))
"""


@pytest.fixture
def hub() -> Iterator[tuple[Hub, Service]]:
    double = Hub()
    with serve(double.app) as service:
        yield double, service


def run(*command: str, env: dict[str, str]) -> tuple[str, str]:
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout, done.stdout + done.stderr


def events(env: dict[str, str], name: str, resource: str, at_least: int) -> list[dict[str, Any]]:
    """What the server knows of; events arrive a little after they were sent."""
    asked = {"filter": {"event": {"name": [name]}, "resource": {"id": [resource]}}}
    url = f"{env['PREFECT_API_URL']}/events/filter"
    request = urllib.request.Request(url, json.dumps(asked).encode(), {"Content-Type": "application/json"})
    found: list[dict[str, Any]] = []
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and len(found) < at_least:
        with urllib.request.urlopen(request, timeout=30) as answer:
            found = json.load(answer)["events"]
    return found


def test_rebuild_upload_load_and_train(
    prefect_server: dict[str, str], hub: tuple[Hub, Service], tmp_path: Path
) -> None:
    double, service = hub
    (tmp_path / "run.toml").write_text(RUN.format(folder=write_documents(tmp_path / "documents", 6)))
    env = {
        **prefect_server,
        "HF_ENDPOINT": service.url,
        "HF_TOKEN": double.token,
        "HF_HUB_OFFLINE": "0",
        "HF_HOME": str(tmp_path / "hf"),
    }
    builds = {**env, "RECTO_HOME": str(tmp_path / "builder")}
    build = (RECTO, "dataset", "--run", str(tmp_path / "run.toml"))
    service.faults.next(Fault(503), "POST", "/commit/")
    _, log = run(*build, env=builds)
    repository = double.repositories["dataset", "me/pages"]
    assert f"uploaded me/pages v1, commit {repository.head}" in log
    assert len(repository.commits) == 2
    assert double.token not in log

    (event,) = events(env, "dataset.published", "recto.dataset.hub-line", 1)
    (asset,) = events(env, "prefect.asset.materialization.succeeded", "hf://datasets/me/pages", 1)
    manifest = json.loads(repository.files["manifest.json"].data)
    said = {
        "dataset": f"me/pages@{repository.head}",
        "digest": manifest["content"],
        "revision": repository.head,
        "repository": "me/pages",
        "tag": "v1",
        **{name: manifest["counts"][name] for name in ("train", "test", "documents")},
    }
    assert event["payload"] == said
    assert said.items() <= asset["payload"].items()

    _, log = run(*build, env=builds)
    assert "nothing changed: me/pages v1" in log
    assert len(repository.commits) == 2
    assert len(events(env, "dataset.published", "recto.dataset.hub-line", 1)) == 1

    loaded = json.loads(run(sys.executable, "-c", LOAD, "me/pages", env=env)[0])
    assert {split: len(rows) for split, rows in loaded.items()} == {k: manifest["counts"][k] for k in ("train", "test")}
    assert {tuple(size) for sizes in loaded.values() for size in sizes} == {(256, 96)}

    trains = {**env, "RECTO_HOME": str(tmp_path / "trainer")}
    run(RECTO, "train", "--dataset", "me/pages@v1", "--run", str(tmp_path / "run.toml"), env=trains)
    (trained,) = (tmp_path / "trainer" / "sft").glob("*/checkpoint.json")
    assert json.loads(trained.read_text())["dataset_digest"] == manifest["content"]
    reader = double.repositories["model", "me/reader"].files
    (adapter,) = (tmp_path / "trainer" / "grpo").glob("*/adapter/adapter_model.safetensors")
    assert reader["adapter_model.safetensors"].data == adapter.read_bytes()
    assert (
        f"| dataset | me/pages@{repository.head}, content {manifest['content']} |" in reader["README.md"].data.decode()
    )
