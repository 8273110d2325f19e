"""Every stage on one tiny input, each in a process of its own that can be killed at any of its writes.

`main` first runs them all undisturbed, then waits for orders, a line of JSON each: it is run in a process forked off
this one, whose libraries are loaded.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import BinaryIO

import torch
from flow_documents import write_documents

from tasks import store
from tasks.collect.snapshot import take_snapshots
from tasks.collect.stage import collect_stage
from tasks.config import Checkpoint, CollectConfig, HeldOutRun, PublishConfig, ReadRun, RunConfig, ScoreRun, SplitConfig
from tasks.counting.bases import BaseConfig, base_stage, counter_stage
from tasks.counting.cell import CellRun, cell_stage
from tasks.counting.config import StudyConfig
from tasks.counting.data import scenes_stage
from tasks.counting.evaluation import evaluation_stage
from tasks.counting.grid import question_run
from tasks.counting.real import RealConfig, real_stage
from tasks.counting.report.stage import report_stage as counting_report_stage
from tasks.dataset.licences import publishable_stage
from tasks.dataset.publish import export, publish_stage
from tasks.dataset.split import split_stage
from tasks.evaluate.held_out import held_out_stage
from tasks.evaluate.olmocr.bench import OlmocrPagesConfig, olmocr_pages_stage
from tasks.evaluate.read import read_stage
from tasks.evaluate.real import catalogue
from tasks.evaluate.real.stage import RealPagesConfig, real_pages_stage
from tasks.evaluate.report.stage import report_stage
from tasks.evaluate.stage import evaluate_stage
from tasks.records import DatasetRef, StageRef
from tasks.render.cache import page_files, undrawn
from tasks.render.pool import draw
from tasks.render.stage import plan, render_stage
from tasks.render_config import Config, RenderConfig
from tasks.store import Folder, home, read_documents
from tasks.train_config import PagesConfig

Refs = Mapping[str, StageRef]

LOOK = RenderConfig(width=300, height=160, dpi=36, font_sizes=(10,), margins=(12, 12), look="plain", keep_pdf=True)
SELECTION = PagesConfig(languages=(), max_label_chars=2000, tables=True)
READER = ReadRun(system="base", reader=Checkpoint(max_new_tokens=8, batch=2))
STUDY = StudyConfig.model_validate(
    {
        "bases": {"hard": {"counter": {"images": 4, "batch": 2, "direct_steps": 1, "mixed_steps": 1}, "steps": 1}},
        "train": {"prompts": 1, "generations": 2, "epochs": 1},
        "tokens": {"plain": 3, "direct": 4},
        "images": {"counts": [1, 3], "train": 4, "test": 2, "other": 1},
        "grid": [{"base": ["hard"], "guidance": ["none"], "seed": [0], "steps": 2}],
        "window": 1,
    }
)
(CELL,) = STUDY.cells()
HARD = BaseConfig.model_validate(STUDY.bases["hard"])


def _root() -> Path:
    """Where the input lies, beside the store."""
    return Path(home()).parent


def _collection() -> CollectConfig:
    return CollectConfig(sources=("folder",), folder=str(_root() / "documents"), license="MIT", min_chars=20)


def _drawn(refs: Refs) -> StageRef:
    """The pages of a batch, drawn by this process instead of those that it would start."""
    documents = read_documents(Folder(refs["plan"].uri))
    files = page_files(Folder(home()), documents, LOOK)
    for document in undrawn(documents, files, pdfs=True):
        assert draw(document, LOOK, files[document.doc_id]) is None
    return refs["plan"]


def _exported(refs: Refs) -> StageRef:
    ref: DatasetRef = export(refs["publish"], Folder(str(_root() / "out")))
    return StageRef(ref.uri, ref.digest, {})


def _real_pages(_: Refs) -> StageRef:
    catalogue.CATALOGUE = _root() / "pages.toml"
    return real_pages_stage(RealPagesConfig(debs=str(_root() / "debs")))


def _asked(refs: Refs, *policy: str) -> StageRef:
    questions = question_run(STUDY, "hard", CELL.arm.prompt if policy else None)
    return evaluation_stage(
        questions, refs["scenes"], refs["other scenes"], *(refs[name] for name in policy or ("base",))
    )


CELLS: dict[str, Callable[[Refs], StageRef]] = {
    "snapshot": lambda _: take_snapshots(_collection())[0],
    "collect": lambda refs: collect_stage(_collection(), refs["snapshot"]),
    "publishable": lambda refs: publishable_stage(Config(), refs["collect"]),
    "plan": lambda refs: plan(LOOK, refs["publishable"])[0],
    "draw": _drawn,
    "render": lambda refs: render_stage(LOOK, refs["publishable"]),
    "split": lambda refs: split_stage(SplitConfig(test_share=0.25, test_pages=0), refs["render"], "", workers=1),
    "publish": lambda refs: publish_stage(
        PublishConfig(shards=2), *(refs[name] for name in ("publishable", "render", "split")), pdfs=True
    ),
    "export": _exported,
    "held-out": lambda refs: held_out_stage(HeldOutRun(selection=SELECTION, pages=5), refs["publish"]),
    "read": lambda refs: read_stage(READER, refs["held-out"]),
    "evaluate": lambda refs: evaluate_stage(ScoreRun(resamples=100), refs["held-out"], refs["read"]),
    "report": lambda refs: report_stage(
        RunConfig(), *(refs[name] for name in ("collect", "render", "split", "publish", "held-out", "read", "evaluate"))
    ),
    "olmocr-pages": lambda _: olmocr_pages_stage(OlmocrPagesConfig(bench_dir=str(_root() / "bench"))),
    "real-pages": _real_pages,
    "real-images": lambda _: real_stage(RealConfig(source=str(_root() / "questions.jsonl"))),
    "scenes": lambda _: scenes_stage(STUDY.images.of("in", training=False)),
    "other scenes": lambda _: scenes_stage(STUDY.images.of("shifted", training=False)),
    "counter": lambda refs: counter_stage(HARD.counter, refs["scenes"], refs["other scenes"]),
    "base": lambda refs: base_stage(HARD, refs["counter"], refs["scenes"], refs["other scenes"]),
    "cell": lambda refs: cell_stage(
        CellRun(prompt=CELL.arm.prompt, grpo=STUDY.grpo(CELL)), refs["scenes"], refs["base"]
    ),
    "base asked": lambda refs: _asked(refs),
    "cell asked": lambda refs: _asked(refs, "cell"),
    "counting report": lambda refs: counting_report_stage(
        STUDY, *(refs[name] for name in ("base asked", "cell", "cell asked"))
    ),
}
"""Stages in an order in which each finds those it needs."""


def write_input(root: Path) -> None:
    """Documents, a benchmark, a package and questions, of the smallest kind."""
    from olmocr_folder import TESTS, write_bench
    from real_packages import LATEX, PDF, SOURCE, build_deb, draw_pdf, write_catalogue

    write_documents(root / "documents", 3)
    write_bench(root / "bench", {"columns": TESTS["columns"]})
    (root / "debs").mkdir()
    build_deb(root / "debs", {PDF: draw_pdf(), SOURCE: LATEX.encode()})
    write_catalogue(root / "pages.toml", draw_pdf())
    from PIL import Image

    Image.new("RGB", (32, 32), "white").save(root / "one.png")
    question = {"image_path": "one.png", "question": "How many?", "ground_truth": 2}
    (root / "questions.jsonl").write_text(json.dumps(question) + "\n")


def _watch(kill_at: str = "") -> list[str]:
    """The names of the files that are written from now on, in their order; at `kill_at` the process dies half-way."""
    written: list[str] = []
    replace = store._replace

    def die(file: BinaryIO) -> None:
        file.write(b"half")
        file.flush()
        os.kill(os.getpid(), signal.SIGKILL)

    def watched(target: str, fill: Callable[[BinaryIO], object]) -> None:
        name = Path(target).relative_to(_root()).as_posix()
        replace(target, die if name == kill_at else fill)
        written.append(name)

    store._replace = watched
    return written


def main() -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print
    torch.set_num_threads(1)
    refs: dict[str, StageRef] = {}
    calm: dict[str, list[str]] = {}
    written = _watch()
    for name, cell in CELLS.items():
        refs[name] = cell(refs)
        calm[name] = written.copy()
        written.clear()
    print(json.dumps(calm), file=answers, flush=True)
    for line in sys.stdin:
        name, kill_at = json.loads(line)
        if (child := os.fork()) == 0:
            written = _watch(kill_at)
            ref = CELLS[name](refs)
            print(json.dumps({"reused": ref.reused, "written": written}), file=answers, flush=True)
            os._exit(0)
        if code := os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]):
            print(json.dumps({"code": code}), file=answers, flush=True)
