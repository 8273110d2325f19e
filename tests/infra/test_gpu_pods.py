"""`recto gpu` against a double of RunPod that validates every query."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from doubles.faults import Service
from doubles.runpod import Offer, RunPod
from pod_values import A40, A6000, KEY, PASSWORD

from infra.gpu import pods
from infra.gpu.config import PodConfig, reachable_api
from tasks.config import RUNS, load_config
from tasks.records import StageError, UsageError

RECTO = str(Path(sys.executable).with_name("recto"))


def environment_of(deployed: dict[str, Any]) -> dict[str, str]:
    return {variable["key"]: variable["value"] for variable in deployed["env"]}


def test_up_deploys_what_the_run_file_says(account: RunPod, config: PodConfig) -> None:
    before = datetime.now(UTC)
    told = list(pods.up(config.model_copy(update={"env": {"TOKEN": "{{ RUNPOD_SECRET_hub }}"}})))
    (pod,) = account.deployed
    assert (pod["gpuTypeId"], pod["gpuCount"], pod["cloudType"], pod["deployCost"]) == (A40, 1, "SECURE", 0.39)
    assert (pod["imageName"], pod["volumeInGb"], pod["volumeMountPath"]) == (config.image, 40, "/workspace")
    assert (pod["ports"], pod["supportPublicIp"]) == ("22/tcp", True)
    given = environment_of(pod)
    assert given["PREFECT_API_URL"] == "https://prefect.example.org/api"
    assert given["PREFECT_API_AUTH_STRING"] == PASSWORD
    assert given["RECTO_HOME"] == "s3://bucket/recto"
    assert given["PUBLIC_KEY"] == "ssh-ed25519 AAAAC3 me@here"
    assert given["TOKEN"] == "{{ RUNPOD_SECRET_hub }}"
    assert KEY not in given.values()
    ends = datetime.fromisoformat(pod["terminateAfter"])
    assert timedelta(0) <= ends + timedelta(seconds=2) - before - timedelta(hours=5 / 0.39) < timedelta(seconds=30)
    assert datetime.fromisoformat(given["RECTO_UNTIL"]) == ends - pods.GRACE
    assert told[0] == "pod recto-gpu (pod1): A40, running, $0.39 an hour"
    assert "after 10 minutes without any" in told[1]
    assert "($5)" in told[1]


def test_no_value_is_written_into_a_query(account: RunPod, config: PodConfig) -> None:
    name = 'my "pod" { \\ $x'
    list(pods.up(config.model_copy(update={"name": name})))
    assert account.pods["pod1"]["name"] == name
    assert all(value not in query for query in account.queries for value in (name, PASSWORD, config.image, A40))


def test_a_pod_that_stands_is_told_of_and_not_doubled(account: RunPod, config: PodConfig) -> None:
    list(pods.up(config))
    account.start("pod1", 5400, 22022)
    told = list(pods.up(config))
    assert len(account.deployed) == 1
    assert told[0] == "pod recto-gpu (pod1): A40, running, $0.39 an hour, up 1.5 h ($0.58)"
    assert "it stands, so nothing was made" in told[1]


def test_status_and_down_are_of_the_pods_of_the_name_alone(account: RunPod, config: PodConfig) -> None:
    other = config.model_copy(update={"name": "another"})
    assert list(pods.status(config)) == ["no pod recto-gpu stands, and nothing is charged"]
    list(pods.up(config))
    list(pods.up(other.model_copy(update={"gpus": (A6000,)})))
    assert [line.split(":")[0] for line in pods.status(config)] == ["pod recto-gpu (pod1)"]
    assert [line[:29] for line in pods.down(config)] == ["removed: pod recto-gpu (pod1)"]
    assert list(account.pods) == ["pod2"]
    assert list(pods.down(config)) == ["no pod recto-gpu stands"]


def test_the_first_gpu_that_is_free_for_the_price_is_taken(account: RunPod, config: PodConfig) -> None:
    account.offers[A40] = Offer(0.9)
    list(pods.up(config))
    assert account.deployed[0]["gpuTypeId"] == A6000


def test_other_data_centres_have_prices_of_their_own(account: RunPod, config: PodConfig) -> None:
    list(pods.up(config.model_copy(update={"cloud": "ALL"})))
    assert account.deployed[0]["deployCost"] == 0.35


def test_none_free_for_the_price_says_what_each_costs(account: RunPod, config: PodConfig) -> None:
    account.offers |= {A40: Offer(0.9), A6000: Offer(0.49, free=0)}
    with pytest.raises(
        StageError, match=r"\$0.8 an hour \(NVIDIA A40: \$0.9; NVIDIA RTX A6000: none free\): try later"
    ):
        list(pods.up(config))
    assert not account.pods


def test_a_pod_that_costs_far_more_than_was_quoted_is_removed(account: RunPod, config: PodConfig) -> None:
    account.offers[A40].charged = 0.41
    list(pods.up(config))
    list(pods.down(config))
    account.offers[A40] = Offer(0.39, charged=0.79)
    with pytest.raises(StageError, match=r"quoted \$0.39 .* took \$0.79; it was removed"):
        list(pods.up(config))
    assert not account.pods


def test_a_gpu_type_that_runpod_does_not_know_is_bad_usage(config: PodConfig) -> None:
    with pytest.raises(UsageError, match="no GPU type 'NVIDIA A4O'"):
        list(pods.up(config.model_copy(update={"gpus": ("NVIDIA A4O",)})))


@pytest.mark.parametrize(
    "address",
    [
        *("http://127.0.0.1:4200/api", "http://localhost:4200/api", "http://[::1]:4200/api", "http://0.0.0.0:4200/api"),
        *("https://10.0.0.5/api", "http://192.168.1.2:4200/api", "http://169.254.1.1/api", "http://server:4200/api"),
        "http://desk.local/api",
    ],
)
def test_an_api_that_no_pod_can_reach_is_refused_before_anything_is_asked(
    service: Service, config: PodConfig, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setenv("PREFECT_API_URL", address)
    with pytest.raises(UsageError, match=r"a pod at RunPod cannot reach the Prefect API at .*public https address"):
        list(pods.up(config))
    assert not service.calls


def test_an_api_is_an_address_without_a_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    for address in ("", "prefect.example.org", "ftp://prefect.example.org", "http://[::1/api"):
        with pytest.raises(UsageError, match="public https address"):
            reachable_api(PodConfig(prefect_api=address))
    with pytest.raises(UsageError, match="holds a password") as raised:
        reachable_api(PodConfig(prefect_api="https://admin:pass@prefect.example.org/api"))
    assert "pass@" not in str(raised.value)
    assert reachable_api(PodConfig(prefect_api="https://1.1.1.1/api")) == "https://1.1.1.1/api"


def test_an_api_without_tls_is_warned_of(config: PodConfig) -> None:
    told = list(pods.up(config.model_copy(update={"prefect_api": "http://prefect.example.org/api"})))
    assert told[0].startswith("warning: http://prefect.example.org/api is not https")


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"image": ""}, "image is empty"),
        ({"store": "/srv/recto"}, "/srv/recto is not where a pod can reach it"),
        ({"pass_env": ("PREFECT_API_AUTH_STRING", "NOT_SET_HERE")}, "not set here: NOT_SET_HERE;"),
        ({"ssh_key": "/nowhere/id.pub"}, "ssh_key /nowhere/id.pub cannot be read"),
    ],
)
def test_what_a_pod_could_not_work_with_is_bad_usage(
    service: Service, config: PodConfig, change: dict[str, Any], problem: str
) -> None:
    with pytest.raises(UsageError, match=problem):
        list(pods.up(config.model_copy(update=change)))
    assert not service.calls


def test_a_private_key_is_never_sent(config: PodConfig, tmp_path: Path) -> None:
    (tmp_path / "id").write_text("-----BEGIN OPENSSH PRIVATE KEY-----\nb3Blbg==\n")
    with pytest.raises(UsageError, match=r"no public key; name the file that ends in \.pub"):
        list(pods.up(config.model_copy(update={"ssh_key": str(tmp_path / "id")})))


def test_the_command_opens_a_shell_and_shows_no_secret(account: RunPod, config: PodConfig, tmp_path: Path) -> None:
    run = tmp_path / "run.toml"
    run.write_text(f'image = "i:1"\nssh_key = "{config.ssh_key}"\npass_env = ["PREFECT_API_AUTH_STRING"]\n')
    (tmp_path / "ssh").write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    (tmp_path / "ssh").chmod(0o755)
    env = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "RECTO_DEBUG": "1"}

    def recto(action: str, code: int = 0) -> str:
        command = [RECTO, "gpu", action, "--run", str(run)]
        done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == code, done.stderr
        said = done.stdout + done.stderr
        assert KEY not in said
        assert PASSWORD not in said
        return said

    assert "recto: no pod recto-gpu stands; `recto gpu up` makes one" in recto("ssh", 1)
    assert "pod recto-gpu (pod1): A40" in recto("up")
    assert "no public SSH port yet" in recto("ssh", 1)
    account.start("pod1", 60, 22022)
    said = recto("ssh").split()
    assert said[-5:] == ["-i", str(tmp_path / "id"), "-p", "22022", "recto@203.0.113.7"]
    assert "HostKeyAlias=runpod-pod1" in said


@pytest.mark.parametrize("path", sorted((RUNS / "gpu").glob("*.toml")), ids=lambda p: p.name)
def test_every_pod_configuration_loads(path: Path) -> None:
    assert load_config(path, PodConfig).why
