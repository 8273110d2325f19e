"""The probe: before the first GRPO step the policy answers some training pages, and one gradient is taken.

It leaves the model, the trainer and every random generator as they were: a run with it ends in the same adapter.
"""

from __future__ import annotations

import logging
import random
import statistics
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

from tasks.records import StageError
from tasks.scoring import composite_reward, resolve_weights
from tasks.store import Folder
from tasks.train.adapter import adapter_parameters, gradient_norms
from tasks.train.inputs import image_tokens
from tasks.train.signal import Finding, Gradient, Group, Sampled, Signal, findings, measure, summary
from tasks.train_config import GrpoRun

PROBE = "probe.json"

log = logging.getLogger(__name__)


class NoSignalError(StageError):
    """The probe found what stands in the way of learning, and the run is strict."""


def probe(folder: Folder, config: GrpoRun, trainer: Any, rows: Any) -> None:
    """Measure the signal on `rows`, tell it, and keep it as probe.json; a run that goes on reads what is there.

    Raises NoSignalError in a strict run where anything stands in the way.
    """
    grpo = config.grpo
    if grpo.probe == "off":
        return
    if not folder.exists(PROBE):
        signal = sample(trainer, rows, config)
        found = findings(signal, len(trainer.processing_class.tokenizer))
        said = {"summary": summary(signal), "findings": [asdict(finding) for finding in found]}
        folder.write_json(PROBE, {**said, "signal": asdict(signal), "temperature": grpo.temperature})
        log.info("probe of %s", said["summary"])
    kept = [Finding(**finding) for finding in folder.read_json(PROBE)["findings"]]
    if kept and grpo.probe == "strict":
        told = "; ".join(f"{finding.says} ({finding.remedy})" for finding in kept)
        raise NoSignalError(f"the probe before GRPO: {told}; to train anyway set grpo.probe = 'tell'")
    for finding in kept:
        log.warning("probe: %s; %s", finding.says, finding.remedy)


def sample(trainer: Any, rows: Any, config: GrpoRun) -> Signal:
    """The signal of the trainer's policy on `rows`, one a page, as many as some steps have."""
    grpo = config.grpo
    tokens = image_tokens(trainer, list(rows), config.model.prompt)
    if tokens[0] != tokens[1]:
        return Signal(len(rows), grpo.generations, tokens)
    weights = resolve_weights(grpo.weights)
    groups: list[Group] = []
    telling: Any = None  # the batch with the largest advantages
    with _undisturbed(trainer):
        for first in range(0, len(rows), grpo.prompts):
            chosen = [rows[i] for i in range(first, first + grpo.prompts)]
            asked = [row for row in chosen for _ in range(grpo.generations)]
            with trainer.accelerator.autocast():
                batch = trainer._generate_and_score_completions(asked)
            answers = _answers(trainer, batch, [row["reference"] for row in chosen], weights)
            groups += [
                Group(answers[i * grpo.generations :][: grpo.generations], _expected(row["reference"], weights))
                for i, row in enumerate(chosen)
            ]
            if telling is None or _weight(batch) > _weight(telling):
                telling = batch
        gradient = _backward(trainer, telling)
    return measure(groups, [part for part, weight in weights.items() if weight], tokens, gradient)


def _answers(trainer: Any, batch: Any, labels: Sequence[str], weights: dict[str, float]) -> list[Sampled]:
    import torch

    ids = batch["completion_ids"]
    texts = trainer.processing_class.batch_decode(ids, skip_special_tokens=True)
    ended = torch.isin(ids, torch.tensor(trainer.eos_token_ids, device=ids.device)).any(1).tolist()
    each = len(texts) // len(labels)
    scores = [composite_reward(text.strip(), labels[i // each], weights) for i, text in enumerate(texts)]
    return [
        Sampled(text, not end, score.total, score.parts) for text, end, score in zip(texts, ended, scores, strict=True)
    ]


def _expected(label: str, weights: dict[str, float]) -> frozenset[str]:
    """The parts that the label has something for: an empty answer has a value there, not None."""
    return frozenset(part for part, value in composite_reward("", label, weights).parts.items() if value is not None)


def _weight(batch: Any) -> float:
    return float(batch["advantages"].abs().sum())


def _backward(trainer: Any, batch: Any) -> Gradient:
    """The gradient of a step, worked off in parts, and recomputing, as in training."""
    import torch
    from trl.trainer.utils import split_pixel_values_by_grid, split_tensor_dict, unsplit_pixel_values_by_grid

    signal = _weight(batch) > 0
    if not signal:
        batch["advantages"] = torch.ones_like(batch["advantages"])
    arguments, model = trainer.args, trainer.model
    parts = arguments.gradient_accumulation_steps
    trainer.current_gradient_accumulation_steps = parts
    if arguments.gradient_checkpointing:  # the trainer does so no sooner than in `train`
        model.gradient_checkpointing_enable(arguments.gradient_checkpointing_kwargs)
    for part in split_tensor_dict(split_pixel_values_by_grid(batch), parts):
        # one context a part: a cast of the adapter that was cached while sampling would have no gradient
        with trainer.accelerator.autocast():
            loss = trainer.compute_loss(model, unsplit_pixel_values_by_grid(part))
        loss.backward()
    if arguments.gradient_checkpointing:
        model.gradient_checkpointing_disable()
    norms = gradient_norms(adapter_parameters(model))
    model.zero_grad(set_to_none=True)
    entropy = statistics.fmean(trainer._metrics["train"]["entropy"][-parts:])
    return Gradient("policy" if signal else "likelihood", entropy, norms)


@contextmanager
def _undisturbed(trainer: Any) -> Iterator[None]:
    """Random generators and the trainer's counters as they were, afterwards."""
    import numpy as np
    import torch

    python, numbers = random.getstate(), np.random.get_state()
    seen, training = trainer.state.num_input_tokens_seen, trainer.model.training
    trainer.model.train()
    try:
        with torch.random.fork_rng():
            yield
    finally:
        random.setstate(python)
        np.random.set_state(numbers)
        trainer.state.num_input_tokens_seen = seen
        trainer._metrics["train"].clear()
        trainer.model.train(training)
