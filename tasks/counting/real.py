"""The article's own images: CLEVR and SuperCLEVR from the Hub, and R1-V's file of 200 SuperCLEVR questions.

They are kept as `scenes` keeps what is drawn, and read by `read_scenes`.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from PIL import Image
from pydantic import Field

from tasks.counting.data import ROWS_PER_FILE, Row, count_of, row, write_once
from tasks.hub import client
from tasks.records import StageError, UsageError, digest
from tasks.render_config import Config
from tasks.stage import Counts, Stage
from tasks.store import Folder

LONGEST_SIDE = 4096
"""Larger images are refused."""


@dataclass(frozen=True, slots=True)
class Hub:
    """A dataset of the Hub, and the columns that hold the question and the count."""

    name: str
    split: str
    problem: str
    solution: str


HUB = {
    # CLEVR CoGenT A, 70,000 images of 3 to 10 objects, as R1-V trains on it; a solution is "<answer> 3 </answer>"
    "clevr": Hub("leonardPKU/clevr_cogen_a_train", "train", "problem", "solution"),
    # the 200 images and questions of R1-V's test
    "superclevr": Hub("jigsaw-r1/super_clevr", "test", "question", "ground_truth"),
}


class RealConfig(Config):
    """Which images."""

    source: str = Field("clevr", description="'clevr', 'superclevr', or a .jsonl of questions in R1-V's format")
    folder: str = Field("", description="Where the images of a .jsonl are; empty: paths are relative to the file")
    revision: str = Field("main", description="Commit or branch of the Hub's dataset")
    images: int = Field(200, ge=1, description="At most so many")
    first: int = Field(0, ge=0, description="So many are passed over")


def _real(folder: Folder, config: RealConfig) -> Counts:
    found = _hub_rows(config) if config.source in HUB else _file_rows(config)
    rows = islice(found, config.images)
    images = number = 0
    while part := list(islice(rows, ROWS_PER_FILE)):
        write_once(folder, number, partial(list, part))
        images, number = images + len(part), number + 1
    if not images:
        raise StageError(f"{config.source}: no image from number {config.first} on")
    return {"images": images}


def _hub_rows(config: RealConfig) -> Iterator[Row]:
    """Rows of a dataset of the Hub, streamed: no more is fetched than is read."""
    import httpx
    from datasets import Image as ImageFeature
    from datasets import load_dataset

    hub = HUB[config.source]
    client()  # bounds the waits of `datasets` too
    try:
        found = load_dataset(hub.name, split=hub.split, revision=config.revision, streaming=True)
        if isinstance((found.features or {}).get("image"), ImageFeature):
            found = found.cast_column("image", ImageFeature(decode=False))
        for number, entry in enumerate(found.skip(config.first), config.first):
            image = entry["image"]["bytes"] if isinstance(entry["image"], dict) else entry["image"]
            name = f"{config.source}-{number}"
            yield row(_checked(image, name), name, count_of(str(entry[hub.solution])), (), entry[hub.problem])
    except KeyError as e:
        raise StageError(f"{hub.name}: has no column {e} any more") from e
    except (OSError, ValueError, httpx.HTTPError) as e:
        first = (str(e).strip().splitlines() or [type(e).__name__])[0]
        raise StageError(
            f"{hub.name}: cannot be read from the Hub ({first}); check the network, or take drawn scenes instead"
        ) from e


def _file_rows(config: RealConfig) -> Iterator[Row]:
    """Rows of a file of questions, one JSON object a line: `image_path`, `question`, `ground_truth`."""
    file = Path(config.source).expanduser()
    images = (Path(config.folder).expanduser() if config.folder else file.parent).resolve()
    for number, line in list(enumerate(_lines(config.source), 1))[config.first :]:
        try:
            entry: dict[str, Any] = json.loads(line)
            name, count, question = str(entry["image_path"]), int(entry["ground_truth"]), str(entry["question"])
        except (ValueError, TypeError, KeyError) as e:
            raise UsageError(
                f"{file}, line {number}: no object with image_path, question and ground_truth ({e})"
            ) from e
        path = (images / name).resolve()
        if not path.is_relative_to(images):
            raise UsageError(f"{file}, line {number}: {name} is not below {images}")
        if not path.is_file():
            raise UsageError(f"{file}, line {number}: no image {path}; `folder` names where the images are")
        yield row(_checked(path.read_bytes(), name), name, count, (), question)


def _lines(source: str) -> list[str]:
    try:
        text = Path(source).expanduser().read_text()
    except (OSError, UnicodeDecodeError) as e:
        raise UsageError(f"{source}: {', '.join(HUB)} or a readable .jsonl file of questions ({e})") from None
    return [line for line in text.split("\n") if line.strip()]


def _checked(data: bytes, name: str) -> bytes:
    """The image's file, if it can be decoded. Raises StageError where it cannot."""
    try:
        with Image.open(io.BytesIO(data)) as image:
            if max(image.size) > LONGEST_SIDE:
                raise StageError(f"{name}: an image of {image.size[0]} x {image.size[1]} px, over {LONGEST_SIDE}")
            image.load()
    except (OSError, TypeError, SyntaxError, Image.DecompressionBombError) as e:
        raise StageError(f"{name}: not a readable image: {e}") from e
    return data


def _environment(config: RealConfig) -> str:
    return "" if config.source in HUB else digest(*_lines(config.source))


real_stage = Stage("real-images", 1, _real, _environment)
real = real_stage.task()
