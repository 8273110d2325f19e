"""What SFT and GRPO share: the trainer's arguments, a fit that resumes, and what a finished stage folder holds."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

from tasks.model.load import FAMILIES
from tasks.records import Reason, Reject, StageError, StageRef, UsageError
from tasks.stage import Counts, Stage
from tasks.store import Folder
from tasks.train.adapter import WEIGHTS, file_digest, part_digests
from tasks.train.checkpoints import FOLDER, local_path, pull_checkpoint
from tasks.train.engine import prepare_engine
from tasks.train.environment import base_digest, precision, versions
from tasks.train.guards import check_changed, split_too_long
from tasks.train.memory import Step, available, check_memory
from tasks.train.pages import DatasetPage, choose_pages
from tasks.train.watch import warnings_of
from tasks.train_config import GrpoConfig, GrpoRun, SftConfig, SftRun

logger = logging.getLogger(__name__)

WARM_UP = 5
"""Steps in which the learning rate climbs."""


def prepare_libraries(engine: str = "trl") -> None:
    """Make trl and peft importable and quiet, and unsloth change them if it is the engine. Call before any import."""
    prepare_engine(engine)
    from tasks.model.torchvision_cpu import declare_operators

    declare_operators()
    import datasets
    import transformers
    from huggingface_hub import constants

    constants.HF_HUB_DISABLE_TELEMETRY = True  # trl reports every trainer that is made
    datasets.disable_progress_bars()
    transformers.utils.logging.disable_progress_bar()  # type: ignore[no-untyped-call]


def align_tokens(model: Any, tokenizer: Any) -> None:
    """Tell the model's outer configuration the tokenizer's special tokens, which Qwen3-VL has in its text part only.

    The trainer would do so itself, with a warning.
    """
    model.config.eos_token_id = tokenizer.eos_token_id
    for config in (model.config, model.generation_config):
        config.bos_token_id, config.pad_token_id = tokenizer.bos_token_id, tokenizer.pad_token_id


def common_arguments(scratch: Path, config: SftConfig | GrpoConfig, batch: int) -> dict[str, Any]:
    """The trainer's arguments that do not depend on the method.

    A step's `batch` is worked off in parts of micro_batch (0: at once). Rows come in the order of the dataset.
    Same rows, same adapter, byte for byte, on one kind of CPU and for one number of threads: these decide in which
    order a sum is rounded.
    """
    import torch

    gpu = torch.cuda.is_available()
    part, recompute = config.micro_batch or batch, recomputes(config)
    if batch % part:
        raise UsageError(f"micro_batch = {part} does not divide a step's {batch} answers")
    return {
        "output_dir": str(scratch),
        "max_steps": config.steps,
        "per_device_train_batch_size": part,
        "gradient_accumulation_steps": batch // part,
        "warmup_steps": min(WARM_UP, config.steps // 2),
        "use_cpu": not gpu,
        "bf16": precision() == "bfloat16",
        "gradient_checkpointing": recompute,
        # a reentrant one would cut off the vision adapter: its input, the pixels, asks for no gradient
        "gradient_checkpointing_kwargs": {"use_reentrant": False} if recompute else None,
        "dataloader_pin_memory": gpu,
        "remove_unused_columns": False,
        "logging_steps": 1,
        "logging_nan_inf_filter": False,
        "save_strategy": "steps",
        "save_steps": config.save_steps,
        "learning_rate": config.learning_rate,
        "seed": config.seed,
        "report_to": [],
        "disable_tqdm": True,
    }


@contextmanager
def as_it_was(model: Any) -> Iterator[None]:
    """Around the making of a trainer: TRL's rounds the adapter over a 4-bit base to bfloat16, in which small updates
    are none."""
    weights = [(parameter, parameter.data) for parameter in model.parameters() if parameter.requires_grad]
    yield
    for parameter, weight in weights:
        parameter.data = weight


def recomputes(config: SftConfig | GrpoConfig) -> bool:
    import torch

    return torch.cuda.is_available() if config.recompute == "auto" else config.recompute == "on"


class Fitted(NamedTuple):
    """The log, a row a step, and the step that an earlier, killed process had reached."""

    log: list[dict[str, Any]]
    resumed_at: int


def fit(trainer: Any, folder: Folder, scratch: Path, name: str, shown: str) -> Fitted:
    """Train to the end, from the newest checkpoint in the store if there is one.

    `shown` is the logged value that the progress bar of the stage `name` shows.

    Raises AdapterUnchangedError, NoGradientError and NotFiniteError.
    """
    from transformers.trainer_callback import PrinterCallback

    from tasks.train.board import BOARD, Board
    from tasks.train.callbacks import Bar, Count, PushCheckpoints, StopAtNonsense, Warn, WatchGradients

    checkpoints = folder / FOLDER
    bar = Bar(name, shown)
    here = local_path(folder)
    board = Board(here / BOARD, None) if here else Board(scratch / BOARD, folder)
    logger.info("%s: tensorboard --logdir %s", name, board.local)
    trainer.remove_callback(PrinterCallback)
    # what adds to the log comes before what reads it
    for callback in (WatchGradients(), Count(), StopAtNonsense(), Warn(), board, PushCheckpoints(checkpoints), bar):
        trainer.add_callback(callback)
    before = part_digests(trainer.model)
    resume = pull_checkpoint(checkpoints, scratch)
    resumed_at = int(resume.name.rpartition("-")[2]) if resume else 0
    if resume:
        logger.warning("%s: goes on after step %s of %s", name, resumed_at, trainer.args.max_steps)
    try:
        trainer.train(resume_from_checkpoint=str(resume) if resume else None)
    finally:
        bar.close()
        board.close()
    rows = [row for row in trainer.state.log_history if "loss" in row]
    if any(row.get("grad_norm") for row in rows):
        check_changed(before, part_digests(trainer.model), trainer.state.global_step)
    else:  # GRPO without any spread of rewards: a finding, not a fault
        logger.warning("%s: no update had a gradient, so the adapter is as it was", name)
    return Fitted(rows, resumed_at)


def check_step(model: Any, config: SftRun | GrpoRun, prompt: int) -> int:
    """Check the memory that a step will take, for prompts of at most so many tokens; the bytes, as `check_memory`."""
    import torch

    if isinstance(config, GrpoRun):
        settings: SftConfig | GrpoConfig = config.grpo
        rollouts = batch = config.grpo.prompts * config.grpo.generations
    else:
        settings, rollouts, batch = config.sft, 0, config.sft.batch
    vision = getattr(model.config, "vision_config", None)
    answers = settings.micro_batch or batch
    # on a CPU the answers of a group share its image; see `rollouts`
    share = config.grpo.generations if isinstance(config, GrpoRun) and not torch.cuda.is_available() else 1
    step = Step(
        answers=answers,
        images=-(-answers // share),
        rollouts=rollouts,
        prompt=prompt,
        completion=config.model.max_new_tokens,
        patches=prompt * getattr(vision, "spatial_merge_size", 1) ** 2,
        recompute=recomputes(settings),
        plain_attention=model.config._attn_implementation == "eager",
        bytes=2 if precision() == "bfloat16" else 4,
    )
    return check_memory(model, step, available())


def write_checkpoint(
    folder: Folder,
    scratch: Path,
    stage: Stage,
    config: SftRun | GrpoRun,
    dataset: StageRef,
    log: Sequence[Mapping[str, Any]],
    rejects: Sequence[Reject],
    pages: Iterable[DatasetPage],
    cost: Counts,
    before: StageRef | None = None,
) -> None:
    """Fill the stage folder from `scratch / "adapter"`, then drop what only a killed run needs.

    `families.json` names the families of all pages that the adapter was trained on, in the stage before too.
    """
    seen = {page.family for page in pages} | (set(Folder(before.uri).read_json(FAMILIES)) if before else set())
    folder.write_json(FAMILIES, sorted(seen))
    (folder / "adapter").push(scratch / "adapter")
    folder.write("log.jsonl", "".join(json.dumps(row, sort_keys=True) + "\n" for row in log).encode())
    folder.write_json("config.json", config.model_dump(mode="json"))
    folder.write_rejects(rejects)
    folder.write_json("warnings.json", [asdict(warned) for warned in warnings_of(log)])
    folder.write_json("cost.json", {**cost, "per_hour": config.cost.per_hour})
    folder.write_json(
        "checkpoint.json",
        {
            "stage": stage.name,
            "stage_version": stage.version,
            "base": config.model.base,
            "base_digest": base_digest(config.model.base),
            "dataset_digest": dataset.digest,
            "sft_digest": before.digest if before else None,
            "adapter_digest": file_digest(scratch / "adapter" / WEIGHTS),
            "precision": precision(),
            "versions": versions(config.model),
        },
    )
    (folder / FOLDER).delete()
    shutil.rmtree(scratch)


def usable_pages(
    stage: str, config: SftRun | GrpoRun, dataset: StageRef, tokenizer: Any, at_least: int
) -> tuple[list[DatasetPage], list[Reject]]:
    """The train pages that fit the configuration, and as rejects those whose label is longer than an answer can be.

    Raises StageError where fewer than `at_least` are left.
    """
    most = config.model.max_new_tokens
    pages, long = split_too_long(choose_pages(dataset, "train", config.pages, at_least), tokenizer, most)
    if len(pages) < at_least:
        raise StageError(
            f"{dataset.uri}: {len(long)} of {len(pages) + len(long)} pages have labels of more than {most} tokens,"
            f" {at_least} others are needed; raise model.max_new_tokens or lower pages.max_label_chars"
        )
    return pages, [
        Reject(stage, Reason.TOO_LONG, page.doc_id, page.page_num, f"label of {tokens} tokens, answers have {most}")
        for page, tokens in long
    ]


def ends(log: Sequence[Mapping[str, Any]], name: str) -> dict[str, float]:
    """Means of a logged value over the first and over the last tenth of the steps."""
    if not log:
        return {}
    count = max(1, len(log) // 10)
    first, last = (sum(row[name] for row in rows) / count for rows in (log[:count], log[-count:]))
    return {f"first {name}": round(first, 4), f"last {name}": round(last, 4)}
