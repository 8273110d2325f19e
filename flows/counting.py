"""The counting study."""

from __future__ import annotations

from prefect import flow, get_run_logger

from tasks.counting.config import CountingConfig
from tasks.counting.study import counting, read_rows
from tasks.counting.table import as_text
from tasks.records import StageRef
from tasks.store import Folder

DEFAULTS = CountingConfig()


@flow(name="counting-study")
def counting_study(config: CountingConfig = DEFAULTS) -> StageRef:
    """How well a model that was not trained to count does so in drawn scenes, under every prompt and in every domain.

    Its greedy answers are scored by `count_reward`; accuracy, the share of answers with a count, accuracy among
    these, mean reward and the share of clipped answers are logged, each with its n and a 95 % bootstrap interval
    over images. Nothing is trained here.
    """
    study = counting(config)
    get_run_logger().info("untrained %s, greedy\n%s", config.base, as_text(read_rows(Folder(study.uri))))
    return study
