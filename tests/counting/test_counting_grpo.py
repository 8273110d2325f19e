"""GRPO from scratch and TRL's are one: same answers in, same loss and gradient out."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from counting_policy import example, untrained

from tasks.counting.grpo import Policy, advantages, draw, objective, pad, train
from tasks.counting.grpo_config import CountingGrpoConfig
from tasks.counting.prompts import PROMPTS
from tasks.counting.trl import make_trainer
from tasks.guidance_config import GuidanceConfig
from tasks.records import StageError

PLAIN = PROMPTS["plain"]
EXAMPLES = [example(i) for i in range(8)]
GUIDED = GuidanceConfig(mode="all_wrong")
CASES = {
    "alone": CountingGrpoConfig(),
    "guided": CountingGrpoConfig(guidance=GUIDED),
    "masked": CountingGrpoConfig(guidance=GUIDED.model_copy(update={"weighting": "masked"})),
    "importance": CountingGrpoConfig(guidance=GUIDED.model_copy(update={"weighting": "importance"})),
    "kl": CountingGrpoConfig(guidance=GUIDED, beta=0.1),
}


def small(config: CountingGrpoConfig, **more: Any) -> CountingGrpoConfig:
    sizes = {"steps": 2, "prompts": 2, "generations": 4, "epochs": 2, "max_new_tokens": 8, "learning_rate": 1e-3}
    return config.model_copy(update={**sizes, "temperature": 0.9, **more})


@pytest.fixture(scope="module")
def model() -> tuple[Any, Any]:
    return untrained()


def gradient(model: Any) -> torch.Tensor:
    found = torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])
    model.zero_grad()
    return found


@pytest.mark.parametrize("case", CASES)
def test_loss_and_gradient_are_trls(case: str, model: tuple[Any, Any], tmp_path: Path) -> None:
    """In the first epoch the ratio of policies is 1; for the second the weights are moved until some are clipped."""
    config = small(CASES[case])
    learner, processor = copy.deepcopy(model[0]), model[1]
    order = draw(EXAMPLES, config)[: config.prompts]
    trainer = make_trainer(learner, processor, order, PLAIN, config, str(tmp_path))
    trainer.current_gradient_accumulation_steps = 1
    torch.manual_seed(1)
    trainer.model.train()
    trainer.is_in_train = True
    batch = trainer._generate_and_score_completions([row for row in trainer.train_dataset for _ in range(4)])
    learner.eval()
    assert bool(trainer._injected) == (case != "alone")

    policy = Policy(learner, processor, PLAIN.text, config)
    reference = Policy(copy.deepcopy(learner), processor, PLAIN.text, config)
    inputs = policy.look([e.image for e in order])
    lengths = batch["completion_mask"].sum(1)
    answers = [ids[:length].tolist() for ids, length in zip(batch["completion_ids"], lengths, strict=True)]
    tokens, weights = pad(answers, policy.padding, "cpu")
    if case == "masked":
        weights[trainer._injected] = 0
    texts = processor.tokenizer.batch_decode(answers, skip_special_tokens=True)
    rewards = [PLAIN.judge(t, order[i // 4].count).reward for i, t in enumerate(texts)]
    gain = advantages(torch.tensor(rewards).view(-1, 4))
    assert gain.abs().max() > 0
    torch.testing.assert_close(gain[:, 0], batch["advantages"])
    with torch.no_grad():
        old = policy.log_probs(inputs, tokens)
        kl_to = reference.log_probs(inputs, tokens)
    if case == "importance":
        old[trainer._injected] = 0
    clips = []
    for epoch in (1, 2):
        theirs = trainer._compute_loss(learner, batch)
        theirs.backward()
        their_gradient = gradient(learner)
        logp = policy.log_probs(inputs, tokens)
        ours, clipped = objective(logp, old, gain, weights, config.clip, config.beta, kl_to if config.beta else None)
        ours.backward()
        our_gradient = gradient(learner)
        assert ours.item() == pytest.approx(theirs.item(), rel=1e-4, abs=1e-6)
        assert (our_gradient - their_gradient).norm() <= 1e-4 * their_gradient.norm()
        assert their_gradient.norm() > 0
        assert clipped.item() == pytest.approx(trainer._metrics["eval"]["clip_ratio/region_mean"][-1])
        clips.append(clipped.item())
        moved = (logp - old).abs()[weights.bool()].max() > 0.1
        assert moved == (epoch == 2 or case == "importance")
        noise = torch.Generator().manual_seed(epoch)
        with torch.no_grad():
            for p in learner.parameters():
                p += 0.7 * p.std() * torch.randn(p.shape, generator=noise)
    assert clips[0] == 0 < clips[1]


@pytest.mark.parametrize("case", CASES)
def test_both_engines_learn_the_same_from_the_same_answers(
    case: str, model: tuple[Any, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whole runs: images, guidance, optimizer, log."""
    from tasks.train.guided import GRPOTrainer

    config = small(CASES[case])
    spoken = [" 1", "2", "no", "4!", "a", "3", "none", "b"], ["a", "many", "b", "few", " 3", "1", "2", "four"]
    said = [[[*model[1].tokenizer(text)["input_ids"], policy_end(model)] for text in texts] for texts in spoken]

    def sample(self: Policy, *_: Any) -> tuple[list[list[int]], float]:
        return next(ours), 0.0

    def turn(self: Any, *_: Any, **__: Any) -> tuple[list[list[int]], None]:
        return next(theirs), None

    monkeypatch.setattr(Policy, "sample", sample)
    monkeypatch.setattr(GRPOTrainer, "_generate_single_turn", turn)
    ours, theirs = (iter(copy.deepcopy(said)) for _ in range(2))
    logs = []
    for engine in ("loop", "trl"):
        learner = copy.deepcopy(model[0])
        logs.append(train(learner, model[1], EXAMPLES, PLAIN, config.model_copy(update={"engine": engine})))
    assert [row["step"] for row in logs[0]] == [1, 2]
    for one, other in zip(*logs, strict=True):
        assert one.keys() == other.keys()
        for name in one.keys() - {"entropy", "length"}:
            assert one[name] == pytest.approx(other[name], rel=1e-3, abs=1e-5), name
    assert any(row["guidance/injected"] for row in logs[0]) == (case != "alone")


