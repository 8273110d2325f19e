"""Where a token comes from."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tasks.secret import secret

FLOW = """
from huggingface_hub import get_token
from prefect import flow
from prefect.blocks.system import Secret
from tasks.hub import client
from tasks.secret import secret

@flow
def told(variable):
    return secret(variable)

Secret(value="from-block").save("github-token", overwrite=True)
print("TOLD", told("GITHUB_TOKEN"), repr(told("OTHER_TOKEN")), repr(secret("GITHUB_TOKEN")))

@flow
def hub():
    return client().token

Secret(value="of-the-hub").save("hf-token", overwrite=True)
print("HUB", hub(), get_token())  # hf:// asks nothing else
"""


def test_the_environment_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", " from-environment\n")
    assert secret("GITHUB_TOKEN") == "from-environment"
    monkeypatch.delenv("GITHUB_TOKEN")
    assert secret("GITHUB_TOKEN") == ""


def test_a_flow_takes_it_from_its_secret_block(prefect_server: dict[str, str]) -> None:
    env = {k: v for k, v in prefect_server.items() if k not in ("GITHUB_TOKEN", "HF_TOKEN")}
    done = subprocess.run(
        [sys.executable, "-c", FLOW], env=env, capture_output=True, text=True, timeout=120, check=False
    )
    assert "TOLD from-block '' ''" in done.stdout, done.stdout + done.stderr
    assert "HUB of-the-hub of-the-hub" in done.stdout, done.stdout + done.stderr
    assert "from-block" not in done.stderr
