"""The server of compose.yaml on a real Postgres and Redis: password, worker, events, secrets, GPU worker."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from doubles.faults import serve
from doubles.runpod import RunPod
from full_server import SECRETS, Stack, stack
from pod_values import KEY
from test_gpu_worker import TORCH

pytestmark = pytest.mark.full
DOCUMENT = (
    "# Guide {n}\n\nIt explains how server {n} reads its options, and what a missing one means.\n\n- one\n- two\n"
)


@pytest.fixture(scope="module")
def prefect(s3: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("stack")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, SECRETS[name])
        with stack(folder, f"{s3}/server") as running:
            yield running


def ask(prefect: Stack, path: str, body: object = None, auth: str = SECRETS["PREFECT_AUTH"]) -> Any:
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"}
    if auth:
        headers["Authorization"] = f"Basic {b64encode(auth.encode()).decode()}"
    with urllib.request.urlopen(urllib.request.Request(prefect.api + path, data, headers), timeout=60) as answer:
        raw = answer.read()
    return json.loads(raw) if raw else None


def until(say: Any, what: str, seconds: float = 300) -> Any:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := say():
            return found
        time.sleep(1)
    raise AssertionError(f"{what} did not happen in {seconds} s")


def final_state(prefect: Stack, run: str) -> str:
    """The state in which a run ended."""

    def ended() -> str:
        state = str(ask(prefect, f"/flow_runs/{run}")["state"]["type"])
        return state if state in ("COMPLETED", "FAILED", "CRASHED", "CANCELLED") else ""

    return str(until(ended, "the end of the run"))


def test_a_wrong_password_is_refused_everywhere_but_for_health(prefect: Stack) -> None:
    assert ask(prefect, "/health", auth="") is True
    for auth in ("", "admin:wrong", "admin:"):
        with pytest.raises(urllib.error.HTTPError, match="401"):
            ask(prefect, "/deployments/filter", {}, auth)
    listed = prefect.run(["prefect", "work-pool", "ls"], "setup", PREFECT_API_AUTH_STRING="admin:wrong")
    assert listed.returncode != 0
    assert "401" in listed.stdout + listed.stderr
    assert {pool["name"] for pool in ask(prefect, "/work_pools/filter", {})} == {"cpu", "gpu"}


def test_a_run_goes_through_a_worker_and_its_event_starts_another(prefect: Stack, tmp_path: Path) -> None:
    for n in range(6):
        folder = tmp_path / f"family{n}"
        folder.mkdir()
        (folder / "guide.md").write_text(DOCUMENT.format(n=n) * 3)
    look = {"width": 300, "height": 160, "dpi": 36, "font_sizes": [10], "margins": [12, 12], "look": "plain"}
    collect = {"sources": ["folder"], "folder": str(tmp_path), "min_chars": 20}
    wanted = {"run": {"collect": collect, "render": look, "small": None, "workers": 1, "split": {"test_pages": 2}}}
    deployment = ask(prefect, "/deployments/name/dataset-rebuild/dataset-rebuild")["id"]
    with prefect.running("worker"):
        run = ask(prefect, f"/deployments/{deployment}/create_flow_run", {"parameters": wanted})["id"]
        log = prefect.folder / "worker.log"
        assert final_state(prefect, run) == "COMPLETED", log.read_text()[-3000:]
    training = ask(prefect, "/deployments/name/train/train")["id"]
    asked = {"flow_runs": {"deployment_id": {"any_": [training]}}}
    (started,) = until(lambda: ask(prefect, "/flow_runs/filter", asked), "the training run")
    assert started["parameters"]["dataset"].startswith("s3://recto/server/")
    assert ask(prefect, f"/flow_runs/{started['id']}/set_state", {"state": {"type": "CANCELLED"}})


@pytest.fixture(scope="module")
def waiting(prefect: Stack) -> str:
    """A deployment in pool gpu, of a flow that waits; beside it a PyTorch that sees a GPU."""
    folder = prefect.folder / "flows"
    folder.mkdir()
    (folder / "torch.py").write_text(TORCH.format(name="A40", gib=44.5, major=8, init="pass"))
    flow = """
import time
from prefect import flow
from prefect.artifacts import create_markdown_artifact

@flow(log_prints=True)
def waiting(seconds: int):
    create_markdown_artifact(f"{seconds} s", "waiting")
    time.sleep(seconds)
