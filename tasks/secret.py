"""Tokens: from the environment, or from a Prefect Secret block of the run. They are never written or logged."""

from __future__ import annotations

import os


def secret(variable: str) -> str:
    """The value of an environment variable, else of a Secret block (`github-token` for GITHUB_TOKEN), where a flow runs
    that can load it; empty where there is neither."""
    if value := os.environ.get(variable, "").strip():
        return value
    from prefect.blocks.system import Secret
    from prefect.context import FlowRunContext

    if FlowRunContext.get() is None:
        return ""
    try:
        return str(Secret.load(variable.lower().replace("_", "-")).get()).strip()  # type: ignore[union-attr]
    except ValueError:  # no such block
        return ""
