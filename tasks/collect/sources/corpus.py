"""The embedded corpus: documents of `data/corpus`, each checked against its index."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tasks.collect import source
from tasks.collect.fetch import Fetcher
from tasks.collect.source import Original
from tasks.config import CollectConfig
from tasks.records import StageError, digest

CORPUS = Path(__file__).parents[3] / "data" / "corpus"


class Source(source.Source):
    """The documents of the corpus in the order of its index."""

    kind: str = "corpus"
    root: Path = CORPUS

    def plan(self) -> list[str]:
        return [file["path"] for package in load_index(self.root)["packages"] for file in package["files"]]

    def read(self, fetcher: Fetcher, config: CollectConfig) -> Iterator[Original]:
        """Raises StageError if a file is missing or is not the one that the index names."""
        for package in load_index(self.root)["packages"]:
            release = f"{package['package']}@{package['version']}"
            attribution = "; ".join([release, *package["copyright"], package["license"]])
            if note := package.get("modified"):
                attribution += f"; modified: {note}"
            for file in package["files"]:
                yield Original(
                    _read(self.root / file["path"], file["sha256"]),
                    file["path"],
                    doc_id=digest("corpus", package["package"], file["upstream"]),
                    source=self.kind,
                    family=family_name(package["family"]),
                    url=package["url"],
                    revision=release,
                    license=package["license"],
                    evidence="licence file of the released package",
                    attribution=attribution,
                    language=file["language"],
                )


def load_index(root: Path = CORPUS) -> dict[str, Any]:
    """`index.json`: counts per part, and per package its version, licence, copyright lines, project page and files.

    Raises StageError if it is missing or not JSON.
    """
    path = root / "index.json"
    try:
        index: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as e:
        raise StageError(
            f"{path}: the corpus index cannot be read ({e}); restore data/corpus from the repository"
        ) from e
    return index


def family_name(package: str) -> str:
    """A package's name in lower case letters, digits and dashes: `@scope/some.name` is `scope-some-name`."""
    return re.sub(r"[^a-z0-9]+", "-", package.lower()).strip("-")


def _read(path: Path, sha256: str) -> bytes:
    try:
        raw = path.read_bytes()
    except OSError as e:
        raise StageError(f"{path}: listed in the corpus index, but {e.strerror}; restore data/corpus") from e
    if (found := hashlib.sha256(raw).hexdigest()) != sha256:
        raise StageError(f"{path}: sha256 is {found[:12]}…, the index says {sha256[:12]}…; restore data/corpus")
    return raw
