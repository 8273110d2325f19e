"""Images to count in, kept as Parquet with the columns of R1-V's CLEVR (image, problem, solution).

Drawn here (`scenes`) or taken from elsewhere (`tasks.counting.real`), they are read as the same `Example`.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import version
from typing import Any, Literal

import pyarrow as pa
from PIL import Image
from pydantic import Field, model_validator

from tasks.counting import povray
from tasks.counting.reward import extract_count
from tasks.counting.scenes import Domain, check_layout, draw_scene
from tasks.records import StageError, StageRef, digest
from tasks.render_config import Config
from tasks.stage import Counts, Stage
from tasks.store import Folder

PROBLEM = "How many items are there in the image?"
ROWS_PER_FILE = 500

Look = Literal["flat", "povray"]
Row = dict[str, Any]


class ScenesConfig(Config):
    """Scenes `first` to `first + images - 1` of a seed. Seeds that differ share no scene."""

    domain: Domain = "in"
    look: Look = Field("flat", description="'flat' (quick, plain shapes) or 'povray' (solid, with shadows)")
    images: int = Field(200, ge=1, description="How many")
    first: int = Field(0, ge=0, description="Number of the first one")
    size: int = Field(160, ge=32, le=1024, description="Width and height of an image in px")
    counts: tuple[int, int] = Field((3, 10), description="Fewest and most objects in an image, uniformly drawn")
    seed: int = 0

    @model_validator(mode="after")
    def _layout(self) -> ScenesConfig:
        check_layout(self.size, self.counts)
        if self.look == "povray" and not 0 <= self.counts[1] <= povray.MOST:
            raise ValueError(f"counts to {self.counts[1]}: look 'povray' shows at most {povray.MOST} objects")
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


def _scenes(folder: Folder, config: ScenesConfig, workers: int = 1) -> Counts:
    """`workers` scenes are drawn at once; more than one helps the look 'povray' only."""
    last = config.first + config.images
    objects = 0
    with ThreadPoolExecutor(workers) as pool:

        def draw(first: int) -> list[Row]:
            indexes = range(first, min(first + ROWS_PER_FILE, last))
            return list(pool.map(lambda index: _draw(config, index), indexes))

        for number, first in enumerate(range(config.first, last, ROWS_PER_FILE)):
            rows = write_once(folder, number, partial(draw, first))
            objects += sum(len(row["objects"]) for row in rows)
    return {"images": config.images, "objects": objects}


def _draw(config: ScenesConfig, index: int) -> Row:
    draw = draw_scene if config.look == "flat" else povray.draw_solid_scene
    scene = draw(config.seed, index, config.domain, config.size, config.counts)
    file = io.BytesIO()
    scene.image.save(file, "PNG")
    return row(file.getvalue(), f"{config.domain}-{config.seed}-{index}.png", scene.count, map(str, scene.items))


def row(image: bytes, path: str, count: int, objects: Iterable[str] = (), problem: str = PROBLEM) -> Row:
    """One row of the table. `path` is the image's name, and no file."""
    solution = f"<answer> {count} </answer>"
    return {"image": {"bytes": image, "path": path}, "problem": problem, "solution": solution, "objects": list(objects)}


def write_once(folder: Folder, number: int, make: Callable[[], list[Row]]) -> list[Row]:
    """Write the rows that `make` returns as the file `number`; or read what a run that was stopped left there."""
    name = f"data/train-{number:05d}.parquet"
    if not folder.exists(name):
        table = pa.Table.from_pylist(make(), _schema())
        folder.write_table(name, table, compression="zstd", row_group_size=ROWS_PER_FILE // 5)
    return list(folder.read_table(name, columns=["objects"]).to_pylist())


def _schema() -> pa.Schema:
    """The columns of `leonardPKU/clevr_cogen_a_train`, and the objects. `datasets` decodes the image."""
    from datasets import Features, Value
    from datasets import Image as ImageFeature
    from datasets import List as ListFeature

    text = Value("string")
    columns = {"image": ImageFeature(), "problem": text, "solution": text, "objects": ListFeature(text)}
    return Features(columns).arrow_schema


def read_scenes(ref: StageRef | str) -> list[Example]:
    """The examples of a finished stage of images (or its URI), in order."""
    folder = Folder(ref if isinstance(ref, str) else ref.uri)
    rows = [r for name in folder.names("data/*.parquet") for r in folder.read_table(name).to_pylist()]
    return [Example(r["image"]["bytes"], count_of(r["solution"]), tuple(r["objects"])) for r in rows]


def count_of(solution: str) -> int:
    """The count that a dataset gives as a solution. Raises StageError where it gives none."""
    if (count := extract_count(solution)) is None:
        raise StageError(f"{solution!r}: a solution without a count")
    return count


def _environment(config: ScenesConfig) -> str:
    drawn_by = povray.version_of_povray() if config.look == "povray" else ""
    return digest(f"pillow {version('pillow')}", drawn_by)


scenes_stage = Stage("scenes", 1, _scenes, _environment)
scenes = scenes_stage.task()
