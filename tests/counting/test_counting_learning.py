"""From nothing to a model that counts, in counted steps: GRPO with guidance teaches a format, and with it the count.

That guidance is faster than none is a finding of some bases, not asserted here.
"""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from counting_policy import example

from tasks.counting.answers import Habits, texts
from tasks.counting.grpo import Policy, advantages, objective, pad, train
from tasks.counting.grpo_config import CountingGrpoConfig
from tasks.counting.lessons import Lesson, teach
from tasks.counting.prompts import PROMPTS
from tasks.guidance_config import GuidanceConfig
from tasks.model import tiny
from tasks.model.cpu import speed_up
from tasks.train.guidance import answer_tokens, choose

PLAIN = PROMPTS["plain"]
GUIDANCE = GuidanceConfig(mode="all_wrong")
CONFIG = CountingGrpoConfig(steps=40, epochs=2, max_new_tokens=16, learning_rate=1e-4, guidance=GUIDANCE)
SHAPE = tiny.Shape(
    patch=16,
    vision_width=64,
    vision_inner=128,
    vision_layers=2,
    vision_heads=2,
    deepstack=(0, 1),
    width=96,
    inner=192,
    layers=2,
    heads=3,
    groups=1,
    rotary=(4, 6, 6),
)
EXAMPLES = [example(i) for i in range(1000)]
HELD_OUT = [example(i, seed=5) for i in range(150)]


@pytest.fixture(scope="module")
def base() -> tuple[Any, Any]:
    """It counts when asked for a number; to the plain prompt it mostly gives a caption, else mostly a wrong number."""
    processor = tiny.build_processor(tiny.build_tokenizer(texts(), 600), SHAPE)
    model = speed_up(tiny.build_model(processor.tokenizer, shape=SHAPE))
    model.set_attn_implementation("eager")
    lessons = Lesson(("direct",), 110), Lesson(("plain", "plain", "direct"), 220)
    teach(model, processor, lessons, Habits(plain_noise=0.6), {"in": EXAMPLES}, (1, 4), 16, 2e-3, 0)
    return model, processor


def rates(model: Any, processor: Any) -> tuple[float, float]:
    """Share of sampled answers about held-out images that give a count, and the right one."""
    policy = Policy(model, processor, PLAIN.text, CONFIG.model_copy(update={"generations": 2}))
    inputs = policy.look([e.image for e in HELD_OUT])
    answers, _ = policy.sample(inputs, torch.Generator().manual_seed(9))
    said = processor.tokenizer.batch_decode(answers, skip_special_tokens=True)
    earned = [PLAIN.judge(text, HELD_OUT[i // 2].count).reward for i, text in enumerate(said)]
    return sum(r >= 0 for r in earned) / len(earned), sum(r == 1 for r in earned) / len(earned)


def gradient_of(model: Any, processor: Any, guidance: GuidanceConfig) -> tuple[torch.Tensor, float]:
    """Advantages of a group of eight captions, and the norm of the gradient that comes of it."""
    [shown] = EXAMPLES[:1]
    answers = [processor.tokenizer(f"There are several objects here{'.' * i}")["input_ids"] for i in range(8)]
    rewards = [-1.0] * 8
    for place in choose(guidance, [rewards], 0, 0, 1).values():
        answers[place] = answer_tokens(processor.tokenizer, PLAIN.answer(shown.count), CONFIG.max_new_tokens)
        rewards[place] = PLAIN.judge(PLAIN.answer(shown.count), shown.count).reward
    policy = Policy(model, processor, PLAIN.text, CONFIG)
    tokens, weights = pad(answers, policy.padding, "cpu")
    gain = advantages(torch.tensor([rewards]))
    logp = policy.log_probs(policy.look([shown.image]), tokens)
    objective(logp, logp.detach(), gain, weights, CONFIG.clip)[0].backward()  # type: ignore[no-untyped-call]
    norm = torch.stack([p.grad.norm() for p in model.parameters() if p.grad is not None]).norm()
    model.zero_grad()
    return gain[:, 0], float(norm)


def test_eight_wrong_answers_teach_nothing_without_guidance(base: tuple[Any, Any]) -> None:
    gain, norm = gradient_of(*base, GuidanceConfig())
    assert gain.tolist() == [0] * 8
    assert norm == 0
    gain, norm = gradient_of(*base, GUIDANCE)
    assert sorted(gain.tolist()) == pytest.approx([-0.3535] * 7 + [2.4745], abs=1e-3)
    assert norm > 0.1


def test_a_policy_learns_the_format_and_the_count(base: tuple[Any, Any]) -> None:
    model, processor = copy.deepcopy(base[0]), base[1]
    digit, right = rates(model, processor)
    log = train(model, processor, EXAMPLES, PLAIN, CONFIG)
    learned_digit, learned_right = rates(model, processor)
    assert learned_digit >= digit + 0.5
    assert learned_right >= right + 0.5
    assert sum(row["guidance/injected"] for row in log[:10]) > sum(row["guidance/injected"] for row in log[-10:])
    assert all(row["guidance/all_wrong"] == 0 for row in log)
