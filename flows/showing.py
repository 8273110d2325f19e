"""What the Prefect UI shows of a run beside its stages: a name that says what it is, and the dataset in a table."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from typing import Any

from prefect import runtime
from prefect.artifacts import create_image_artifact, create_table_artifact

from tasks.dataset.split import PROOF_FILE
from tasks.evaluate.report.content import read_log
from tasks.evaluate.report.curves import training_image
from tasks.records import StageRef
from tasks.store import Folder

_SHORT = 7  # digits of a digest or commit


def name_by(say: Callable[..., str]) -> Callable[[], str]:
    """A `flow_run_name`: what `say` makes of the flow's parameters."""
    return lambda: say(**runtime.flow_run.parameters)


def short_name(reference: str) -> str:
    """Of a model, folder, URI or Hub `repo@revision`: its last part, a digest or commit cut short."""
    last = re.split(r"[/@]", reference.rstrip("/"))[-1]
    return last[:_SHORT] if re.fullmatch(r"[0-9a-f]{16,}", last) else last


def show_dataset(split: StageRef) -> None:
    """Create the artifact `dataset-pages`: pages and families of each language, source and feature, and how many of
    them are held out."""
    rows: list[dict[str, Any]] = [
        {
            "pages of": row["stratum"],
            "pages": row["pages"],
            "held out": row["test_pages"],
            "families": row["families"],
            "families held out": row["test_families"],
        }
        for row in Folder(split.uri).read_json(PROOF_FILE)["strata"]
    ]
    create_table_artifact(
        rows, key="dataset-pages", description="Pages and families of the dataset, and those held out"
    )


def show_training(sft: StageRef, grpo: StageRef) -> None:
    """Create the artifact `training-curves`, an image that is part of its address, so that any browser can show it."""
    if image := training_image({"sft": read_log(sft), "grpo": read_log(grpo)}):
        url = f"data:image/png;base64,{base64.b64encode(image).decode()}"
        create_image_artifact(url, key="training-curves", description="Loss of SFT and mean reward of GRPO by step")
