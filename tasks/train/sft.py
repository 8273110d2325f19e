"""Supervised warm-up: a fresh adapter, or one that was trained before, learns to answer a page with its label."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tasks.model.load import load_processor
from tasks.model.prompts import prompt_text
from tasks.records import StageRef
from tasks.stage import Counts, Stage
from tasks.store import Folder
from tasks.train.adapter import layers, save_adapter
from tasks.train.checkpoints import scratch_folder
from tasks.train.cost import Meter
from tasks.train.engine import continued_model, fresh_model
from tasks.train.environment import environment
from tasks.train.guards import answer_text, check_adapter, check_context, trainable_parameters
from tasks.train.inputs import check_batch
from tasks.train.pages import DatasetPage, draw, image_sizes, read_images, trainer_dataset
from tasks.train.trainer import (
    Fitted,
    align_tokens,
    as_it_was,
    check_step,
    common_arguments,
    ends,
    fit,
    prepare_libraries,
    usable_pages,
    write_checkpoint,
)
from tasks.train_config import SftRun


def make_rows(config: SftRun, processor: Any, images: Mapping[DatasetPage, bytes], order: Sequence[DatasetPage]) -> Any:
    """A dataset of images, prompt and completion, both as plain text with the chat template filled in.

    So the bytes before the answer are those of evaluation, and the answer is the label and the end token alone.
    """
    prompt, end = prompt_text(processor, config.model.prompt), processor.tokenizer.eos_token
    return trainer_dataset(
        images, order, prompt=lambda _: prompt, completion=lambda page: answer_text(page.markdown) + end
    )


def make_trainer(config: SftRun, model: Any, processor: Any, rows: Any, scratch: Path) -> Any:
    """TRL's SFTTrainer, with the loss on the completion. Nothing is truncated: an image cut in two has no meaning."""
    from trl import SFTConfig, SFTTrainer

    sft = config.sft
    align_tokens(model, processor.tokenizer)
    arguments = SFTConfig(
        **common_arguments(scratch, sft, sft.batch),
        train_sampling_strategy="sequential",
        completion_only_loss=True,
        max_length=None,
        lr_scheduler_type="cosine",
    )
    with as_it_was(model):
        return SFTTrainer(model=model, args=arguments, train_dataset=rows, processing_class=processor)


def _sft(folder: Folder, config: SftRun, dataset: StageRef, *before: StageRef) -> Counts:
    """Train an adapter on the train pages; see `trainer.write_checkpoint` for what the folder holds.

    After another stage its adapter goes on, on the pages that GRPO draws with this seed: the same ones in the same
    order, so that the two can be compared.

    Raises StageError (see `guards`), and UsageError for a model that cannot be had.
    """
    prepare_libraries(config.model.engine)
    meter = Meter()
    sft, base = config.sft, config.model.base
    processor = load_processor(base)
    pages, rejects = usable_pages("sft", config, dataset, processor.tokenizer, sft.batch)
    order = draw(pages, max(1, sft.steps) * sft.batch, "grpo" if before else "sft", str(sft.seed))
    images = read_images(dataset, order)
    scratch = scratch_folder(folder, "sft")
    for ref in before:
        (Folder(ref.uri) / "adapter").pull(scratch / "adapter")
    model = continued_model(config, scratch / "adapter", sft.seed) if before else fresh_model(config)
    if before:
        check_adapter(model, config.lora, layers(config.lora))
    trained = trainable_parameters(model)
    longest = check_context(model, processor, config.model.prompt, image_sizes(images), config.model.max_new_tokens)
    check_step(model, config, longest)

    log, resumed_at = Fitted([], 0)
    if sft.steps:
        rows = make_rows(config, processor, images, order)
        trainer = make_trainer(config, model, processor, rows, scratch)
        check_batch(trainer, rows, config.model.prompt)
        log, resumed_at = fit(trainer, folder, scratch, "sft", "loss")
    save_adapter(model, base, scratch / "adapter")
    cost = meter.read(log, sft.steps * sft.batch, config.cost.per_hour, resumed_at)
    write_checkpoint(folder, scratch, sft_stage, config, dataset, log, rejects, images, cost, *before)
    return {
        "steps": sft.steps,
        "trainable parameters": trained,
        "pages": len(images),
        "too long": len(rejects),
        **ends(log, "loss"),
        **cost,
    }


sft_stage = Stage("sft", 5, _sft, environment, ignore=("cost",))
sft = sft_stage.task(retries=0, timeout_seconds=24 * 3600)
