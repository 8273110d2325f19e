"""One cell of a study: a base learns to count by GRPO."""

from __future__ import annotations

import time
from typing import Any

import pyarrow as pa

from tasks.counting.config import Checkpoint
from tasks.counting.data import read_scenes
from tasks.counting.grpo_config import CountingGrpoConfig
from tasks.counting.policy import environment, keep, opened
from tasks.counting.prompts import PROMPTS, PromptName
from tasks.records import StageRef
from tasks.render_config import Config
from tasks.stage import Counts, Stage
from tasks.store import Folder

LOG = "log.parquet"


class CellRun(Config):
    """What decides a trained policy, its images and a base made here apart."""

    prompt: PromptName
    grpo: CountingGrpoConfig
    checkpoint: Checkpoint | None = None


def _cell(folder: Folder, config: CellRun, images: StageRef, *base: StageRef) -> Counts:
    """The policy, in `model`, and its log, a row a step."""
    from tasks.counting.grpo import train

    started = time.process_time()
    examples = read_scenes(images)
    with opened(base[0] if base else None, config.checkpoint) as (model, processor):
        rows = train(model, processor, examples, PROMPTS[config.prompt], config.grpo)
        keep(folder, model, processor)
    folder.write_table(LOG, pa.Table.from_pylist(rows), compression="zstd")
    return {"steps": len(rows), "cpu_seconds": round(time.process_time() - started, 1)}


def read_log(ref: StageRef) -> list[dict[str, Any]]:
    """The log of a finished cell: the rows of `counting.grpo.train`."""
    rows: list[dict[str, Any]] = Folder(ref.uri).read_table(LOG).to_pylist()
    return rows


def _environment(config: CellRun) -> str:
    return environment(config.checkpoint, config.prompt)


cell_stage = Stage("counting-cell", 1, _cell, _environment)
cell = cell_stage.task()
