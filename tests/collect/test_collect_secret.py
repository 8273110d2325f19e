"""Where a token comes from."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tasks.collect.secret import secret

FLOW = """
from prefect import flow
from prefect.blocks.system import Secret
from tasks.collect.secret import secret

@flow
def told(variable):
    return secret(variable)

Secret(value="from-block").save("github-token", overwrite=True)
print("TOLD", told("GITHUB_TOKEN"), repr(told("OTHER_TOKEN")), repr(secret("GITHUB_TOKEN")))
"""


def test_the_environment_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", " from-environment\n")
    assert secret("GITHUB_TOKEN") == "from-environment"
    monkeypatch.delenv("GITHUB_TOKEN")
    assert secret("GITHUB_TOKEN") == ""


def test_a_flow_takes_it_from_its_secret_block(prefect_server: dict[str, str]) -> None:
    env = {k: v for k, v in prefect_server.items() if k != "GITHUB_TOKEN"}
    done = subprocess.run(
        [sys.executable, "-c", FLOW], env=env, capture_output=True, text=True, timeout=120, check=False
    )
    assert "TOLD from-block '' ''" in done.stdout, done.stdout + done.stderr
    assert "from-block" not in done.stderr
