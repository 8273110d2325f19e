"""`python -m infra.bench_training --run FILE.toml --dataset URI`: what an update of SFT and of GRPO takes, and what
recto adds to bare TRL.

Bare is TRL's own trainer with the same model, arguments, rows and rewards; recto's is that of the stages, with all that
they watch. For GRPO on a CPU there are two: what runs on a GPU, and with the shortcuts that a CPU takes. In every round
each trains a model of its own; its first updates and the last are not timed, nor what happens once a run: checks before
the first update, the probe, checkpoints. Every run is told on stderr as it ends. `--random-2b` puts the architecture of
Qwen3-VL-2B with random weights in place of the run's model, for which nothing is downloaded; nearly all of its answers
have the greatest length.
"""

from __future__ import annotations

import argparse
import gc
import json
import math
import os
import statistics
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

from tasks.config import RunConfig, load_run
from tasks.dataset.publish import dataset_at
from tasks.intervals import over_seeds
from tasks.model import tiny
from tasks.model.load import load_processor
from tasks.records import StageError, StageRef, UsageError
from tasks.store import Folder
from tasks.train import grpo, sft
from tasks.train.cost import Meter, peak_memory
from tasks.train.engine import fresh_model
from tasks.train.environment import precision, versions
from tasks.train.guards import check_context
from tasks.train.pages import DatasetPage, choose_pages, draw, image_sizes, read_images
from tasks.train.trainer import align_tokens, as_it_was, check_step, fit, prepare_libraries, usable_pages
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
    """Seconds of each timed update, tokens of all of them, and bytes at the highest, of the GPU or, without one, of the
    process, measured and predicted."""

    seconds: list[float]
    tokens: int
    peak: int
    predicted: int


def timed(kind: Kind, config: SftRun | GrpoRun, processor: Any, images: Images, order: Sequence[DatasetPage]) -> Timed:
    """Train a fresh model with one of the trainers."""
    import torch
    from transformers.trainer_callback import PrinterCallback
    from trl import GRPOTrainer

    from infra.bench.ticks import Ticks

    Meter()  # its peaks begin here
    model, limit = fresh_model(SftRun(model=config.model, lora=config.lora)), config.model.max_new_tokens
    longest = check_context(model, processor, config.model.prompt, image_sizes(images), limit)
    predicted = check_step(model, config, longest)
    ticks = Ticks(WARM)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        if isinstance(config, SftRun):  # recto trains with the stock class
            rows = sft.make_rows(config, processor, images, order)
            trainer = sft.make_trainer(config, model, processor, rows, folder)
        elif kind != "bare":
            rows = grpo.make_rows(config, images, order)
            trainer = grpo.make_trainer(config, model, processor, rows, folder, kind == "recto, CPU shortcuts")
        else:
            align_tokens(model, processor.tokenizer)
            with as_it_was(model):
                trainer = GRPOTrainer(
                    model=model,
                    reward_funcs=grpo.make_reward(config.grpo.weights),
                    args=grpo.make_arguments(config, model, folder),
                    train_dataset=grpo.make_rows(config, images, order),
                    processing_class=processor,
                )
        trainer.add_callback(ticks)
        if kind == "bare":
            trainer.remove_callback(PrinterCallback)
            trainer.train()
            seen = [row["num_tokens"] for row in trainer.state.log_history if "loss" in row]
            tokens = int(seen[-2] - seen[WARM - 1])
        else:
            log, _ = fit(trainer, Folder(f"{scratch}/stage"), folder, stage_of(config), "loss")
            tokens = sum(row["tokens"] for row in log[WARM:-1])
    peak = torch.cuda.max_memory_allocated() if torch.cuda.is_available() else peak_memory()
    return Timed(ticks.seconds, tokens, peak, predicted)


def bench(config: SftRun | GrpoRun, dataset: StageRef, rounds: int) -> dict[Kind, list[Timed]]:
    """The runs of each trainer, told as they end."""
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
        first = i % len(kinds)
        for kind in kinds[first:] + kinds[:first]:
            run = timed(kind, config, processor, images, order)
            runs[kind].append(run)
            print(
                json.dumps({"stage": name, "trainer": kind, "round": i, **run._asdict()}), file=sys.stderr, flush=True
            )
            gc.collect()  # a trainer and its model name each other
    return runs


def table(stage: str, runs: Mapping[Kind, Sequence[Timed]]) -> list[str]:
    """A row a trainer. An update is the median of a run's and the geometric mean over runs; what is more than bare is
    compared round by round. The prediction is of the last trainer, that of the stage."""
    medians = {kind: [statistics.median(run.seconds) for run in of_kind] for kind, of_kind in runs.items()}
    rows = []
    for kind, of_kind in runs.items():
        ratios = [math.log(b / a) for a, b in zip(medians["bare"], medians[kind], strict=True)]
        more, low, high = (f"{100 * math.expm1(x or 0):+.1f}" for x in over_seeds(ratios)[:3])
        cells = (
            stage,
            kind,
            f"{statistics.geometric_mean(medians[kind]):.3f}",
            f"{more} [{low}, {high}]" if kind != "bare" else "",
            f"{sum(run.tokens for run in of_kind) / sum(sum(run.seconds) for run in of_kind):,.0f}",
            f"{max(run.peak for run in of_kind) / 1e9:.1f}",
            f"{of_kind[0].predicted / 1e9:.1f}" if kind == [*runs][-1] else "",
        )
        rows.append(f"| {' | '.join(cells)} |")
    return rows


def stage_of(config: SftRun | GrpoRun) -> str:
    return "sft" if isinstance(config, SftRun) else "grpo"


def configured(run: RunConfig, updates: int, **model: Any) -> dict[str, SftRun | GrpoRun]:
    changes = {"steps": updates, "save_steps": updates + 1}
    shared: dict[str, Any] = {"model": run.model.model_copy(update=model), "pages": run.pages, "lora": run.lora}
    return {
        "sft": SftRun(sft=run.sft.model_copy(update=changes), **shared),
        "grpo": GrpoRun(grpo=run.grpo.model_copy(update=changes), **shared),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=Path, required=True, metavar="FILE.toml")
    parser.add_argument("--dataset", required=True, metavar="URI")
    parser.add_argument("--random-2b", action="store_true")
    parser.add_argument("--stage", choices=["sft", "grpo"], help="default: both")
    parser.add_argument("--updates", type=int, default=12, metavar="N", help="default: %(default)s")
    parser.add_argument("--rounds", type=int, default=6, metavar="N", help="default: %(default)s")
    parser.add_argument("--answer-tokens", type=int, metavar="N", help="default: the run's model.max_new_tokens")
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
        tokens = arguments.answer_tokens or run.model.max_new_tokens
        configs = configured(run, arguments.updates, base=base, max_new_tokens=tokens)
        print(json.dumps({"computed in": precision(), **versions(configs["sft"].model)}), flush=True)
        rows = []
        for stage in [arguments.stage] if arguments.stage else configs:
            rows += table(stage, bench(configs[stage], dataset, arguments.rounds))
        print("| stage | trainer | s an update | % more than bare | tokens/s | peak GB | predicted GB |")
        print("| --- | --- | ---: | ---: | ---: | ---: | ---: |", *rows, sep="\n")


if __name__ == "__main__":
    try:
        main()
    except (StageError, UsageError) as e:
        sys.exit(f"bench_training: {e}")
