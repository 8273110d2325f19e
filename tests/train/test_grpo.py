from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from killed_run import run_until_killed
from training_pages import LORA, grpo_run, log_of, weights, without_times

from tasks.model.load import load_model, load_processor
from tasks.model.prompts import prompt_text
from tasks.records import StageRef, UsageError
from tasks.scoring import PARTS, composite_reward
from tasks.store import Folder, finished
from tasks.train import engine
from tasks.train import grpo as module
from tasks.train.adapter import add_adapter, part_digests
from tasks.train.grpo import grpo_stage, make_reward, make_rows, make_trainer
from tasks.train.guards import AdapterMismatchError, NothingToTrainError, PromptMismatchError, check_prompt
from tasks.train.pages import choose_pages, read_images
from tasks.train_config import GrpoRun, LoraConfig, ModelConfig


@pytest.fixture(scope="module")
def refined(tmp_path_factory: pytest.TempPathFactory, untrained: str, dataset: StageRef, warm: StageRef) -> StageRef:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RECTO_HOME", str(tmp_path_factory.mktemp("refined")))
        return grpo_stage(grpo_run(untrained), dataset, warm)


def test_the_same_adapter_goes_on(refined: StageRef, warm: StageRef) -> None:
    before, after = ((Path(ref.uri) / "adapter" / "adapter_config.json").read_text() for ref in (warm, refined))
    assert json.loads(before)["target_modules"] == json.loads(after)["target_modules"]
    assert Folder(refined.uri).names("adapter/*") == Folder(warm.uri).names("adapter/*")
    assert weights(refined) != weights(warm)
    checkpoint = json.loads((Path(refined.uri) / "checkpoint.json").read_text())
    assert (checkpoint["stage"], checkpoint["sft_digest"]) == ("grpo", warm.digest)
    from safetensors.torch import load

    old, new = load(weights(warm)), load(weights(refined))
    moved = torch.cat([(new[name] - old[name]).flatten() for name in old]).norm()
    assert old.keys() == new.keys()
    assert 0 < moved < 0.2 * torch.cat([tensor.flatten() for tensor in old.values()]).norm()


def test_answers_without_any_spread_are_a_finding(
    home: Path, untrained: str, dataset: StageRef, warm: StageRef, caplog: pytest.LogCaptureFixture
) -> None:
    """As the article's GRPO without SFT."""
    same = grpo_stage(grpo_run(untrained, temperature=1e-3), dataset, warm)
    assert {row["grad_norm"] for row in log_of(same)} == {0.0}
    assert weights(same) == weights(warm)
    assert "grpo: no update had a gradient" in caplog.text


def test_what_is_logged(refined: StageRef) -> None:
    log = log_of(refined)
    assert [row["step"] for row in log] == [1, 2, 3]
    shown = {"reward", "reward_std", "frac_reward_zero_std", "grad_norm", "entropy", "completions/clipped_ratio"}
    shown |= {"completions/mean_length", "reward/edit_similarity", "reward/structure", "loss", "learning_rate"}
    assert shown <= log[0].keys()
    assert log[0]["learning_rate"] == 0 < log[1]["learning_rate"]
    assert refined.counts["pages"] == 6
    assert refined.counts["last reward"] == round(log[-1]["reward"], 4)


def test_no_steps_pass_the_adapter_on(home: Path, untrained: str, dataset: StageRef, warm: StageRef) -> None:
    passed = grpo_stage(grpo_run(untrained, steps=0), dataset, warm)
    assert weights(passed) == weights(warm)
    assert finished(Folder(passed.uri)) is not None


def test_a_killed_run_ends_as_an_uninterrupted_one(
    tmp_path: Path,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    untrained: str,
    dataset: StageRef,
    warm: StageRef,
) -> None:
    """Answers are sampled anew after the resume: as the random generator's state is restored, they are the same."""
    config = grpo_run(untrained, steps=8, save_steps=2)
    assert run_until_killed("grpo", config, [dataset, warm], home)
    assert finished(grpo_stage.folder(grpo_stage.digest(config, dataset, warm))) is None
    resumed = grpo_stage(config, dataset, warm)
    monkeypatch.setenv("RECTO_HOME", str(tmp_path / "other"))
    whole = grpo_stage(config, dataset, warm)
    assert weights(resumed) == weights(whole)
    assert without_times(log_of(resumed)) == without_times(log_of(whole))


