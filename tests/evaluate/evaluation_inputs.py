from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image, ImageDraw

from tasks.config import ScoreRun
from tasks.dataset.shards import dataset_schema
from tasks.evaluate.page_set import PageInput, SetPage, write_page_set
from tasks.evaluate.report.content import Content, Pages, StageRow
from tasks.evaluate.report.explorer import page_views
from tasks.evaluate.scores import SystemRead, evaluate_pages
from tasks.evaluate.systems import Reading
from tasks.records import StageRef
from tasks.scoring.facts import Fact
from tasks.store import Folder, finish

LABEL = "# Title {n}\n\nSome words of page {n} in family {f}.\n"
EVIL = '<script>alert(1)</script><img src="http://evil.example/x.png" onerror=alert(2)>{{ 7 * 7 }}'
FACTS = (Fact("present", "hello"), Fact("order", "says", after="hello"), Fact("absent", "goodbye"))


class Tags(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    @property
    def shown(self) -> str:
        return " ".join(" ".join(self.text).split())


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


def set_page(number: int, label: str | None, family: str, **changes: Any) -> SetPage:
    given = {
        "page_id": f"p{number}",
        "doc_id": f"doc{number}",
        "page_num": 0,
        "family": family,
        "language": "en",
        "source": "corpus",
        "features": (),
        "label": label,
    }
    return SetPage(**{**given, **changes})


def labelled(labels: Sequence[str], families: Sequence[str]) -> list[SetPage]:
    return [set_page(i, label, family) for i, (label, family) in enumerate(zip(labels, families, strict=True))]


def system_read(
    system: str, pages: Sequence[SetPage], answers: Sequence[str | Reading], seed: int | None = None
) -> SystemRead:
    readings = [a if isinstance(a, Reading) else Reading(a, seconds=0.5) for a in answers]
    return SystemRead(system, seed, [page.page_id for page in pages], readings, {"model": "1.0"})


def table_of(pages: Sequence[SetPage], answers: Mapping[str, Sequence[str | Reading]]) -> dict[str, Any]:
    reads = [system_read(name, pages, given) for name, given in answers.items()]
    return evaluate_pages(pages, reads, ScoreRun(resamples=200), workers=1).table


def finished_set(home: Path, pages: Sequence[SetPage], name: str = "held-out", image: bytes = b"") -> StageRef:
    folder = Folder(str(home / name / "k"))
    write_page_set(folder, [(p, PageInput(p.page_id, p.language, image or png(p.page_id), None)) for p in pages])
    return finish(folder, f"{name}-k", {"pages": len(pages)}, stage=name, seconds=1.0, config={})


def finished_read(home: Path, read: SystemRead) -> StageRef:
    folder = Folder(str(home / "read" / f"{read.system.replace('/', ' ')} {read.seed}"))
    given = [{"page_id": i, **r._asdict()} for i, r in zip(read.page_ids, read.readings, strict=True)]
    folder.write_table("answers.parquet", pa.Table.from_pylist(given))
    folder.write_json("versions.json", dict(read.versions))
    config = {"system": read.system, "seed": read.seed}
    return finish(folder, f"read-{read.system}", {"pages": len(given)}, stage="read", seconds=1.0, config=config)


def content_of(home: Path, pages: Sequence[SetPage], reads: Sequence[SystemRead], image: bytes = b"") -> Content:
    """A report's content of an evaluation, without training, funnel or stages."""
    found = evaluate_pages(pages, reads, ScoreRun(resamples=200), workers=1)
    headline = {
        (row["system"], row["seed"], row["page_id"]): row["value"]
        for row in found.scores.to_pylist()
        if row["part"] == found.table["headline"]
    }
    return Content(
        config={"why": "A test", "model": {"base": "tiny"}},
        table=found.table,
        metrics=found.metrics,
        page_set="held-out",
        views=page_views(found.table, pages, finished_set(home, pages, image=image), reads, headline),
        pages=[],
        logs={},
        stages=[],
    )


def made_up(home: Path, families: int = 3, evil: bool = False) -> Content:
    """A whole report's content without a model: base answers nothing but text, SFT with slips, GRPO with others."""
    label = f"{EVIL}\n" if evil else "# A page\n\nIt says hello to the reader.\n"
    odd = {"doc_id": EVIL, "source": EVIL, "features": (EVIL,)} if evil else {}
    pages = [
        set_page(i, label, (EVIL if evil else "family") + str(i % families), facts=FACTS * evil, **odd)
        for i in range(6)
    ]
    answers: dict[str, list[str | Reading]] = {
        "base": ["A page It says hello to the reader."] * 6,
        "sft": [label.replace("hello", "hallo").replace("alert", "alarm")] * 6,
        "grpo": [Reading(label.replace("reader", "raeder"), clipped=True)] * 5 + [Reading("", error=EVIL * evil)],
    }
    grpo = {"reward": 0.7, "reward_std": 0.1, "frac_reward_zero_std": 0.25, "grad_norm": 0.5, "entropy": 0.2}
    measured = {"pages": 9, "kept": 7, "kept share": 7 / 9, "agreement": 0.91234, "agreement >= 0.98": 0.875}
    return replace(
        content_of(home, pages, [system_read(name, pages, given) for name, given in answers.items()]),
        config={"why": EVIL if evil else "A test", "model": {"base": "tiny"}},
        pages=[
            Pages("Dataset", [("files found", 3), ("rejected: geometry", 2)], {**measured, "agreement of kept": 1.0})
        ],
        logs={"sft": [{"step": i, "loss": 1 / i} for i in (1, 2, 3)], "grpo": [{"step": i, **grpo} for i in (1, 2)]},
        stages=[StageRow("collect", "c0ffee", 1.5, {"found": 3})],
    )
