"""How far a long step is: a bar on a terminal, and a progress artifact on the page of the Prefect run."""

from __future__ import annotations

import logging
import sys
import time
from types import TracebackType
from typing import Any, Self
from uuid import UUID

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

EVERY = 5.0
"""Seconds between two updates of the artifact, at least."""

log = logging.getLogger(__name__)


class Progress:
    """`key` is the artifact's (lower-case letters, digits, dashes), `says` what is done `total` times; `done` of them
    were before. A server that cannot be told costs no more than a tenth of the time, and stops nothing."""

    def __init__(self, key: str, says: str, total: int, done: int = 0) -> None:
        self._total, self._done = total, done
        self._bar = Bar(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[value]}"),
            console=Console(stderr=True),
            disable=not sys.stderr.isatty(),
        )
        self._task = self._bar.add_task(says, total=total, completed=done, value="")
        self._artifact: UUID | None = None
        self._next = 0.0
        self._tell(lambda: self._made(f"progress-{key}", says))

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._bar.stop()
        self._tell(self._updated)

    def advance(self, done: int = 1, value: str = "") -> None:
        """So many more are done; `value` is shown beside the bar."""
        self._done += done
        self._bar.update(self._task, advance=done, value=value)
        if time.monotonic() >= self._next:
            self._tell(self._updated)

    def _tell(self, tell: Any) -> None:
        from prefect.context import FlowRunContext, TaskRunContext

        if not (TaskRunContext.get() or FlowRunContext.get()):
            return
        started = time.monotonic()
        try:
            tell()
        except Exception:
            log.debug("the server was not told how far this is", exc_info=True)
        now = time.monotonic()
        self._next = now + max(EVERY, 10 * (now - started))

    def _made(self, key: str, says: str) -> None:
        from prefect.artifacts import create_progress_artifact

        made = create_progress_artifact(self._percent, key=key, description=says)
        self._artifact = made if isinstance(made, UUID) else None

    def _updated(self) -> None:
        from prefect.artifacts import update_progress_artifact

        if self._artifact:
            update_progress_artifact(self._artifact, self._percent)

    @property
    def _percent(self) -> float:
        return round(100 * self._done / self._total, 1) if self._total else 100.0
