"""The probe on a real model and TRL's real trainer: each verdict is tripped by what it is for."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from training_pages import grpo_run, weights

from tasks.model.load import load_model, load_processor
from tasks.records import StageRef
from tasks.store import Folder, finished
from tasks.train import grpo as module
from tasks.train.adapter import adapter_parameters
from tasks.train.grpo import grpo_stage, make_rows, make_trainer
from tasks.train.guards import NoGradientError
from tasks.train.inputs import ImageTokensCutError, check_rollouts
from tasks.train.pages import choose_pages, read_images
from tasks.train.probe import PROBE, NoSignalError, sample
from tasks.train.signal import Finding, Verdict, findings
from tasks.train_config import GrpoRun


@pytest.fixture(scope="module")
def parts(untrained: str, dataset: StageRef, warm: StageRef) -> tuple[Any, Any, Any]:
    """Model, processor, images."""
    model = load_model(untrained, adapter=Path(warm.uri) / "adapter", trainable=True)
    pages = choose_pages(dataset, "train", grpo_run(untrained).pages)[:4]
    return model, load_processor(untrained), read_images(dataset, pages)


def probing(config: GrpoRun, parts: tuple[Any, Any, Any], scratch: Path, **options: Any) -> tuple[Any, Any]:
    model, processor, images = parts
    model.get_base_model().model.visual.__dict__.pop("forward", None)  # of the trainer before
    rows = make_rows(config, images, list(images))
    return make_trainer(config, model, processor, rows, scratch, **options), rows


def found(config: GrpoRun, parts: tuple[Any, Any, Any], scratch: Path) -> dict[Verdict, Finding]:
    trainer, rows = probing(config, parts, scratch)
    signal = sample(trainer, rows, config)
    return {f.verdict: f for f in findings(signal, len(trainer.processing_class.tokenizer))}


def test_answers_of_an_untrained_model(tmp_path: Path, parts: tuple[Any, Any, Any], untrained: str) -> None:
    told = found(grpo_run(untrained, weights={"heading_f1": 1.0}), parts, tmp_path)
    assert told.keys() == {Verdict.EQUAL_REWARDS, Verdict.NEVER_SAMPLED, Verdict.CLIPPED, Verdict.NOISE}
    assert "in 100% of groups, though 2.0 of 2 answers differ" in told[Verdict.EQUAL_REWARDS].says
    assert "on the 4 pages that have it" in told[Verdict.NEVER_SAMPLED].says


def test_a_temperature_of_almost_nothing(tmp_path: Path, parts: tuple[Any, Any, Any], untrained: str) -> None:
    told = found(grpo_run(untrained, temperature=1e-4), parts, tmp_path)
    assert told[Verdict.IDENTICAL_ANSWERS].says == "all 2 answers identical in 100% of groups, rewards equal in 100%"
    assert Verdict.COLLAPSED in told
    assert Verdict.NO_GRADIENT not in told


def test_a_part_of_the_adapter_that_gets_no_gradient(
    tmp_path: Path, parts: tuple[Any, Any, Any], untrained: str
) -> None:
    frozen = adapter_parameters(parts[0])["vision"]
    hook = adapter_parameters(parts[0])["text"][0].register_hook(lambda gradient: gradient * float("nan"))
    try:
        for parameter in frozen:
            parameter.requires_grad = False
        told = found(grpo_run(untrained), parts, tmp_path)
    finally:
        hook.remove()
        for parameter in frozen:
            parameter.requires_grad = True
    assert told[Verdict.NO_GRADIENT].says == "the vision adapter gets no gradient"
    assert told[Verdict.GRADIENT_NOT_FINITE].says == "the gradient of the text adapter is nan"


def test_image_tokens_that_were_cut(tmp_path: Path, parts: tuple[Any, Any, Any], untrained: str) -> None:
    """As the first article's prompt cap of 1024 tokens did."""
    config = grpo_run(untrained)
    trainer, rows = probing(config, parts, tmp_path)
    whole = trainer._tokenize_prompts

    def capped(prompts: Any) -> Any:
        ids, images, fields = whole(prompts)
        return [row[-8:] for row in ids], images, fields

    check_rollouts(trainer, rows, config.model.prompt)
    trainer._tokenize_prompts = capped
    (finding,) = findings(sample(trainer, rows, config), 400)
    assert finding.verdict == Verdict.IMAGE_TOKENS_CUT
    assert finding.says.startswith("image tokens cut: ")
    with pytest.raises(ImageTokensCutError, match=r"image tokens cut: \d+ of the 32 that 4 pages need"):
        check_rollouts(trainer, rows, config.model.prompt)


