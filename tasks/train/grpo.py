"""Refinement: the SFT adapter goes on by group-relative policy optimisation (arXiv 2402.03300, section 4)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tasks.model.load import load_processor
from tasks.records import StageRef
from tasks.scoring import composite_reward, resolve_weights
from tasks.stage import Counts, Stage
from tasks.store import Folder
from tasks.train.adapter import layers, save_adapter
from tasks.train.checkpoints import scratch_folder
from tasks.train.cost import Meter
from tasks.train.engine import continued_model
from tasks.train.environment import environment
from tasks.train.guards import (
    answer_text,
    check_adapter,
    check_context,
    check_prompt,
    trainable_parameters,
    trainer_prompt,
)
from tasks.train.inputs import check_rollouts
from tasks.train.pages import DatasetPage, draw, image_sizes, read_images, trainer_dataset
from tasks.train.probe import probe
from tasks.train.trainer import (
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
from tasks.train_config import GrpoRun


def make_reward(weights: str | Mapping[str, float]) -> Callable[..., list[float]]:
    """A reward function for TRL: totals of `composite_reward`; the mean of every part is logged as reward/<part>.

    A mean is over the answers whose part is not None. Raises UsageError for weights that make no sense.
    """
    chosen = resolve_weights(weights)

    def reward(
        completions: list[Any], reference: list[str], log_metric: Callable[[str, float], None], **_: Any
    ) -> list[float]:
        scores = [
            composite_reward(completion[-1]["content"].strip(), text, chosen)
            for completion, text in zip(completions, reference, strict=True)
        ]
        for part in scores[0].parts:
            if values := [value for score in scores if (value := score.parts[part]) is not None]:
                log_metric(f"reward/{part}", sum(values) / len(values))
        return [score.total for score in scores]

    return reward


def make_rows(config: GrpoRun, images: Mapping[DatasetPage, bytes], order: Sequence[DatasetPage]) -> Any:
    """A dataset of images, prompt (a conversation) and reference (the label)."""
    prompt = trainer_prompt(config.model.prompt)
    return trainer_dataset(images, order, prompt=lambda _: prompt, reference=lambda page: page.markdown)


def image_tokens(model: Any) -> list[int]:
    names = ("image_token_id", "video_token_id", "vision_start_token_id", "vision_end_token_id")
    return [getattr(model.config, name) for name in names]


def make_arguments(config: GrpoRun, model: Any, scratch: Path) -> Any:
    """Every step samples its own answers, from the whole distribution: a cut tail would bias the ratio of policies.

    Only the tokens that stand for an image are barred: in an answer there is no image that the model could put there.
    """
    from trl import GRPOConfig

    grpo = config.grpo
    return GRPOConfig(
        **common_arguments(scratch, grpo, grpo.prompts * grpo.generations),
        num_generations=grpo.generations,
        max_completion_length=config.model.max_new_tokens,
        temperature=grpo.temperature,
        top_p=1.0,
        top_k=0,
        beta=grpo.beta,
        loss_type=grpo.loss_type,
        generation_kwargs={"suppress_tokens": image_tokens(model)},
        shuffle_dataset=False,
        lr_scheduler_type="linear",
    )


def make_trainer(
    config: GrpoRun, model: Any, processor: Any, rows: Any, scratch: Path, shortcuts: bool | None = None
) -> Any:
    """TRL's GRPOTrainer with guidance (`guided`), and with the shortcuts of `rollouts` (default: on a CPU)."""
    import torch

    from tasks.train.guided import GuidedTrainer
    from tasks.train.rollouts import SharedPagesTrainer

    align_tokens(model, processor.tokenizer)
    shortcuts = not torch.cuda.is_available() if shortcuts is None else shortcuts
    trainer = SharedPagesTrainer if shortcuts else GuidedTrainer
    with as_it_was(model):
        return trainer(
            model=model,
            guidance=config.grpo.guidance,
            answer=lambda row: answer_text(row["reference"]),
            reward_funcs=make_reward(config.grpo.weights),
            args=make_arguments(config, model, scratch),
            train_dataset=rows,
            processing_class=processor,
        )


def _grpo(folder: Folder, config: GrpoRun, dataset: StageRef, sft: StageRef) -> Counts:
    """Go on training the adapter of `sft`; with steps = 0 it is passed on as it is.

    Raises StageError (see `guards`), and UsageError for a model or weights that cannot be used.
    """
    prepare_libraries(config.model.engine)
    meter = Meter()
    grpo, base = config.grpo, config.model.base
    scratch = scratch_folder(folder, "grpo")
    (Folder(sft.uri) / "adapter").pull(scratch / "adapter")
    if not grpo.steps:
        write_checkpoint(folder, scratch, grpo_stage, config, dataset, [], [], [], {}, sft)
        return {"steps": 0}
    processor = load_processor(base)
    pages, rejects = usable_pages("grpo", config, dataset, processor.tokenizer, grpo.prompts)
    order = draw(pages, grpo.steps * grpo.prompts, "grpo", str(grpo.seed))
    whole = min(-(-grpo.probe_prompts // grpo.prompts), len(pages) // grpo.prompts)
    probed = draw(pages, whole * grpo.prompts, "grpo", str(grpo.seed))
    images = read_images(dataset, [*order, *probed])
    model = continued_model(config, scratch / "adapter", grpo.seed)
    check_adapter(model, config.lora, layers(config.lora))
    trained = trainable_parameters(model)
    longest = check_context(model, processor, config.model.prompt, image_sizes(images), config.model.max_new_tokens)
    check_step(model, config, longest)
    check_prompt(processor, config.model.prompt)

    rows = make_rows(config, images, order)
    trainer = make_trainer(config, model, processor, rows, scratch)
    probe(folder, config, trainer, make_rows(config, images, probed))
    check_rollouts(trainer, rows, config.model.prompt)
    log, resumed_at = fit(trainer, folder, scratch, "grpo", "reward")
    save_adapter(model, base, scratch / "adapter")
    cost = meter.read(log, grpo.steps * grpo.prompts, config.cost.per_hour, resumed_at)
    seen = set(order)
    write_checkpoint(folder, scratch, grpo_stage, config, dataset, log, rejects, seen, cost, sft)
    return {
        "steps": grpo.steps,
        "trainable parameters": trained,
        "pages": len(seen),
        "too long": len(rejects),
        **ends(log, "reward"),
        **cost,
    }


grpo_stage = Stage("grpo", 5, _grpo, environment, ignore=("cost",))
grpo = grpo_stage.task(retries=0, timeout_seconds=24 * 3600)
