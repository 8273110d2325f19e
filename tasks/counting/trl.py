"""Counting taught by TRL's trainer: what `grpo.train` does, at twice the cost, by a library many people rely on."""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Callable, Sequence
from typing import Any

from tasks.counting.data import Example
from tasks.counting.grpo import BETAS, MAX_GRAD_NORM, WEIGHT_DECAY, Row, draw
from tasks.counting.grpo_config import CountingGrpoConfig
from tasks.counting.prompts import Prompt
from tasks.train.grpo import image_tokens
from tasks.train.guards import trainer_prompt
from tasks.train.trainer import align_tokens, prepare_libraries

LOGGED = {"loss": "loss", "grad_norm": "grad_norm", "entropy": "entropy", "clip_ratio/region_mean": "clip"}
"""What TRL logs of an optimizer step -> its column in a row."""


def train(
    model: Any,
    processor: Any,
    examples: Sequence[Example],
    prompt: Prompt,
    config: CountingGrpoConfig,
    on_step: Callable[[Row], None] | None = None,
) -> list[Row]:
    """As `grpo.train`, on the same images in the same order; the answers are sampled by other random numbers.

    Where no group has a signal TRL still takes its optimizer steps, which then go by momentum alone. length, entropy
    and clip are of the answers trained on.
    """
    with tempfile.TemporaryDirectory() as scratch:
        trainer = make_trainer(model, processor, draw(examples, config), prompt, config, scratch)
        rows: list[Row] = []
        trainer.add_callback(_rows_of(config.epochs, rows, on_step))
        trainer.train()
    model.eval()
    return rows


def make_trainer(
    model: Any, processor: Any, order: Sequence[Example], prompt: Prompt, config: CountingGrpoConfig, scratch: str
) -> Any:
    """A GuidedTrainer of all parameters of `model`, one rollout batch at a time from `order`."""
    prepare_libraries()
    import torch
    from datasets import Dataset, Features, Image, List, Value
    from transformers.trainer_callback import PrinterCallback
    from trl import GRPOConfig

    from tasks.train.guided import GuidedTrainer

    turn = {"role": Value("string"), "content": Value("string")}
    rows = Dataset.from_dict(
        {
            "images": [[{"bytes": example.data, "path": None}] for example in order],
            "prompt": [trainer_prompt(prompt.text)] * len(order),
            "count": [example.count for example in order],
        },
        features=Features({"images": List(Image(mode="RGB")), "prompt": List(turn), "count": Value("int64")}),
    )

    def count_reward(
        completions: list[Any], count: list[int], log_metric: Callable[[str, float], None], **_: Any
    ) -> list[float]:
        texts = [completion[-1]["content"] for completion in completions]
        rewards = [prompt.judge(text, truth).reward for text, truth in zip(texts, count, strict=True)]
        log_metric("policy/digit", sum(reward >= 0 for reward in rewards) / len(rewards))
        return rewards

    gpu = torch.cuda.is_available()
    align_tokens(model, processor.tokenizer)
    arguments = GRPOConfig(
        output_dir=scratch,
        max_steps=config.steps * config.epochs,
        per_device_train_batch_size=config.prompts * config.generations,
        gradient_accumulation_steps=1,
        num_generations=config.generations,
        num_iterations=config.epochs,
        max_completion_length=config.max_new_tokens,
        temperature=config.temperature,
        top_p=1.0,
        top_k=0,
        epsilon=config.clip,
        loss_type="grpo",
        beta=0.0,
        generation_kwargs={"suppress_tokens": image_tokens(model)},
        learning_rate=config.learning_rate,
        lr_scheduler_type="constant",
        adam_beta1=BETAS[0],
        adam_beta2=BETAS[1],
        weight_decay=WEIGHT_DECAY,
        max_grad_norm=MAX_GRAD_NORM,
        shuffle_dataset=False,
        seed=config.seed,
        use_cpu=not gpu,
        bf16=gpu,  # products only: the weights stay float32
        gradient_checkpointing=gpu,
        gradient_checkpointing_kwargs={"use_reentrant": False} if gpu else None,
        dataloader_pin_memory=gpu,
        remove_unused_columns=False,
        logging_steps=1,
        save_strategy="no",
        report_to=[],
        disable_tqdm=True,
    )
    trainer = GuidedTrainer(
        model=model,
        guidance=config.guidance,
        answer=lambda row: prompt.answer(row["count"]),
        reward_funcs=count_reward,
        args=arguments,
        train_dataset=rows,
        processing_class=processor,
    )
    trainer.remove_callback(PrinterCallback)
    if config.beta:  # trl would look for the reference at the path that the model was loaded from
        trainer.beta, trainer.ref_model = config.beta, copy.deepcopy(model).eval().requires_grad_(False)
    return trainer


def _rows_of(epochs: int, rows: list[Row], on_step: Callable[[Row], None] | None) -> Any:
    """A callback that makes one row of the `epochs` rows that TRL logs of a rollout batch."""
    from transformers import TrainerCallback

    class Rows(TrainerCallback):
        def __init__(self) -> None:
            self.parts: list[Row] = []

        def on_log(self, args: Any, state: Any, control: Any, logs: Row | None = None, **_: Any) -> None:
            if not logs or "loss" not in logs:
                return
            self.parts.append(logs)
            if len(self.parts) < epochs:
                return
            row = {"step": len(rows) + 1, "length": self.parts[0]["completions/mean_length"]}
            row |= {name: value for name, value in self.parts[0].items() if name.startswith(("policy/", "guidance/"))}
            for name, ours in LOGGED.items():
                row[ours] = sum(part[name] for part in self.parts) / epochs
            self.parts = []
            rows.append(row)
            if on_step:
                on_step(row)

    return Rows()
