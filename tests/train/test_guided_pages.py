"""Guidance in the training of pages: what is put in, what is logged, what the loss makes of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from training_pages import grpo_run, weights

from tasks.guidance_config import GuidanceConfig
from tasks.model.load import load_model, load_processor
from tasks.records import StageError, StageRef
from tasks.train.grpo import grpo_stage, make_rows, make_trainer
from tasks.train.guards import answer_text
from tasks.train.pages import choose_pages, read_images

GUIDED = GuidanceConfig(mode="all_wrong", tau=0.99)


def log_of(ref: StageRef) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (Path(ref.uri) / "log.jsonl").read_text().splitlines()]


def batch_of(
    guidance: GuidanceConfig, untrained: str, dataset: StageRef, warm: StageRef, scratch: Path, **more: Any
) -> tuple[Any, Any, list[str]]:
    """A trainer, its first batch of two answers to each of two pages, and the labels of the pages."""
    config = grpo_run(untrained, guidance=guidance, **more)
    pages = choose_pages(dataset, "train", config.pages)[:2]
    rows = make_rows(config, read_images(dataset, pages), pages)
    model = load_model(config.model.base, adapter=Path(warm.uri) / "adapter", trainable=True)
    trainer = make_trainer(config, model, load_processor(config.model.base), rows, scratch)
    trainer.is_in_train = True
    torch.manual_seed(0)
    batch = trainer._generate_and_score_completions([row for row in rows for _ in range(2)])
    return trainer, batch, [page.markdown for page in pages]


def test_a_guided_run(home: Path, untrained: str, dataset: StageRef, warm: StageRef) -> None:
    runs = (grpo_run(untrained, steps=2, probe="off", guidance=guidance) for guidance in (GUIDED, GuidanceConfig()))
    guided, alone = (grpo_stage(run, dataset, warm) for run in runs)
    assert weights(guided) != weights(alone)
    for row in log_of(guided):
        assert row["guidance/injected"] == row["guidance/signal"] == 1
        assert row["reward"] == row["rewards/reward/mean"] < 0.5
        assert row["policy/reward"] == pytest.approx(row["reward"])
        assert row["frac_reward_zero_std"] == 0
    first, same = log_of(guided)[0], log_of(alone)[0]
    own = {name for name in first if name.startswith(("policy/", "reward"))}
    assert {"reward", "reward_std", "rewards/reward/mean", "reward/edit_similarity", "policy/signal"} <= own
    for name in own:  # before the first update both policies sample the same
        assert first[name] == pytest.approx(same[name]), name
    assert {row["guidance/injected"] for row in log_of(alone)} == {0}


def test_the_label_is_put_in_as_an_answer(tmp_path: Path, untrained: str, dataset: StageRef, warm: StageRef) -> None:
    trainer, batch, labels = batch_of(GUIDED, untrained, dataset, warm, tmp_path)
    assert len(trainer._injected) == 2
    for i, label in zip(trainer._injected, labels, strict=True):
        ids = batch["completion_ids"][i][batch["completion_mask"][i].bool()]
        assert trainer.processing_class.tokenizer.decode(ids[:-1]) == answer_text(label)
        assert ids[-1] == trainer.processing_class.tokenizer.eos_token_id
        assert trainer._rewards[i] == pytest.approx(1)
        assert batch["advantages"][i] > 0
    assert "tool_mask" not in batch
    assert "old_per_token_logps" not in batch


def test_a_page_that_is_read_well_is_not_helped(
    tmp_path: Path, untrained: str, dataset: StageRef, warm: StageRef
) -> None:
    trainer, _, _ = batch_of(GUIDED.model_copy(update={"tau": 0.0}), untrained, dataset, warm, tmp_path)
    assert trainer._injected == []
    assert trainer._metrics["train"]["policy/right"] == [1]


def test_masked_tokens_have_no_loss_but_their_reward_counts(
    tmp_path: Path, untrained: str, dataset: StageRef, warm: StageRef
) -> None:
    masked = GUIDED.model_copy(update={"weighting": "masked"})
    trainer, batch, _ = batch_of(masked, untrained, dataset, warm, tmp_path)
    others = [i for i in range(4) if i not in trainer._injected]
    assert batch["tool_mask"][trainer._injected].sum() == 0
    assert batch["num_items_in_batch"] == batch["completion_mask"][others].sum()
    assert (batch["advantages"][others] < 0).all()


def test_a_policy_that_did_not_sample_what_was_put_in(
    tmp_path: Path, untrained: str, dataset: StageRef, warm: StageRef
) -> None:
    """With one epoch TRL keeps no log-probabilities of the sampling policy: they are taken, those put in set to 0."""
    importance = GUIDED.model_copy(update={"weighting": "importance"})
    trainer, batch, _ = batch_of(importance, untrained, dataset, warm, tmp_path, loss_type="grpo")
    old = batch["old_per_token_logps"]
    others = [i for i in range(4) if i not in trainer._injected]
    assert (old[trainer._injected] == 0).all()
    torch.testing.assert_close(old[others], trainer._log_probs(batch)[others])
    trainer.current_gradient_accumulation_steps = 1
    loss = trainer._compute_loss(trainer.model, batch)
    ratio, kept = (trainer._log_probs(batch) - old).exp(), batch["completion_mask"]
    gain = batch["advantages"][:, None]
    expected = -(torch.min(ratio * gain, ratio.clamp(0.8, 1.2) * gain) * kept).sum(1) / kept.sum(1)
    assert loss.item() == pytest.approx(expected.mean().item(), rel=1e-3)


def test_a_label_longer_than_an_answer(tmp_path: Path, untrained: str, dataset: StageRef, warm: StageRef) -> None:
    trainer, _, _ = batch_of(GuidanceConfig(), untrained, dataset, warm, tmp_path)
    trainer.guidance, trainer.max_completion_length = GUIDED, 4
    rows = [row for row in trainer.train_dataset for _ in range(2)]
    with pytest.raises(StageError, match=r"guidance: '# Page .* answers have 4"):
        trainer._generate_and_score_completions(rows)


def test_a_probe_sees_the_policy_alone(tmp_path: Path, untrained: str, dataset: StageRef, warm: StageRef) -> None:
    trainer, _, _ = batch_of(GUIDED, untrained, dataset, warm, tmp_path)
    trainer.is_in_train = False
    trainer._generate_and_score_completions([row for row in trainer.train_dataset for _ in range(2)])
    assert trainer._injected == []
