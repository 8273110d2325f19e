"""The embedded corpus: documents of `data/corpus`, each checked against its index."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

from tasks.collect.intake import Intake
from tasks.config import CollectConfig
from tasks.records import Document, Reject, StageError, digest

CORPUS = Path(__file__).parents[2] / "data" / "corpus"


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


def collect_corpus(config: CollectConfig, root: Path = CORPUS) -> tuple[list[Document], list[Reject]]:
    """The documents of the corpus in the order of its index, and what was rejected.

    Raises StageError if a file is missing or is not the one that the index names.
    """
    intake = Intake(config)
    for package in load_index(root)["packages"]:
        release = f"{package['package']}@{package['version']}"
        attribution = "; ".join([release, *package["copyright"], package["license"]])
        if note := package.get("modified"):
            attribution += f"; modified: {note}"
        for file in package["files"]:
            intake.add(
                _read(root / file["path"], file["sha256"]),
                file["path"],
                doc_id=digest("corpus", package["package"], file["upstream"]),
                source="corpus",
                family=family_name(package["family"]),
                url=package["url"],
                revision=release,
                license=package["license"],
                attribution=attribution,
                language=file["language"],
            )
    return intake.documents, intake.rejects


def _read(path: Path, sha256: str) -> bytes:
    try:
        raw = path.read_bytes()
    except OSError as e:
        raise StageError(f"{path}: listed in the corpus index, but {e.strerror}; restore data/corpus") from e
    if (found := hashlib.sha256(raw).hexdigest()) != sha256:
        raise StageError(f"{path}: sha256 is {found[:12]}…, the index says {sha256[:12]}…; restore data/corpus")
    return raw
