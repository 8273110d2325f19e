"""A small dataset, an untrained model and short runs for the tests of training."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image, ImageDraw

from tasks.dataset.shards import dataset_schema
from tasks.model import tiny
from tasks.records import StageRef, digest
from tasks.train_config import GrpoConfig, GrpoRun, LoraConfig, ModelConfig, PagesConfig, SftConfig, SftRun

LORA = LoraConfig(r=4, alpha=8)


def page(number: int, markdown: str = "", **more: Any) -> dict[str, Any]:
    text = markdown or f"# Page {number}\n\nword {number * 7}\n"
    image = Image.new("RGB", (64, 32), "white")
    ImageDraw.Draw(image).text((2, 2), text, fill="black")
    png = io.BytesIO()
    image.save(png, "PNG")
    row = {
        "image": {"bytes": png.getvalue(), "path": None},
        "markdown": text,
        "language": "en",
        "source": "test",
        "doc_id": f"doc{number // 3}",
        "page_num": number % 3,
        "page_start_char": 0,
        "page_end_char": 1,
        "content_box": [0.0, 0.0, 1.0, 1.0],
        "agreement": 1.0,
        "features": ["heading"],
        "family": f"family{number // 6}",
        "license": "MIT",
        "style": "{}",
    }
    return {**row, **more}


def write_dataset(folder: Path, rows: Sequence[dict[str, Any]], shards: int = 2, split: str = "train") -> StageRef:
    (folder / "data").mkdir(parents=True, exist_ok=True)
    for i in range(shards):
        table = pa.Table.from_pylist(list(rows[i::shards]), dataset_schema())
        name = f"{split}-{i:05d}-of-{shards:05d}.parquet"
        pq.write_table(table, folder / "data" / name, row_group_size=3)
    return StageRef(str(folder), digest(str(folder)), {})


def save_base(folder: Path) -> str:
    processor = tiny.build_processor()
    tiny.save(tiny.build_model(processor.tokenizer), processor, folder)
    return str(folder)


def sft_run(base: str, steps: int = 3, pages: PagesConfig | None = None, tokens: int = 40, **more: Any) -> SftRun:
    return SftRun(
        model=ModelConfig(base=base, max_new_tokens=tokens),
        pages=pages or PagesConfig(),
        lora=LORA,
        sft=SftConfig(steps=steps, batch=2, **more),
    )


def grpo_run(base: str, steps: int = 3, **more: Any) -> GrpoRun:
    return GrpoRun(
        model=ModelConfig(base=base, max_new_tokens=24),
        lora=LORA,
        grpo=GrpoConfig(**{"steps": steps, "prompts": 2, "generations": 2, "temperature": 1.0, "probe": "off", **more}),
    )


def weights(ref: StageRef) -> bytes:
    return (Path(ref.uri) / "adapter" / "adapter_model.safetensors").read_bytes()


def log_of(ref: StageRef) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (Path(ref.uri) / "log.jsonl").read_text().splitlines()]


def without_times(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{key: value for key, value in row.items() if key not in ("step_time", "cpu_time")} for row in rows]
