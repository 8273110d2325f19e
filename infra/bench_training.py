"""`python -m infra.bench_training --run FILE.toml --dataset URI`: what an update of SFT and of GRPO takes, and what
recto adds to bare TRL.

Bare is TRL's own trainer with the same model, arguments, rows and rewards; recto's is that of the stages, with all that
they watch. The two take turns, each with a model of its own, and the first updates of each are left out. `--random-2b`
puts the architecture of Qwen3-VL-2B with random weights in place of the run's model, for which nothing is downloaded;
its answers all have the greatest length.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from tasks.config import RunConfig, load_run
from tasks.dataset.publish import dataset_at
from tasks.intervals import over_seeds
from tasks.model import tiny
from tasks.model.load import load_processor
from tasks.records import StageRef
from tasks.store import Folder
from tasks.train import grpo, sft
from tasks.train.cost import peak_memory
from tasks.train.engine import fresh_model
from tasks.train.environment import versions
from tasks.train.pages import draw, read_images
from tasks.train.trainer import align_tokens, fit, prepare_libraries, usable_pages
from tasks.train_config import GrpoRun, SftRun

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
)
VOCABULARY = 151_936
MOST_PIXELS = 1240 * 1754  # an A4 page of 150 dpi is not made smaller

Kind = Literal["bare", "recto"]


def random_2b(folder: Path) -> str:
    """Qwen3-VL-2B with random weights in bfloat16 and a tokenizer of bytes."""
    processor = tiny.build_processor(shape=QWEN3_VL_2B)
    processor.image_processor.size = {"shortest_edge": 32 * 32, "longest_edge": MOST_PIXELS}
    model = tiny.build_model(processor.tokenizer, shape=QWEN3_VL_2B)
    model.resize_token_embeddings(VOCABULARY)
    tiny.save(model, processor, folder)
    return str(folder)


def bare(config: SftRun | GrpoRun, trainer: Any) -> Any:
    """TRL's trainer for what recto's trains, with a model of its own: recto's changes parts of its."""
    from trl import GRPOTrainer, SFTTrainer

    model = fresh_model(SftRun(model=config.model, lora=config.lora))
    align_tokens(model, trainer.processing_class.tokenizer)
    same = {"model": model, "args": trainer.args, "train_dataset": trainer.train_dataset}
    if isinstance(config, SftRun):
        return SFTTrainer(processing_class=trainer.processing_class, **same)
    reward = grpo.make_reward(config.grpo.weights)
    return GRPOTrainer(reward_funcs=reward, processing_class=trainer.processing_class, **same)


def bench(config: SftRun | GrpoRun, dataset: StageRef, pairs: int) -> str:
    """A row of the table."""
    import torch
    from transformers.trainer_callback import PrinterCallback

    from infra.bench.ticks import Ticks

    processor = load_processor(config.model.base)
    name = "sft" if isinstance(config, SftRun) else "grpo"
    settings, batch = (
        (config.sft, config.sft.batch) if isinstance(config, SftRun) else (config.grpo, config.grpo.prompts)
    )
    pages, _ = usable_pages(name, config, dataset, processor.tokenizer, batch)
    order = draw(pages, settings.steps * batch, name)
    images = read_images(dataset, order)
    seconds: dict[Kind, list[float]] = defaultdict(list)
    tokens = 0.0
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
    kinds: Sequence[Kind] = ("bare", "recto")
    for pair in range(pairs):
        for kind in kinds[:: 1 if pair % 2 else -1]:
            model = fresh_model(SftRun(model=config.model, lora=config.lora))
            with tempfile.TemporaryDirectory() as scratch:
                folder = Path(scratch)
                if isinstance(config, SftRun):
                    trainer = sft.make_trainer(
                        config, model, processor, sft.make_rows(config, processor, images, order), folder
                    )
                else:
                    trainer = grpo.make_trainer(config, model, processor, grpo.make_rows(config, images, order), folder)
                ticks = Ticks(WARM)
                if kind == "recto":
                    trainer.add_callback(ticks)
                    log, _ = fit(trainer, Folder(f"{scratch}/stage"), folder, name, "loss")
                    tokens = statistics.fmean(row["tokens"] for row in log)
                else:
                    trainer = bare(config, trainer)
                    trainer.remove_callback(PrinterCallback)
                    trainer.add_callback(ticks)
                    trainer.train()
            seconds[kind].append(ticks.seconds)
    found = over_seeds([math.log(b / a) for a, b in zip(seconds["bare"], seconds["recto"], strict=True)])
    more, low, high = (f"{100 * math.expm1(x):+.1f}" if x is not None else "?" for x in found[:3])
    theirs, ours = (statistics.fmean(seconds[kind]) for kind in kinds)
    peak = torch.cuda.max_memory_allocated() if torch.cuda.is_available() else peak_memory()
    columns = (name, settings.steps, pairs, f"{theirs:.3f}", f"{ours:.3f}", f"{more} [{low}, {high}] %")
    return f"| {' | '.join(map(str, columns))} | {tokens / ours:,.0f} | {peak / 1e9:.1f} |"


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
    parser.add_argument("--pairs", type=int, default=5, metavar="N", help="default: %(default)s")
    arguments = parser.parse_args()
    if arguments.updates < WARM + 2 or arguments.pairs < 2:
        parser.error(f"at least {WARM + 2} updates and 2 pairs")
    dataset, run = dataset_at(arguments.dataset), load_run(arguments.run)
    prepare_libraries(run.model.engine)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["RECTO_HOME"] = folder
        base = random_2b(Path(folder, "2b")) if arguments.random_2b else run.model.base
        configs = configured(run, base, arguments.updates)
        print(json.dumps(versions(configs[0].model)))
        print(
            "| stage | updates | pairs | bare TRL s an update | recto s an update | recto more | tokens/s | peak GB |"
        )
        print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
        for config in configs:
            print(bench(config, dataset, arguments.pairs), flush=True)


if __name__ == "__main__":
    main()