"""
    (folder / "waiting.py").write_text(flow)
    source = f'from_source(source={str(folder)!r}, entrypoint="waiting.py:waiting")'
    deploy = f'from prefect import flow; flow.{source}.deploy("waiting", work_pool_name="gpu")'
    done = prefect.run([sys.executable, "-c", deploy], "setup")
    assert done.returncode == 0, done.stderr
    return str(ask(prefect, "/deployments/name/waiting/waiting")["id"])


def gpu_worker(prefect: Stack, **environment: str) -> subprocess.CompletedProcess[str]:
    torch = {"PYTHONPATH": str(prefect.folder / "flows")}
    return prefect.run([sys.executable, "-m", "infra.gpu.worker"], "gpu-worker", **torch | environment)


def start(prefect: Stack, deployment: str, **parameters: object) -> str:
    return str(ask(prefect, f"/deployments/{deployment}/create_flow_run", {"parameters": parameters})["id"])


def test_a_gpu_worker_does_what_is_due_and_then_removes_its_pod(prefect: Stack, waiting: str) -> None:
    run = start(prefect, waiting, seconds=25)
    account = RunPod(KEY, {})
    account.pods["pod1"] = {"id": "pod1", "name": "recto-gpu", "desiredStatus": "RUNNING", "costPerHr": 0.39}
    pod = {"RUNPOD_POD_ID": "pod1", "RUNPOD_API_KEY": KEY, "RECTO_IDLE_MINUTES": "0.2"}
    with serve(account.app) as service:
        ended = gpu_worker(prefect, RUNPOD_API_BASE_URL=service.url, **pod)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert final_state(prefect, run) == "COMPLETED"
    assert "no work for 0.2 minutes; it ends" in ended.stderr
    assert not account.pods


def test_a_run_that_is_under_way_when_the_time_is_up_is_marked_crashed(prefect: Stack, waiting: str) -> None:
    run = start(prefect, waiting, seconds=300)
    soon = datetime.now(UTC) + timedelta(seconds=40)
    ended = gpu_worker(prefect, RECTO_UNTIL=soon.isoformat())
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "its time is up; it ends" in ended.stderr
    assert final_state(prefect, run) == "CRASHED"


def test_a_gpu_worker_says_in_a_line_what_the_api_refuses(prefect: Stack, waiting: str) -> None:
    wrong = gpu_worker(prefect, PREFECT_API_AUTH_STRING="admin:wrong")
    assert (wrong.returncode, len(wrong.stderr.splitlines())) == (1, 2)
    assert "the Prefect API refuses PREFECT_API_AUTH_STRING" in wrong.stderr
    other = gpu_worker(prefect, RECTO_POOL="none")
    assert (other.returncode, len(other.stderr.splitlines())) == (1, 2)
    assert "the Prefect API has no work pool none" in other.stderr


def test_a_secret_block_is_ciphertext_in_the_database_and_plain_to_whoever_may_ask(prefect: Stack) -> None:
    save = "from prefect.blocks.system import Secret; import os; Secret(value=os.environ['IT']).save('probe')"
    done = prefect.run([sys.executable, "-c", save], "setup", IT="tHeSecretItself")
    assert done.returncode == 0, done.stderr
    held = prefect.query("select data from block_document where name = 'probe'")
    assert held.strip()
    assert "tHeSecretItself" not in prefect.database()
    assert prefect.query("select count(*) from configuration where key = 'ENCRYPTION_KEY'").strip() == "0"
    path = "/block_types/slug/secret/block_documents/name/probe"
    assert "tHeSecretItself" not in json.dumps(ask(prefect, path))
    assert ask(prefect, f"{path}?include_secrets=true")["data"]["value"] == "tHeSecretItself"


def test_no_secret_is_in_logs_parameters_artifacts_or_events(prefect: Stack) -> None:
    subprocess.run(["redis-cli", "-p", str(prefect.redis), "save"], check=True, stdout=subprocess.DEVNULL)
    places = {
        "database": prefect.database(),  # runs, parameters, logs, artifacts, events, blocks, automations
        "redis": (prefect.folder / "dump.rdb").read_bytes().decode("latin-1"),
        **{log.name: log.read_text() for log in prefect.logs},
    }
    for what in ("dataset.published", "dataset_rebuild", "INSERT INTO public.log ", "INSERT INTO public.artifact "):
        assert what in places["database"]
    assert "dataset.published" in places["redis"]
    assert "worker.log" in places
    for name, secret in SECRETS.items():
        for part in {secret, secret.rpartition(":")[2], b64encode(secret.encode()).decode()}:
            assert not [where for where, text in places.items() if part in text], name
