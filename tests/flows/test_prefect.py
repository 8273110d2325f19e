"""On a real Prefect server: the deployments deploy, and a run goes through a process worker."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from flow_documents import write_documents

PROJECT = Path(__file__).parents[2]
PREFECT = str(Path(sys.executable).with_name("prefect"))


def prefect(env: dict[str, str], *arguments: str) -> str:
    done = subprocess.run(
        [PREFECT, "--no-prompt", *arguments],
        env=env,
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def deployed(prefect_server: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    env = {**prefect_server, "RECTO_HOME": str(tmp_path_factory.mktemp("home"))}
    for pool in ("cpu", "gpu"):
        prefect(env, "work-pool", "create", pool, "--type", "process")
    prefect(env, "deploy", "--all")
    return env


async def _with_client(env: dict[str, str], use: Any) -> Any:
    from prefect.client.orchestration import PrefectClient

    async with PrefectClient(env["PREFECT_API_URL"]) as client:
        return await use(client)


def ask(env: dict[str, str], use: Any) -> Any:
    return asyncio.run(_with_client(env, use))


def test_the_four_deployments_show_typed_parameters(deployed: dict[str, str]) -> None:
    deployments = {d.name: d for d in ask(deployed, lambda client: client.read_deployments())}
    assert set(deployments) == {"dataset-rebuild", "train", "evaluate", "counting-study"}
    assert [s.active for s in deployments["dataset-rebuild"].schedules] == [True]
    schema = json.dumps(deployments["train"].parameter_openapi_schema)
    assert "Reward preset" in schema
    assert '"maximum": 600' in schema
    automations = ask(deployed, lambda client: client.read_automations())
    assert [a.trigger.expect for a in automations] == [{"dataset.published"}]


def test_a_rebuild_through_a_process_worker(deployed: dict[str, str], tmp_path: Path) -> None:
    source = write_documents(tmp_path / "source", 3)
    out = tmp_path / "out"
    parameters = {"run": {"collect": {"sources": ["folder"], "folder": str(source)}, "workers": 1}, "out": str(out)}

    async def start(client: Any) -> Any:
        deployment = await client.read_deployment_by_name("dataset-rebuild/dataset-rebuild")
        return await client.create_flow_run_from_deployment(deployment.id, parameters=parameters)

    run = ask(deployed, start)
    command = [PREFECT, "worker", "start", "--pool", "cpu", "--type", "process", "--run-once"]
    with open(tmp_path / "worker.log", "wb") as log:
        worker = subprocess.Popen(
            command, env=deployed, cwd=PROJECT, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            state = _wait(deployed, run.id, tmp_path / "worker.log")
        finally:
            os.killpg(worker.pid, 15)
            worker.wait(30)
    assert state == "COMPLETED", (tmp_path / "worker.log").read_text()[-3000:]
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["counts"]["train"] + manifest["counts"]["test"] > 0
    assert (Path(deployed["RECTO_HOME"]) / "publish" / manifest["published"] / "content.json").exists()


def _wait(env: dict[str, str], run_id: Any, log: Path, seconds: float = 240) -> str:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        state = ask(env, lambda client: client.read_flow_run(run_id)).state
        if state is not None and state.is_final():
            return str(state.type.value)
        time.sleep(1)
    raise AssertionError(f"the run did not end: {log.read_text()[-3000:]}")


def test_wrong_parameters_are_refused_before_a_run_exists(deployed: dict[str, str]) -> None:
    from prefect.exceptions import PrefectHTTPStatusError

    async def start(client: Any) -> Any:
        deployment = await client.read_deployment_by_name("dataset-rebuild/dataset-rebuild")
        return await client.create_flow_run_from_deployment(deployment.id, parameters={"run": {"render": {"dpi": 9}}})

    with pytest.raises(PrefectHTTPStatusError, match=r"dpi|422|409"):
        ask(deployed, start)


def test_the_deployments_run_what_the_demo_runs() -> None:
    import yaml

    from tasks.config import RUNS, RunConfig, load_run

    wanted = load_run(RUNS / "demo.toml").model_dump(exclude={"why"})
    for deployment in yaml.safe_load((PROJECT / "prefect.yaml").read_text())["deployments"]:
        if run := deployment.get("parameters", {}).get("run"):
            assert RunConfig.model_validate(run).model_dump(exclude={"why"}) == wanted, deployment["name"]
