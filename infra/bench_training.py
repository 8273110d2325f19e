"""`python -m infra.bench_training --run FILE.toml --dataset URI`: what an update of SFT and of GRPO takes, and what
recto adds to bare TRL.

Bare is TRL's own trainer with the same model, arguments, rows and rewards; recto's is that of the stages, with all that
they watch. For GRPO on a CPU there are two: what runs on a GPU, and with the shortcuts that a CPU takes. In every round
they take turns, each with a model of its own, and the first updates of each are left out. `--random-2b` puts the
architecture of Qwen3-VL-2B with random weights in place of the run's model, for which nothing is downloaded; its
answers all have the greatest length.
"""

from __future__ import annotations

import argparse
import gc
import json
import math
import os
import statistics
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

from tasks.config import RunConfig, load_run
from tasks.dataset.publish import dataset_at
from tasks.intervals import over_seeds
from tasks.model import tiny
from tasks.model.load import load_processor
from tasks.records import StageRef
from tasks.store import Folder
from tasks.train import grpo, sft
from tasks.train.cost import Meter, peak_memory
from tasks.train.engine import fresh_model
from tasks.train.environment import versions
from tasks.train.pages import DatasetPage, choose_pages, draw, read_images
from tasks.train.trainer import align_tokens, fit, prepare_libraries, usable_pages
from tasks.train_config import GrpoConfig, GrpoRun, SftConfig, SftRun

WARM = 2
"""Updates of a trainer that are left out."""

QWEN3_VL_2B = tiny.Shape(
    patch=16,
    vision_width=1024,
    vision_inner=4096,
    vision_layers=24,
    vision_heads=16,
    deepstack=(5, 11, 17),
    width=2048,
    inner=6144,
    layers=28,
    heads=16,
    groups=8,
    rotary=(24, 20, 20),
    rotary_base=5_000_000.0,
    positions=48 * 48,
    context=262_144,
    vocabulary=151_936,
)
TOKENS = 20_000
MOST_PIXELS = 1248 * 1760  # an A4 page of 150 dpi, in whole cells of 32 px, is not made smaller

Kind = Literal["bare", "recto", "recto, CPU shortcuts"]
Images = Mapping[DatasetPage, bytes]


def random_2b(folder: Path, labels: Sequence[str]) -> str:
    """Qwen3-VL-2B with random weights in bfloat16, and a tokenizer learned from the labels: an answer has about as many
    tokens as with Qwen's own."""
    processor = tiny.build_processor(tiny.build_tokenizer(labels, TOKENS), QWEN3_VL_2B)
    processor.image_processor.size = {"shortest_edge": 32 * 32, "longest_edge": MOST_PIXELS}
    tiny.save(tiny.build_model(processor.tokenizer, shape=QWEN3_VL_2B), processor, folder)
    return str(folder)


class Timed(NamedTuple):
    """Seconds of an update, and at the highest the bytes of the GPU, or of the process where there is none."""

    seconds: float
    tokens: float
    peak: int


def timed(kind: Kind, config: SftRun | GrpoRun, processor: Any, images: Images, order: Sequence[DatasetPage]) -> Timed:
    """Train a fresh model with one of the two."""
    import torch
    from transformers.trainer_callback import PrinterCallback
    from trl import GRPOTrainer

    from infra.bench.ticks import Ticks

    Meter()  # its peaks begin here
    model = fresh_model(SftRun(model=config.model, lora=config.lora))
    ticks, log = Ticks(WARM), []
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        if isinstance(config, SftRun):  # recto trains with the stock class
            rows = sft.make_rows(config, processor, images, order)
            trainer = sft.make_trainer(config, model, processor, rows, folder)
        elif kind != "bare":
            rows = grpo.make_rows(config, images, order)
            trainer = grpo.make_trainer(config, model, processor, rows, folder, kind != "recto")
        else:
            align_tokens(model, processor.tokenizer)
            trainer = GRPOTrainer(
                model=model,
                reward_funcs=grpo.make_reward(config.grpo.weights),
                args=grpo.make_arguments(config, model, folder),
                train_dataset=grpo.make_rows(config, images, order),
                processing_class=processor,
            )
        trainer.add_callback(ticks)
        if kind != "bare":
            log = fit(trainer, Folder(f"{scratch}/stage"), folder, stage_of(config), "loss").log
        else:
            trainer.remove_callback(PrinterCallback)
            trainer.train()
    peak = torch.cuda.max_memory_allocated() if torch.cuda.is_available() else peak_memory()
    return Timed(ticks.seconds, statistics.fmean(row["tokens"] for row in log) if log else 0.0, peak)


