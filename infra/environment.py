"""What a process of the command sets up before it runs anything."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from tasks.records import UsageError


def prepare() -> None:
    """Prefect keeps its own state in the store, starts its server by itself, and reports to nobody."""
    from tasks.store import home

    if "://" not in home():
        try:
            Path(home()).mkdir(parents=True, exist_ok=True)
        except OSError as e:
            raise UsageError(f"RECTO_HOME {home()}: {e.strerror}; name a folder that can be written") from None
        os.environ.setdefault("PREFECT_HOME", str(Path(home()).absolute() / "prefect"))
    os.environ.setdefault("PREFECT_SERVER_ALLOW_EPHEMERAL_MODE", "true")
    os.environ.setdefault("PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS", "120")
    os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
    os.environ.setdefault("DO_NOT_TRACK", "1")
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")


def quiet_tracebacks() -> None:
    """An error is told once, by `main`, in one line: not again by each of Prefect's loggers."""

    class OneLine(logging.Filter):
        def filter(self, record: logging.LogRecord) -> bool:
            record.exc_info = None
            return record.levelno < logging.ERROR

    import prefect.logging  # noqa: F401  (sets the handlers up)

    if not os.environ.get("RECTO_DEBUG"):
        for name in ("prefect.flow_runs", "prefect.task_runs"):
            logging.getLogger(name).addFilter(OneLine())
