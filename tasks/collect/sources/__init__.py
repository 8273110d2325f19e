"""The kinds of sources, a module each, and the catalogue of what is collected from them."""

from __future__ import annotations

import importlib
import pkgutil
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from tasks.collect.source import Source
from tasks.config import CollectConfig
from tasks.records import UsageError

CATALOGUE = Path(__file__).parents[3] / "data" / "sources.toml"


def open_sources(config: CollectConfig) -> dict[str, Source]:
    """The configured sources by name, in their order: entries of the catalogue, 'corpus', or 'folder'.

    Raises UsageError, one line naming file, entry and remedy.
    """
    path = Path(config.catalogue) if config.catalogue else CATALOGUE
    entries: dict[str, Any] = {"corpus": {"kind": "corpus"}, "folder": {"kind": "folder", "folder": config.folder}}
    if set(config.sources) - set(entries):
        entries |= _entries(path)
    if unknown := [name for name in config.sources if name not in entries]:
        raise UsageError(f"{path}: no source {unknown[0]!r}; there are {', '.join(sorted(entries))}")
    if unknown := [name for name in config.required if name not in config.sources]:
        listed = ", ".join(config.sources)
        raise UsageError(f"collect.required names {unknown[0]!r}, which is none of collect.sources: {listed}")
    return {name: _open(entries[name], f"{path}: {name}") for name in dict.fromkeys(config.sources)}


def _entries(path: Path) -> Mapping[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as e:
        raise UsageError(f"{path}: not a readable catalogue of sources: {e}") from None


def _open(entry: Any, name: str) -> Source:
    kinds = [module.name for module in pkgutil.iter_modules(__path__)]
    kind = entry.get("kind") if isinstance(entry, dict) else None
    if kind not in kinds:
        raise UsageError(f"{name}: kind is {kind!r}; choose from {', '.join(kinds)}")
    module = importlib.import_module(f"{__name__}.{kind}")
    try:
        source: Source = module.Source.model_validate(entry)
    except ValidationError as e:
        problems = "; ".join(f"{'.'.join(map(str, x['loc']))}: {x['msg']}" for x in e.errors())
        raise UsageError(f"{name}: {problems}") from None
    return source
