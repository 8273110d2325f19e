"""The compose file and the image: what their own tools say, and what must hold in them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from compose_file import COMPOSE, EXAMPLE, INFRA, compose, variables_of_example

REQUIRED = ("PREFECT_AUTH", "PREFECT_ENCRYPTION_KEY", "POSTGRES_PASSWORD", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
FILLED = {name: f"the-{name.lower().replace('_', '-')}" for name in REQUIRED}
ROOT = INFRA.parent


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    found: dict[str, Any] = compose(variables_of_example() | FILLED)["services"]
    return found


@pytest.mark.parametrize("name", [*REQUIRED, "RECTO_HOME"])
def test_nothing_starts_without_what_the_env_file_must_say(name: str) -> None:
    with pytest.raises(KeyError, match=name):
        compose(variables_of_example() | FILLED | {name: ""})


def test_the_example_names_every_variable_and_no_secret() -> None:
    named = variables_of_example()
    assert set(re.findall(r"\$\{(\w+)", COMPOSE.read_text())) - set(named) == {
        *("RECTO_IMAGE", "RECTO_GPU_IMAGE"),  # which docs/server.md and docs/gpu-workers.md speak of
        "PREFECT_BIND",
    }
    assert not [name for name in REQUIRED if named[name]]


def test_secrets_reach_only_the_services_that_need_them_and_no_command_line(services: dict[str, Any]) -> None:
    holders = {
        name: {service for service, says in services.items() if FILLED[name] in str(says.get("environment"))}
        for name in REQUIRED
    }
    assert holders == {
        "PREFECT_AUTH": {"server", "services", "setup", "worker", "gpu-worker"},
        "PREFECT_ENCRYPTION_KEY": {"server", "services"},
        "POSTGRES_PASSWORD": {"postgres", "server", "services"},
        "AWS_ACCESS_KEY_ID": {"worker", "gpu-worker"},
        "AWS_SECRET_ACCESS_KEY": {"worker", "gpu-worker"},
    }
    others = [{key: value for key, value in says.items() if key != "environment"} for says in services.values()]
    assert not [secret for secret in FILLED.values() if secret in str(others)]


def test_images_are_pinned_services_restart_and_data_is_kept(services: dict[str, Any]) -> None:
    for name, says in services.items():
        assert re.search(r":\d+\.\d+", says["image"]), name
        assert says["restart"] == ("on-failure" if name == "setup" else "unless-stopped"), name
        assert "max-size" in says["logging"]["options"], name
    assert all("healthcheck" in services[name] for name in ("postgres", "redis", "server"))
    mounted = {name: says["volumes"][0].split(":")[0] for name, says in services.items() if "volumes" in says}
    assert mounted == {"postgres": "postgres", "redis": "redis", "gpu-worker": "models", "proxy": "certificates"}


def test_databases_are_on_a_network_of_their_own_and_the_api_on_the_loopback(services: dict[str, Any]) -> None:
    assert compose(variables_of_example() | FILLED)["networks"] == {"data": {"internal": True}}
    assert [services[name]["networks"] for name in ("postgres", "redis", "services")] == [["data"]] * 3
    assert not [name for name in ("worker", "gpu-worker", "setup", "proxy") if "networks" in services[name]]
    assert services["server"]["ports"] == ["127.0.0.1:4200:4200"]
    assert [name for name, says in services.items() if "ports" in says] == ["server", "proxy"]


def test_compose_itself_reads_the_file_and_refuses_it_without_a_password(tmp_path: Path) -> None:
    command = _compose_command()
    (tmp_path / "env").write_text(EXAMPLE.read_text() + "".join(f"{name}={value}\n" for name, value in FILLED.items()))
    arguments = [*command, "-f", str(COMPOSE), "--env-file"]
    done = subprocess.run([*arguments, str(tmp_path / "env"), "config"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "PREFECT_SERVER_API_AUTH_STRING: the-prefect-auth" in done.stdout
    without = subprocess.run([*arguments, str(EXAMPLE), "config"], capture_output=True, text=True, check=False)
    assert without.returncode != 0
    assert re.search(r"PREFECT_AUTH|POSTGRES_PASSWORD", without.stderr)


def _compose_command() -> list[str]:
    for command in (["docker", "compose"], ["docker-compose"]):
        if shutil.which(command[0]):
            version = subprocess.run([*command, "version"], capture_output=True, check=False)
            if version.returncode == 0:
                return command
    pytest.skip("no Compose (apt install docker-compose)")


def test_the_image_passes_its_linter() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([hadolint, INFRA / "Dockerfile"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_what_the_image_copies_is_there_and_its_entry_can_run() -> None:
    lines = re.findall(r"^COPY (.*) \S+$", (INFRA / "Dockerfile").read_text(), re.MULTILINE)
    assert all((ROOT / name).exists() for line in lines for name in line.split())
    assert os.access(INFRA / "entry.sh", os.X_OK)
    assert subprocess.run(["bash", "-n", INFRA / "entry.sh"], check=False).returncode == 0
    ignored = (ROOT / ".dockerignore").read_text().split()
    assert {".git", ".venv", "**/*.env"} <= set(ignored)


def test_the_gpu_lock_holds_what_the_extra_adds_in_versions_of_the_other_lock() -> None:
    base, gpu = (
        dict(re.findall(r"^([\w.-]+)==([^ ;]+)", (ROOT / name).read_text(), re.MULTILINE))
        for name in ("requirements.lock", "requirements-gpu.lock")
    )
    assert {"unsloth", "xformers", "bitsandbytes"} <= set(base) | set(gpu)
    assert not {"torch", "triton"} & (set(base) | set(gpu))
    assert not {name for name in set(base) & set(gpu) if base[name] != gpu[name]}
