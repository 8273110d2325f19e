"""A stage: a plain function that fills a folder, named by the digest of all that decides its content.

The one cache rule: a stage is done when its folder holds a manifest. The Prefect task of a stage has the
same digest as its cache key, and a hit counts only if the manifest is there.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from tasks.records import StageError, StageRef, digest
from tasks.store import Folder, finish, finished, home

if TYPE_CHECKING:
    from prefect import State, Task

Counts = Mapping[str, int | float | str]


def _no_environment(config: BaseModel) -> str:
    return ""


@dataclass(frozen=True)
class Stage:
    """`run(folder, config, *inputs, **neutral)` fills the folder and returns counts.

    `version` is raised when the stage's code changes what it writes. `environment(config)` digests what else
    decides the content: library and font versions, files outside the store. `neutral` arguments (such as the
    number of processes) never change the content, so they are no part of the digest.
    """

    name: str
    version: int
    run: Callable[..., Counts]
    environment: Callable[[Any], str] = _no_environment
    ignore: tuple[str, ...] = ()
    """Configuration keys that do not decide the content."""

    def digest(self, config: BaseModel, *inputs: StageRef | str) -> str:
        settings = config.model_dump_json(exclude=set(self.ignore))
        keys = [i if isinstance(i, str) else i.digest for i in inputs]
        return digest(self.name, str(self.version), settings, self.environment(config), *keys)

    def folder(self, key: str) -> Folder:
        return Folder(home()) / self.name / key

    def done(self, config: BaseModel, *inputs: StageRef | str) -> bool:
        return finished(self.folder(self.digest(config, *inputs))) is not None

    def __call__(self, config: BaseModel, *inputs: StageRef | str, **neutral: Any) -> StageRef:
        """Run the stage, or re-use what an earlier run finished."""
        key = self.digest(config, *inputs)
        folder = self.folder(key)
        if (manifest := finished(folder)) is not None:
            return StageRef(folder.uri, key, manifest["counts"], reused=True)
        started = time.monotonic()
        counts = self.run(folder, config, *inputs, **neutral)
        seconds = round(time.monotonic() - started, 1)
        return finish(folder, key, counts, stage=self.name, seconds=seconds, config=config.model_dump(mode="json"))

    def task(self, **options: Any) -> StageTask:
        """The stage as a Prefect task."""
        return StageTask(self, options)


def is_transport(_: Any, __: Any, state: State[Any]) -> bool:
    """Only faults of disk and network are worth a retry: the same document or configuration fails the same way."""
    try:
        state.result()
    except (FileNotFoundError, FileExistsError, NotADirectoryError, IsADirectoryError, PermissionError):
        return False
    except OSError:
        return True
    except Exception:
        return False
    return False


class StageTask:
    """Calls a stage as a Prefect task, says what it did, and drops a cache hit whose folder is not finished."""

    def __init__(self, stage: Stage, options: Mapping[str, Any]) -> None:
        from prefect import task

        def run(config: BaseModel, inputs: tuple[StageRef | str, ...], neutral: dict[str, Any]) -> StageRef:
            return stage(config, *inputs, **neutral)

        def cache_key(_: Any, arguments: dict[str, Any]) -> str:
            return f"{stage.name}-{stage.digest(arguments['config'], *arguments['inputs'])}"

        self.stage = stage
        fixed: dict[str, Any] = {
            "cache_key_fn": cache_key,
            "persist_result": True,
            "retry_condition_fn": is_transport,
        }
        self._task: Task[..., StageRef] = task(name=stage.name, **fixed, **options)(run)

    def __call__(self, config: BaseModel, *inputs: StageRef | str, **neutral: Any) -> StageRef:
        key, done, task = self._prepared(config, inputs)
        return self._told(key, done, task(config, inputs, neutral))

    def submit(self, config: BaseModel, *inputs: StageRef | str, **neutral: Any) -> Callable[[], StageRef]:
        """Start the stage on the flow's task runner; what is returned waits for it.

        It raises StageError where a worker of another machine left nothing in this store under the stage's digest.
        """
        key, done, task = self._prepared(config, inputs)
        future = task.submit(config, inputs, neutral)
        return lambda: self._told(key, done, future.result())

    def _prepared(self, config: BaseModel, inputs: tuple[StageRef | str, ...]) -> tuple[str, bool, Task[..., StageRef]]:
        """The stage's digest, whether it was finished before, and the task that runs or re-uses it."""
        key = self.stage.digest(config, *inputs)
        done = self.stage.done(config, *inputs)
        return key, done, self._task.with_options(refresh_cache=not done)

    def _told(self, key: str, done: bool, ref: StageRef) -> StageRef:
        from prefect import get_run_logger

        folder = self.stage.folder(key)
        if finished(folder) is None:
            raise StageError(
                f"{self.stage.name}: its worker finished {ref.uri}, but {folder.uri} is not there; "
                "give the workers this RECTO_HOME, and the same installation and fonts"
            )
        summary = ", ".join(f"{name} {value}" for name, value in ref.counts.items())
        get_run_logger().info("%s %s %s: %s", self.stage.name, key, "re-used" if done else "done", summary)
        # Prefect may hand back what an earlier run kept, from a store that was elsewhere then
        return replace(ref, uri=folder.uri, reused=done)
