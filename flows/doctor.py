"""What a run needs of the machine, checked one by one."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator

from tasks.config import Checkpoint, CollectConfig, HubModel, RunConfig, System
from tasks.records import StageError, UsageError

Check = Callable[[RunConfig], str]


def _python(_: RunConfig) -> str:
    if not (3, 11) <= sys.version_info[:2] <= (3, 12):
        raise UsageError(f"Python {sys.version.split()[0]}; 3.11 or 3.12 is needed")
    return sys.version.split()[0]


def _packages(_: RunConfig) -> str:
    names = ("torch", "transformers", "trl", "peft", "prefect", "weasyprint", "pymupdf")
    return ", ".join(f"{name} {importlib.metadata.version(name)}" for name in names)


def _fonts(run: RunConfig) -> str:
    from tasks.render.fonts import FALLBACKS, require

    looks = [run.render, *([run.small] if run.small else [])]
    families = {*FALLBACKS, *(f for look in looks for f in (*look.fonts_en, *look.fonts_ja, *look.fonts_code))}
    require(tuple(sorted(families)))
    return f"{len(families)} families"


def _layout(_: RunConfig) -> str:
    from tasks.render.layout import library_versions

    return ", ".join(library_versions())


def _store(_: RunConfig) -> str:
    from tasks.store import Folder, home

    folder = Folder(home()) / "doctor"
    folder.write("probe", b"recto")
    folder.delete()
    free = f", {shutil.disk_usage(home()).free / 2**30:.0f} GiB free" if os.path.isdir(home()) else ""
    return f"{home()} can be written{free}"


def _model(run: RunConfig) -> str:
    from tasks.model.load import resolve

    return str(resolve(run.model.base))


def _needs_hub(system: System) -> bool:
    from tasks.model.load import resolve

    return isinstance(system, HubModel) or (isinstance(system, Checkpoint) and not os.path.isdir(resolve(system.base)))


def _systems(run: RunConfig) -> str:
    """What the run's other systems need; nothing of what only a network could bring."""
    from tasks.evaluate.read import name_of
    from tasks.evaluate.systems import versions

    there = [name_of(s) for s in run.evaluate.systems if _needs_hub(s) or versions(s)]
    return ", ".join(there) or "none besides base and adapters"


def _tools(_: RunConfig) -> str:
    from tasks.collect.pandoc import pandoc_version

    return f"pandoc {pandoc_version()}"


def _services(run: RunConfig) -> str:
    """What a run that collects from services needs before the first request."""
    from tasks.collect.snapshot import fetcher_for
    from tasks.collect.sources import open_sources

    online = [name for name, source in open_sources(run.collect).items() if source.online]
    if not online:
        return "none are asked"
    token = "a token" if os.environ.get("GITHUB_TOKEN") else "no token in GITHUB_TOKEN: 60 requests an hour"
    return f"{', '.join(online)} as {fetcher_for(run.collect).identity}; GitHub: {token}"


def _device(_: RunConfig) -> str:
    import torch

    return torch.cuda.get_device_name() if torch.cuda.is_available() else f"CPU, {torch.get_num_threads()} threads"


CHECKS: dict[str, Check] = {
    "python": _python,
    "packages": _packages,
    "fonts": _fonts,
    "layout": _layout,
    "store": _store,
    "model": _model,
    "systems": _systems,
    "device": _device,
    "tools": _tools,
    "services": _services,
}


def _results(run: RunConfig) -> Iterator[tuple[str, bool, str]]:
    for name, check in CHECKS.items():
        try:
            yield name, True, check(run)
        except (StageError, UsageError, ImportError, OSError) as e:
            yield name, False, str(e)


def examine(run: RunConfig) -> int:
    """Print a line a check; returns how many failed."""
    return _tell(_results(run))


def examine_sources(config: CollectConfig) -> int:
    """Ask every source of a run for all that it names, and print a line each; returns how many have a problem."""
    from tasks.collect.snapshot import fetcher_for
    from tasks.collect.sources import open_sources

    fetcher = fetcher_for(config)
    answers = ((name, found) for name, source in open_sources(config).items() for found in source.check(fetcher))
    return _tell(
        (name, isinstance(found, str), found if isinstance(found, str) else found.detail) for name, found in answers
    )


def _tell(results: Iterable[tuple[str, bool, str]]) -> int:
    failed = 0
    for name, ok, line in results:
        print(f"{'ok  ' if ok else 'FAIL'} {name:9} {line}")
        failed += not ok
    return failed