@pytest.mark.parametrize("loss_type", ["grpo", "dr_grpo", "dapo"])
@pytest.mark.parametrize(
    ("way", "shortcuts"), [({"micro_batch": 1}, True), ({"micro_batch": 2, "recompute": "on"}, True), ({}, False)]
)
def test_the_gradient_is_that_of_a_step_however_it_is_worked_off(
    tmp_path: Path, parts: tuple[Any, Any, Any], untrained: str, loss_type: str, way: dict[str, Any], shortcuts: bool
) -> None:
    seen = []
    for changes, short in (({}, True), (way, shortcuts)):
        config = grpo_run(untrained, loss_type=loss_type, **changes)
        trainer, rows = probing(config, parts, tmp_path, shortcuts=short)
        seen.append(sample(trainer, rows, config).gradient)
        assert not parts[0].is_gradient_checkpointing
    whole, other = seen
    assert whole is not None is not other
    assert whole.norms["vision"] > 0
    assert other.norms == pytest.approx(whole.norms, rel=0.05)
    assert other.entropy == pytest.approx(whole.entropy, rel=0.01)


def test_nothing_is_disturbed(tmp_path: Path, parts: tuple[Any, Any, Any], untrained: str) -> None:
    trainer, rows = probing(grpo_run(untrained), parts, tmp_path)
    before = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist()
    values = {name: p.clone() for name, p in trainer.model.named_parameters()}
    first, again = (sample(trainer, rows, grpo_run(untrained)) for _ in range(2))
    assert first == again
    assert torch.equal(torch.get_rng_state(), before[0])
    assert (random.getstate(), np.random.get_state()[1].tolist()) == before[1:]
    assert all(torch.equal(p, values[name]) and p.grad is None for name, p in trainer.model.named_parameters())
    assert not trainer._metrics["train"]
    assert trainer.state.num_input_tokens_seen == 0


def test_told_or_strict(
    tmp_path: Path,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    untrained: str,
    dataset: StageRef,
    warm: StageRef,
) -> None:
    settings = {"weights": {"heading_f1": 0.1, "edit_similarity": 0.9}, "probe_prompts": 4, "steps": 2}
    strict = grpo_run(untrained, probe="strict", **settings)
    with pytest.raises(NoSignalError, match=r"heading_f1 constant 0 .* set grpo\.probe = 'tell'") as e:
        grpo_stage(strict, dataset, warm)
    assert "\n" not in str(e.value)
    folder = grpo_stage.folder(grpo_stage.digest(strict, dataset, warm))
    assert finished(folder) is None
    with monkeypatch.context() as patch:
        patch.setattr("tasks.train.probe.sample", None)
        with pytest.raises(NoSignalError):  # what was found is still there
            grpo_stage(strict, dataset, warm)

    told = grpo_stage(grpo_run(untrained, probe="tell", **settings), dataset, warm)
    assert any(r.message.startswith("probe: heading_f1 constant 0") for r in caplog.records)
    kept = Folder(told.uri).read_json(PROBE)
    assert "never_sampled" in [finding["verdict"] for finding in kept["findings"]]
    assert kept["summary"].startswith("4 pages, 2 answers each: rewards differ in ")
    assert weights(told) == weights(grpo_stage(grpo_run(untrained, **settings), dataset, warm))


def test_a_gradient_that_never_comes_stops_the_run(
    home: Path, monkeypatch: pytest.MonkeyPatch, untrained: str, dataset: StageRef, warm: StageRef
) -> None:
    def cut_off(*arguments: Any) -> Any:
        trainer = make_trainer(*arguments)
        for parameter in adapter_parameters(trainer.model)["merger"]:
            parameter.register_hook(torch.zeros_like)
        return trainer

    monkeypatch.setattr(module, "make_trainer", cut_off)
    with pytest.raises(NoGradientError, match=r"step 3: the merger adapter got no gradient in 3 steps \(others: v"):
        grpo_stage(grpo_run(untrained, steps=4), dataset, warm)
