"""Answers of every system to the held-out pages: same prompt, same preprocessing, greedy."""

from __future__ import annotations

import io
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from tasks.config import EvaluateRun
from tasks.evaluate.held_out import HeldOut
from tasks.model.generate import Answer, generate
from tasks.model.load import load_model, load_processor
from tasks.records import StageError, StageRef
from tasks.store import Folder, finished

BASE = "base"
SAMPLES = 12
"""Pages whose image is kept beside the predictions, the first of the order chosen."""

_ANSWERS = pa.schema(
    [("doc_id", pa.string()), ("page_num", pa.int32()), ("text", pa.string()), ("clipped", pa.bool_())]
)
_PAGE = pa.schema(
    [
        ("doc_id", pa.string()),
        ("page_num", pa.int32()),
        ("family", pa.string()),
        ("language", pa.string()),
        ("source", pa.string()),
        ("features", pa.list_(pa.string())),
        ("reference", pa.string()),
        ("image", pa.binary()),
    ]
)


def systems_of(adapters: Sequence[StageRef], config: EvaluateRun) -> dict[str, StageRef | None]:
    """System -> its adapter, the base (None) first; an adapter is called by the stage that made it.

    Raises StageError for two adapters of one name, and for one that was trained on another base or prompt.
    """
    systems: dict[str, StageRef | None] = {BASE: None}
    for ref in adapters:
        manifest = finished(Folder(ref.uri)) or {}
        name = str(manifest.get("stage") or ref.uri.rstrip("/").split("/")[-2])
        if name in systems:
            raise StageError(f"{ref.uri}: there is a system called {name!r} already; evaluate it by itself")
        trained = manifest.get("config", {}).get("model", {})
        for key in ("base", "prompt"):
            if key in trained and trained[key] != getattr(config.model, key):
                raise StageError(
                    f"{ref.uri}: trained with model.{key} = {trained[key]!r}, to be evaluated with "
                    f"{getattr(config.model, key)!r}; give both the same"
                )
        systems[name] = ref
    return systems


def predict(
    folder: Folder, config: EvaluateRun, held_out: HeldOut, systems: Mapping[str, StageRef | None]
) -> dict[str, list[Answer]]:
    """System -> an answer a page. A finished system is written before the next begins, and is not asked again."""
    missing = [name for name in systems if not folder.exists(_file(name))]
    processor = load_processor(config.model.base) if missing else None
    for name in missing:
        answers = _ask(config, processor, held_out, systems[name], name)
        rows = [
            {"doc_id": page.doc_id, "page_num": page.page_num, **answer._asdict()}
            for page, answer in zip(held_out.pages, answers, strict=True)
        ]
        folder.write_table(_file(name), pa.Table.from_pylist(rows, _ANSWERS), compression="zstd")
    return {
        name: [Answer(row["text"], row["clipped"]) for row in folder.read_table(_file(name)).to_pylist()]
        for name in systems
    }


def prediction_table(held_out: HeldOut, answers: Mapping[str, Sequence[Answer]]) -> pa.Table:
    """One row a page: the page, its label as `reference`, and `answer_<system>`, `clipped_<system>` of each system."""
    rows = [
        {
            **{name: getattr(page, name) for name in ("doc_id", "page_num", "family", "language", "features")},
            "source": source,
            "reference": page.markdown,
            "image": image if number < SAMPLES else None,
        }
        for number, (page, source, image) in enumerate(
            zip(held_out.pages, held_out.sources, held_out.images, strict=True)
        )
    ]
    table = pa.Table.from_pylist(rows, _PAGE)
    for name, given in answers.items():
        table = table.append_column(f"answer_{name}", pa.array([a.text for a in given], pa.string()))
        table = table.append_column(f"clipped_{name}", pa.array([a.clipped for a in given], pa.bool_()))
    return table


def _file(name: str) -> str:
    return f"answers/{name}.parquet"


def _ask(config: EvaluateRun, processor: Any, held_out: HeldOut, adapter: StageRef | None, name: str) -> list[Answer]:
    from rich.console import Console
    from rich.progress import Progress

    answers: list[Answer] = []
    batch, count = config.evaluate.batch, len(held_out.pages)
    bar = Progress(console=Console(stderr=True), disable=not sys.stderr.isatty())
    with tempfile.TemporaryDirectory() as scratch, bar:
        if adapter is not None:
            (Folder(adapter.uri) / "adapter").pull(Path(scratch))
        model = load_model(config.model.base, config.model.dtype, scratch if adapter is not None else None)
        task = bar.add_task(f"{name} reads {count} held-out pages", total=count)
        for first in range(0, count, batch):
            # batch by batch: a whole split of decoded pages would fill the memory
            images = [_decoded(held_out, number) for number in range(first, min(first + batch, count))]
            answers += generate(model, processor, images, config.model.prompt, config.model.max_new_tokens, batch)
            bar.update(task, completed=len(answers))
    return answers


def _decoded(held_out: HeldOut, number: int) -> Any:
    from PIL import Image

    try:
        return Image.open(io.BytesIO(held_out.images[number])).convert("RGB")
    except OSError as e:
        page = held_out.pages[number]
        name = f"page {page.page_num} of {page.doc_id}"
        raise StageError(f"{name}: no readable image ({e}); publish the dataset again") from e
