"""The dataset card, from what was measured."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from tasks.config import PublishConfig
from tasks.features import FEATURES
from tasks.records import Document, StageRef

_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))


def _percent(flags: Iterable[bool]) -> str:
    found = list(flags)
    return f"{100 * sum(found) / len(found):.2f} %" if found else "–"


def funnel(collected: StageRef, rendered: StageRef, rejects: Sequence[Mapping[str, Any]]) -> list[tuple[str, int]]:
    """What came in, what was dropped for which reason, and what is left, in order."""
    dropped = Counter((r["stage"], r["reason"]) for r in rejects if r["reason"] != "cut")
    rows: list[tuple[str, int]] = [("files found", int(collected.counts["found"]))]
    rows += [(f"file rejected: {reason}", n) for (stage, reason), n in sorted(dropped.items()) if stage == "collect"]
    rows += [("documents", int(collected.counts["documents"]))]
    rows += [("documents cut at the length limit", int(collected.counts["cut"]))]
    rows += [("pages rendered", int(rendered.counts["pages"]))]
    rows += [(f"rejected: {reason}", n) for (stage, reason), n in sorted(dropped.items()) if stage != "collect"]
    return rows


def card(
    config: PublishConfig,
    documents: Sequence[Document],
    pages: Sequence[Mapping[str, Any]],
    collected: StageRef,
    rendered: StageRef,
    split: StageRef,
    rejects: Sequence[Mapping[str, Any]],
) -> str:
    """README.md of the dataset. `pages` are rows of the render index."""
    kept = [p for p in pages if not p["reject"]]
    by_language = Counter(p["language"] for p in kept)
    by_source = Counter((p["source"], p["license"]) for p in kept)
    documents_by_source = Counter((d.source, d.license) for d in documents)
    found = Counter(f for p in kept for f in p["features"])
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), undefined=StrictUndefined, trim_blocks=False
    )
    return environment.get_template("card.md.j2").render(
        name=config.name,
        documents=len(documents),
        languages=[
            {"name": name, "pages": n, "documents": sum(d.language == name for d in documents)}
            for name, n in by_language.most_common()
        ],
        size=next((label for limit, label in _SIZES if len(kept) < limit), "n>1M"),
        features=[(f, found[f]) for f in FEATURES if found[f]],
        split=split.counts,
        measured=rendered.counts,
        agreeing=_percent(p["agreement"] >= 0.98 for p in kept),
        funnel=[
            *funnel(collected, rendered, rejects),
            ("pages published", int(split.counts["train"]) + int(split.counts["test"])),
        ],
        sources=[
            {"source": s, "license": license, "documents": documents_by_source[s, license], "pages": n}
            for (s, license), n in sorted(by_source.items())
        ],
    )
