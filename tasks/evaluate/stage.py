"""The evaluate stage: base and adapters read the same held-out pages, and are scored alike."""

from __future__ import annotations

from importlib.metadata import version

from tasks.config import EvaluateRun
from tasks.evaluate.held_out import held_out
from tasks.evaluate.predict import predict, prediction_table, systems_of
from tasks.evaluate.scores import build_table, score_all, score_table
from tasks.records import StageRef, digest
from tasks.stage import Counts, Stage
from tasks.store import Folder
from tasks.train.environment import base_digest

_READERS = ("torch", "transformers", "tokenizers", "peft", "pillow", "pyromark", "rapidfuzz", "numpy")


def _evaluate(folder: Folder, config: EvaluateRun, dataset: StageRef, *adapters: StageRef) -> Counts:
    """Write predictions.parquet, scores.parquet and table.json.

    `dataset` is a published one; `adapters` are folders of training stages, which name the systems. Raises
    StageError where no test page fits [pages], and for adapters of another base or prompt.
    """
    systems = systems_of(adapters, config)
    chosen = held_out(dataset, config)
    answers = predict(folder, config, chosen, systems)
    folder.write_table("predictions.parquet", prediction_table(chosen, answers), compression="zstd")
    scores = score_all([page.markdown for page in chosen.pages], answers)
    folder.write_table("scores.parquet", score_table(chosen.pages, scores), compression="zstd")
    table = build_table([page.family for page in chosen.pages], scores, config.evaluate)
    folder.write_json("table.json", table)
    return {
        "suited pages": chosen.suited,
        "pages": table["pages"],
        "families": table["families"],
        **{f"composite {row['system']}": row["mean"] for row in table["means"] if row["metric"] == "composite_v2"},
    }


def _environment(config: EvaluateRun) -> str:
    return digest(base_digest(config.model.base), *(f"{name} {version(name)}" for name in _READERS))


evaluate_stage = Stage("evaluate", 1, _evaluate, _environment)

evaluate = evaluate_stage.task(retries=0, timeout_seconds=24 * 3600)