def policy_end(model: tuple[Any, Any]) -> int:
    return int(model[1].tokenizer.eos_token_id)


def test_sampled_as_the_model_generates(model: tuple[Any, Any]) -> None:
    """Nearly greedy, the shared prefix gives what transformers' own generation gives; images of several sizes."""
    learner, processor = model
    config = small(CountingGrpoConfig(), temperature=1e-4, generations=2)
    images = [example(0, 64).image, example(1, 96).image]
    policy = Policy(learner, processor, PLAIN.text, config)
    inputs = policy.look(images)
    answers, entropy = policy.sample(inputs, torch.Generator().manual_seed(0))
    with torch.inference_mode():
        ids = learner.generate(**inputs, max_new_tokens=8, do_sample=False, suppress_tokens=policy.barred)
    expected = ids[:, inputs["input_ids"].shape[1] :].tolist()
    assert answers == [expected[0], expected[0], expected[1], expected[1]]
    assert entropy == pytest.approx(0, abs=1e-3)


def test_a_run_is_repeated_to_the_digit_and_leaves_the_random_state_alone(model: tuple[Any, Any]) -> None:
    runs, weights = [], []
    for salt in (1, 2):
        torch.manual_seed(salt)
        state = torch.get_rng_state()
        learner, seen = copy.deepcopy(model[0]), []
        runs.append(train(learner, model[1], EXAMPLES, PLAIN, small(CASES["guided"]), seen.append))
        weights.append(torch.cat([p.detach().flatten() for p in learner.parameters()]))
        assert seen == runs[-1]
        assert torch.equal(torch.get_rng_state(), state)
    assert runs[0] == runs[1]
    assert torch.equal(*weights)
    other = train(copy.deepcopy(model[0]), model[1], EXAMPLES, PLAIN, small(CASES["guided"], seed=1))
    assert other != runs[0]


def test_no_image_is_sampled(model: tuple[Any, Any]) -> None:
    learner, processor = copy.deepcopy(model[0]), model[1]
    config = small(CountingGrpoConfig())
    policy = Policy(learner, processor, PLAIN.text, config)
    inputs = policy.look([example(0).image])
    forward = learner.forward

    def tempted(*a: Any, **k: Any) -> Any:
        output = forward(*a, **k)
        output.logits[..., policy.barred] = 50
        return output

    learner.forward = tempted
    answers, _ = policy.sample(inputs, torch.Generator().manual_seed(0))
    assert not {token for answer in answers for token in answer} & set(policy.barred)


def test_a_guided_answer_longer_than_answers_can_be(model: tuple[Any, Any]) -> None:
    config = small(CountingGrpoConfig(guidance=GUIDED), max_new_tokens=5)
    with pytest.raises(StageError, match=r"guidance: '<think>.*takes \d+ tokens, answers have 5; allow longer"):
        train(copy.deepcopy(model[0]), model[1], EXAMPLES, PROMPTS["r1v"], config)


def test_every_image_is_seen_once_before_any_is_again() -> None:
    config = small(CountingGrpoConfig(), steps=6, prompts=2)
    order = draw(EXAMPLES, config)
    assert len(order) == 12
    assert {id(e) for e in order[:8]} == {id(e) for e in EXAMPLES}
    assert draw(EXAMPLES, config.model_copy(update={"steps": 3})) == order[:6]
