"""Images to count in, kept as Parquet with the columns of R1-V's CLEVR (image, problem, solution).

Drawn here (`scenes`) or taken from elsewhere (`tasks.counting.real`), they are read into the same `Example`.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any, Literal

import pyarrow as pa
from PIL import Image
from pydantic import Field, model_validator

from tasks.counting.scenes import Domain, check_layout, draw_scene
from tasks.records import StageRef, digest
from tasks.render_config import Config
from tasks.stage import Counts, Stage
from tasks.store import Folder

FILE = "data/train-00000-of-00001.parquet"
PROBLEM = "How many items are there in the image?"
ROWS_PER_GROUP = 256

Look = Literal["flat"]


class ScenesConfig(Config):
    """Scenes `first` to `first + images - 1` of a seed. Seeds that differ share no scene."""

    domain: Domain = "in"
    look: Look = "flat"
    images: int = Field(200, ge=1, description="How many")
    first: int = Field(0, ge=0, description="Number of the first one")
    size: int = Field(160, ge=32, le=1024, description="Width and height of an image in px")
    counts: tuple[int, int] = Field((3, 10), description="Fewest and most objects in an image, uniformly drawn")
    seed: int = 0

    @model_validator(mode="after")
    def _layout(self) -> ScenesConfig:
        check_layout(self.size, self.counts)
        return self


@dataclass(frozen=True, slots=True)
class Example:
    """An image and the number of objects in it; `objects` names each ("red cube") where that is known."""

    data: bytes = field(repr=False)
    """The image's file: PNG, or what a dataset keeps."""
    count: int
    objects: tuple[str, ...] = ()

    @property
    def image(self) -> Image.Image:
        """The decoded image, RGB."""
        with Image.open(io.BytesIO(self.data)) as image:
            return image.convert("RGB")


def _scenes(folder: Folder, config: ScenesConfig) -> Counts:
    rows = [_row(config, index) for index in range(config.first, config.first + config.images)]
    folder.write_table(FILE, pa.Table.from_pylist(rows, _schema()), compression="zstd", row_group_size=ROWS_PER_GROUP)
    return {"images": len(rows), "objects": sum(len(row["objects"]) for row in rows)}


def _row(config: ScenesConfig, index: int) -> dict[str, Any]:
    scene = draw_scene(config.seed, index, config.domain, config.size, config.counts)
    file = io.BytesIO()
    scene.image.save(file, "PNG")
    return {
        "image": {"bytes": file.getvalue(), "path": f"{config.domain}-{config.seed}-{index}.png"},
        "problem": PROBLEM,
        "solution": f"<answer> {scene.count} </answer>",
        "objects": [str(item) for item in scene.items],
    }


def _schema() -> pa.Schema:
    """The columns of `leonardPKU/clevr_cogen_a_train`, and the objects. `datasets` decodes the image."""
    from datasets import Features, Value
    from datasets import Image as ImageFeature
    from datasets import List as ListFeature

    text = Value("string")
    columns = {"image": ImageFeature(), "problem": text, "solution": text, "objects": ListFeature(text)}
    return Features(columns).arrow_schema


def read_scenes(ref: StageRef | str) -> list[Example]:
    """The examples of a finished `scenes` stage (or its URI), in the order of their index."""
    folder = Folder(ref if isinstance(ref, str) else ref.uri)
    rows = folder.read_table(FILE, columns=["image", "objects"]).to_pylist()
    return [Example(row["image"]["bytes"], len(row["objects"]), tuple(row["objects"])) for row in rows]


def _environment(config: ScenesConfig) -> str:
    return digest(f"pillow {version('pillow')}")


scenes_stage = Stage("scenes", 1, _scenes, _environment)
scenes = scenes_stage.task()