def bench(config: SftRun | GrpoRun, dataset: StageRef, rounds: int) -> list[str]:
    """Rows of the table."""
    import torch

    processor = load_processor(config.model.base)
    name = stage_of(config)
    settings: SftConfig | GrpoConfig
    if isinstance(config, SftRun):
        settings, batch = config.sft, config.sft.batch
    else:
        settings, batch = config.grpo, config.grpo.prompts
    pages, _ = usable_pages(name, config, dataset, processor.tokenizer, batch)
    order = draw(pages, settings.steps * batch, name)
    images = read_images(dataset, order)
    kinds: list[Kind] = ["bare", "recto"]
    if name == "grpo" and not torch.cuda.is_available():
        kinds.append("recto, CPU shortcuts")
    runs: dict[Kind, list[Timed]] = {kind: [] for kind in kinds}
    for i in range(rounds):
        for kind in kinds[:: -1 if i % 2 else 1]:
            runs[kind].append(timed(kind, config, processor, images, order))
            gc.collect()  # a trainer and its model name each other
    theirs = [run.seconds for run in runs["bare"]]
    rows = []
    for kind in kinds[1:]:
        ours = [run.seconds for run in runs[kind]]
        found = over_seeds([math.log(b / a) for a, b in zip(theirs, ours, strict=True)])
        more, low, high = (f"{100 * math.expm1(x):+.1f}" if x is not None else "?" for x in found[:3])
        seconds, tokens = statistics.fmean(ours), statistics.fmean(run.tokens for run in runs[kind])
        cells = (name, kind, settings.steps, rounds, f"{statistics.fmean(theirs):.3f}", f"{seconds:.3f}")
        peak = max(run.peak for run in runs[kind]) / 1e9
        rows.append(
            f"| {' | '.join(map(str, cells))} | {more} [{low}, {high}] | {tokens / seconds:,.0f} | {peak:.1f} |"
        )
    return rows


def stage_of(config: SftRun | GrpoRun) -> str:
    return "sft" if isinstance(config, SftRun) else "grpo"


def configured(run: RunConfig, base: str, updates: int) -> tuple[SftRun, GrpoRun]:
    changes = {"steps": updates, "save_steps": updates + 1}
    model = run.model.model_copy(update={"base": base})
    shared: dict[str, Any] = {"model": model, "pages": run.pages, "lora": run.lora}
    return (
        SftRun(sft=run.sft.model_copy(update=changes), **shared),
        GrpoRun(grpo=run.grpo.model_copy(update=changes), **shared),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=Path, required=True, metavar="FILE.toml")
    parser.add_argument("--dataset", required=True, metavar="URI")
    parser.add_argument("--random-2b", action="store_true")
    parser.add_argument("--updates", type=int, default=12, metavar="N", help="default: %(default)s")
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="default: %(default)s")
    arguments = parser.parse_args()
    if arguments.updates < WARM + 2 or arguments.rounds < 2:
        parser.error(f"at least {WARM + 2} updates and 2 rounds")
    dataset, run = dataset_at(arguments.dataset), load_run(arguments.run)
    prepare_libraries(run.model.engine)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["RECTO_HOME"] = folder
        base = run.model.base
        if arguments.random_2b:
            base = random_2b(Path(folder, "2b"), [page.markdown for page in choose_pages(dataset, "train", run.pages)])
        configs = configured(run, base, arguments.updates)
        print(json.dumps(versions(configs[0].model)))
        print("| stage | trainer | updates | rounds | bare, s an update | s an update | % more | tokens/s | peak GB |")
        print("| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
        for config in configs:
            print(*bench(config, dataset, arguments.rounds), sep="\n", flush=True)


if __name__ == "__main__":
    main()