def test_a_failed_run_with_a_reference_policy_in_parts(
    tmp_path: Path,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    untrained: str,
    dataset: StageRef,
    warm: StageRef,
) -> None:
    """With a KL term a frozen copy of the SFT adapter is the reference, also of the run that goes on."""
    config = grpo_run(untrained, steps=4, save_steps=1, beta=0.5, micro_batch=2)

    class StoppedError(Exception):
        pass

    def stopping(*arguments: Any) -> Any:
        trainer = make_trainer(*arguments)
        step = trainer.training_step

        def stop(*a: Any, **k: Any) -> Any:
            if trainer.state.global_step == 2:
                raise StoppedError
            return step(*a, **k)

        trainer.training_step = stop
        return trainer

    with monkeypatch.context() as patch:
        patch.setattr(module, "make_trainer", stopping)
        with pytest.raises(StoppedError):
            grpo_stage(config, dataset, warm)
    resumed = grpo_stage(config, dataset, warm)
    monkeypatch.setenv("RECTO_HOME", str(tmp_path / "other"))
    whole = grpo_stage(config, dataset, warm)
    assert weights(resumed) == weights(whole)
    assert without_times(log_of(resumed)) == without_times(log_of(whole))
    kl = [row["kl"] for row in log_of(whole)]
    assert kl[:2] == [0, 0] < kl[2:]  # the first step is at a learning rate of 0
    assert Folder(whole.uri).names("adapter/**") == Folder(warm.uri).names("adapter/**")


def test_the_reward_is_the_score_and_its_parts_are_logged() -> None:
    answers = ["# A\n\nb", "<think>hm</think># A\n\nb", "b", ""]
    reference = ["# A\n\nb\n"] * 4
    logged: dict[str, float] = {}
    completions = [[{"role": "assistant", "content": answer}] for answer in answers]
    rewards = make_reward("v2")(
        completions=completions, reference=reference, log_metric=logged.__setitem__, prompts=None
    )
    scores = [composite_reward(a, r) for a, r in zip(answers, reference, strict=True)]
    assert rewards == [score.total for score in scores]
    assert rewards[0] == rewards[1] == 1 > rewards[2] > rewards[3] == 0
    assert logged["reward/heading_f1"] == 0.5
    assert "reward/table_teds" not in logged
    assert set(logged) <= {f"reward/{part}" for part in PARTS}
    for part in ("edit_similarity", "structure"):
        values = [value for score in scores if (value := score.parts[part]) is not None]
        assert logged[f"reward/{part}"] == pytest.approx(sum(values) / len(values))


def test_weights_of_the_reward(home: Path, untrained: str, dataset: StageRef, warm: StageRef) -> None:
    completions = [[{"role": "assistant", "content": "b"}]]
    for chosen in ("v3", {"heading_f1": 1.0}):
        reward = make_reward(chosen)(completions, reference=["# A\n\nb"], log_metric=lambda *_: None)
        assert reward == [composite_reward("b", "# A\n\nb", chosen).total]
    with pytest.raises(UsageError, match="unknown reward preset"):
        grpo_stage(grpo_run(untrained, weights="v9"), dataset, warm)


def trainer_of(config: GrpoRun, dataset: StageRef, warm: StageRef, scratch: Path) -> tuple[Any, Any]:
    processor = load_processor(config.model.base)
    pages = choose_pages(dataset, "train", config.pages)[:4]
    rows = make_rows(config, read_images(dataset, pages), pages)
    model = load_model(config.model.base, adapter=Path(warm.uri) / "adapter", trainable=True)
    return make_trainer(config, model, processor, rows, scratch), rows


def test_training_asks_what_evaluation_asks(tmp_path: Path, untrained: str, dataset: StageRef, warm: StageRef) -> None:
    config = grpo_run(untrained)
    trainer, rows = trainer_of(config, dataset, warm, tmp_path)
    from trl.data_utils import prepare_multimodal_messages

    asked, _, _ = trainer._tokenize_prompts([prepare_multimodal_messages(rows[0]["prompt"], images=rows[0]["images"])])
    processor = trainer.processing_class
    text = prompt_text(processor, config.model.prompt)
    assert asked == processor(images=[rows[0]["images"]], text=[text])["input_ids"]


def test_a_template_that_tells_messages_apart(untrained: str) -> None:
    processor = load_processor(untrained)
    check_prompt(processor, "Convert to Markdown.")
    processor.chat_template = processor.chat_template.replace(
        "{%- if message.content is string -%}",
        "{%- if message.content is not string and message.content[0].image is defined -%}seen: {%- endif -%}"
        "{%- if message.content is string -%}",
    )
    with pytest.raises(PromptMismatchError, match=r"training asks \d+ bytes, .*seen"):
        check_prompt(processor, "Convert to Markdown.")


def test_rollouts_leave_the_base_as_it_was(tmp_path: Path, untrained: str, dataset: StageRef, warm: StageRef) -> None:
    trainer, rows = trainer_of(grpo_run(untrained), dataset, warm, tmp_path)
    before = {name: p.clone() for name, p in trainer.model.named_parameters()}
    inputs = [rows[0], rows[0], rows[1], rows[1]]
    torch.manual_seed(0)
    answers = trainer._generate_and_score_completions(inputs)["completion_ids"]
    assert all(torch.equal(p, before[name]) for name, p in trainer.model.named_parameters())
    torch.manual_seed(0)
    assert torch.equal(stock(trainer)._generate_and_score_completions(inputs)["completion_ids"], answers)


