"""The evaluate stage: what every system read of a page set is scored, and the systems are compared."""

from __future__ import annotations

from importlib.metadata import version

from tasks.config import ScoreRun
from tasks.evaluate.page_set import read_page_set
from tasks.evaluate.scores import evaluate_pages, load_read
from tasks.records import StageRef, digest
from tasks.stage import Counts, Stage
from tasks.store import Folder

_SCORERS = ("pyromark", "beautifulsoup4", "rapidfuzz", "apted", "scipy", "numpy")


def _evaluate(folder: Folder, config: ScoreRun, pages: StageRef, *reads: StageRef) -> Counts:
    """Write scores.parquet, table.json and metrics.json.

    `pages` is a page set, `reads` are finished read stages of it. Raises StageError where they do not fit together.
    """
    found = evaluate_pages(read_page_set(pages), [load_read(ref) for ref in reads], config)
    folder.write_table("scores.parquet", found.scores, compression="zstd")
    folder.write_json("table.json", found.table)
    folder.write_json("metrics.json", found.metrics)
    headline = found.table["headline"]
    means = {row["system"]: row["mean"] for row in found.table["means"] if row["metric"] == headline}
    return {
        "pages": found.table["pages"],
        "families": found.table["families"],
        **{f"{headline} {system}": "none" if mean is None else mean for system, mean in means.items()},
    }


def _environment(config: ScoreRun) -> str:
    return digest(*(f"{name} {version(name)}" for name in _SCORERS))


evaluate_stage = Stage("evaluate", 2, _evaluate, _environment)
evaluate = evaluate_stage.task(retries=0, timeout_seconds=24 * 3600)
