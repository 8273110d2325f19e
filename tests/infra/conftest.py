"""An account at a double of RunPod, and a pod that it can have."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from doubles.faults import Service, serve
from doubles.runpod import Offer, RunPod
from pod_values import A40, A6000, KEY, PASSWORD

from infra.gpu import runpod
from infra.gpu.config import PodConfig


@pytest.fixture
def account() -> RunPod:
    return RunPod(KEY, {A40: Offer(0.39, 0.35), A6000: Offer(0.49)})


@pytest.fixture
def service(account: RunPod, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    (tmp_path / "id.pub").write_text("ssh-ed25519 AAAAC3 me@here\n")
    monkeypatch.setattr(runpod, "FIRST_WAIT", 0.01)
    monkeypatch.setenv("RUNPOD_API_KEY", KEY)
    monkeypatch.setenv("PREFECT_API_URL", "https://prefect.example.org/api")
    monkeypatch.setenv("PREFECT_API_AUTH_STRING", PASSWORD)
    monkeypatch.setenv("RECTO_HOME", "s3://bucket/recto")
    with serve(account.app) as served:
        monkeypatch.setenv("RUNPOD_API_BASE_URL", served.url)
        yield served


@pytest.fixture
def config(service: Service, tmp_path: Path) -> PodConfig:
    return PodConfig(
        image="registry/recto-gpu:1",
        gpus=(A40, A6000),
        ssh_key=str(tmp_path / "id.pub"),
        pass_env=("PREFECT_API_AUTH_STRING",),
    )