def test_shortcuts_give_the_stock_loss_and_gradient(
    tmp_path: Path, untrained: str, dataset: StageRef, warm: StageRef, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.train.environment.has_bfloat16", lambda: False)
    found = []
    for shortcuts in (True, False):
        trainer, rows = trainer_of(grpo_run(untrained), dataset, warm, tmp_path)
        looked: list[int] = []
        visual = trainer.model.get_base_model().model.visual
        visual.blocks[0].register_forward_hook(lambda *a, looked=looked: looked.append(len(a[2])))
        if not shortcuts:
            stock(trainer)
        torch.manual_seed(0)
        batch = trainer._generate_and_score_completions([rows[i] for i in (0, 0, 0, 1)])
        trainer.current_gradient_accumulation_steps = 1
        batch["advantages"] = torch.tensor([1.0, -1.0, 0.5, 2.0])
        looked.clear()
        loss = trainer.compute_loss(trainer.model, batch)
        loss.backward()
        assert looked == [2 * 32 if shortcuts else 4 * 32]  # patches of 8 px
        gradient = {name: p.grad for name, p in trainer.model.named_parameters() if p.grad is not None}
        found.append((loss.item(), gradient))
    (loss, gradient), (stock_loss, stock_gradient) = found
    assert loss == pytest.approx(stock_loss, rel=1e-4)
    assert gradient.keys() == stock_gradient.keys()
    assert any("visual" in name and value.abs().max() > 0 for name, value in gradient.items())
    for name, value in gradient.items():
        torch.testing.assert_close(value, stock_gradient[name], rtol=1e-3, atol=1e-6)


def stock(trainer: Any) -> Any:
    """The trainer without its shortcuts."""
    from trl import GRPOTrainer

    del trainer.model.get_base_model().model.visual.forward
    trainer.__class__ = GRPOTrainer
    return trainer


@pytest.mark.parametrize(
    ("lora", "told"),
    [
        (LoraConfig(r=8, alpha=8), "r = 4, not 8; give both"),
        (LoraConfig(r=4, alpha=16), "alpha = 8, not 16; give both"),
        (LoraConfig(r=4, alpha=8, vision=False), r"layers = \(.*visual.*, not .*; give both"),
    ],
)
def test_an_adapter_of_another_shape(
    home: Path, untrained: str, dataset: StageRef, warm: StageRef, lora: LoraConfig, told: str
) -> None:
    config = grpo_run(untrained).model_copy(update={"lora": lora})
    with pytest.raises(AdapterMismatchError, match=f"the SFT adapter has {told}"):
        grpo_stage(config, dataset, warm)


def test_an_adapter_that_was_loaded_frozen(
    home: Path, monkeypatch: pytest.MonkeyPatch, untrained: str, dataset: StageRef, warm: StageRef
) -> None:
    monkeypatch.setattr(engine, "load_model", lambda base, dtype, adapter, **_: load_model(base, dtype, adapter))
    with pytest.raises(NothingToTrainError, match=r"0 of \d+ parameters are trainable"):
        grpo_stage(grpo_run(untrained), dataset, warm)


def test_a_model_never_answers_with_an_image(tmp_path: Path, untrained: str, dataset: StageRef, warm: StageRef) -> None:
    trainer, rows = trainer_of(grpo_run(untrained, temperature=5.0), dataset, warm, tmp_path)
    model = trainer.model.get_base_model()
    with torch.no_grad():
        model.lm_head.weight[model.config.image_token_id] += 100 * torch.sign(model.lm_head.weight.mean(0))
        model.lm_head.weight[model.config.image_token_id] *= 100
    answers = trainer._generate_and_score_completions([rows[0], rows[0], rows[1], rows[1]])["completion_ids"]
    assert not (answers == model.config.image_token_id).any()


def test_digests_of_the_parts(untrained: str) -> None:
    model = add_adapter(load_model(untrained, trainable=True), LORA, 0)
    before = part_digests(model)
    assert part_digests(add_adapter(load_model(untrained, trainable=True), LORA, 0)) == before
    assert before["vision"] != before["text"]
    name, parameter = next((n, p) for n, p in model.named_parameters() if "visual" in n and "lora_B" in n)
    with torch.no_grad():
        parameter[0, 0] = 1e-8
    after = part_digests(model)
    assert (after["text"] == before["text"], after["vision"] == before["vision"]) == (True, False), name


def test_the_stage_depends_on_the_adapter(untrained: str, dataset: StageRef) -> None:
    config = GrpoRun(model=ModelConfig(base=untrained))
    one, other = (StageRef("x", name, {}) for name in ("one", "other"))
    assert grpo_stage.digest(config, dataset, one) != grpo_stage.digest(config, dataset, other)
