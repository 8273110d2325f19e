from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image, ImageDraw

from tasks.config import EvaluateConfig
from tasks.dataset.publish import dataset_schema
from tasks.evaluate.content import Content, Pages, Sample, StageRow, data_uri
from tasks.evaluate.scores import build_table, score_all
from tasks.model.generate import Answer
from tasks.records import StageRef

LABEL = "# Title {n}\n\nSome words of page {n} in family {f}.\n"
EVIL = '<script>alert(1)</script><img src="http://evil.example/x.png" onerror=alert(2)>{{ 7 * 7 }}'


def png(text: str, width: int = 128, height: int = 64) -> bytes:
    image = Image.new("RGB", (width, height), "white")
    ImageDraw.Draw(image).text((4, 4), text, fill="black")
    sink = io.BytesIO()
    image.save(sink, "PNG")
    return sink.getvalue()


def rows(families: int, pages: int, language: str = "en") -> list[dict[str, Any]]:
    return [
        {
            "image": {"bytes": png(f"{f} {n}"), "path": f"{f}-{n}.png"},
            "markdown": LABEL.format(n=n, f=f),
            "language": language,
            "source": "corpus",
            "doc_id": f"doc{f}",
            "page_num": n,
            "page_start_char": 0,
            "page_end_char": 1,
            "content_box": [0.0, 0.0, 1.0, 1.0],
            "agreement": 1.0,
            "features": ["heading"],
            "family": f"family{f}",
            "license": "MIT",
            "style": "plain",
        }
        for f in range(families)
        for n in range(pages)
    ]


def write_dataset(folder: Path, test: Sequence[dict[str, Any]], digest: str = "d1") -> StageRef:
    (folder / "data").mkdir(parents=True)
    for name, part in (("train", []), ("test", test)):
        table = pa.Table.from_pylist(list(part), dataset_schema())
        pq.write_table(table, folder / "data" / f"{name}-00000-of-00001.parquet")
    return StageRef(str(folder), digest, {"train": 0, "test": len(test)})


def made_up(families: int = 3, evil: bool = False) -> Content:
    """A report's content without a model: base answers nothing but text, SFT with slips, GRPO with others."""
    label = EVIL if evil else "# A page\n\nIt says hello to the reader.\n"
    names = [f"family{i % families}" for i in range(6)]
    answers = {
        "base": [Answer("A page It says hello to the reader.", False)] * 6,
        "sft": [Answer(label.replace("hello", "hallo"), False)] * 6,
        "grpo": [Answer(label.replace("reader", "raeder"), True)] * 5 + [Answer("", False)],
    }
    table = build_table(names, score_all([label] * 6, answers), EvaluateConfig(resamples=200))
    image, width = data_uri(png("A page"))
    sample = Sample(
        EVIL if evil else "doc",
        0,
        EVIL if evil else "family0",
        "en",
        image,
        width,
        label,
        {s: (given[0].text, 0.5, given[0].clipped) for s, given in answers.items()},
    )
    grpo = {"reward": 0.7, "reward_std": 0.1, "frac_reward_zero_std": 0.25, "grad_norm": 0.5, "entropy": 0.2}
    measured = {"pages": 9, "kept": 7, "kept share": 7 / 9, "agreement": 0.91234, "agreement >= 0.98": 0.875}
    return Content(
        config={"why": EVIL if evil else "A test", "model": {"base": "tiny"}},
        table=table,
        pages=[
            Pages("Dataset", [("files found", 3), ("rejected: geometry", 2)], {**measured, "agreement of kept": 1.0})
        ],
        samples=[sample],
        logs={"sft": [{"step": i, "loss": 1 / i} for i in (1, 2, 3)], "grpo": [{"step": i, **grpo} for i in (1, 2)]},
        stages=[StageRow("collect", "c0ffee", 1.5, {"found": 3})],
    )
