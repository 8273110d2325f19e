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

    try:
        return f"pandoc {pandoc_version()}"
    except OSError as e:
        problem = str(e).splitlines()[0]
        raise StageError(f"pandoc cannot be run ({problem}); it comes with pypandoc-binary: run make setup") from None


def _services(run: RunConfig) -> str:
    """What a run that collects from services needs before the first request."""
    from tasks.collect.snapshot import fetcher_for
    from tasks.collect.sources import open_sources

    online = [name for name, source in open_sources(run.collect).items() if source.online]
    if not online:
        return "none are asked"
    return f"{', '.join(online)} as {fetcher_for(run.collect).identity}"


def _tokens(run: RunConfig) -> str:
    from huggingface_hub import get_token

    from tasks.collect.sources import open_sources

    told = []
    if any(source.kind == "github" for source in open_sources(run.collect).values()):
        without = "no token in GITHUB_TOKEN: 60 requests an hour, few for many repositories; make one, without scopes"
        told.append("one for GitHub" if os.environ.get("GITHUB_TOKEN") else without)
    if run.upload.dataset or run.upload.adapter:
        if not get_token():
            raise UsageError("the run uploads, and there is no token: make one that writes, and export it as HF_TOKEN")
        told.append("one for the Hub")
    return "; ".join(told) or "none are needed"


def _reach(run: RunConfig) -> str:
    """Whether the hosts of a run's sources answer at all; `--sources` asks them for what the run names."""
    import httpx

    from tasks.collect.fetch import Fetcher, FetchError, Manners
    from tasks.collect.sources import open_sources

    asked = Fetcher(run.collect.contact, None, run.collect.mirrors, tries=1, seconds=10)
    hosts = dict.fromkeys(host for source in open_sources(run.collect).values() for host in source.hosts())
    for host in hosts:
        try:
            asked.ask(httpx.Request("GET", f"https://{host}/"), Manners(pace=0, check=lambda _: ""))
        except FetchError as e:
            if not e.status:  # a refusal is an answer
                raise StageError(
                    f"{e}; check network and proxy, or name what answers in its place in collect.mirrors"
                ) from None
    return ", ".join(hosts) or "nothing is asked"


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
    "tokens": _tokens,
    "reach": _reach,
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
