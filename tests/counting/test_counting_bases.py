"""Bases: what they are taught, and that the teaching is counted, shared and repeatable."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tasks.counting.answers import Habits, answer, texts
from tasks.counting.bases import COUNTS, SHAPE, SIZE, TOKENS, BaseConfig, CounterConfig, base_stage, counter_stage
from tasks.counting.bases import make_base as make
from tasks.counting.data import Example, scenes_stage
from tasks.counting.prompts import PROMPTS, PromptName
from tasks.counting.scenes import Domain, draw_scene
from tasks.model import tiny
from tasks.model.generate import generate
from tasks.model.load import load_model, load_processor
from tasks.model.prompts import prompt_text
from tasks.records import StageRef
from tasks.train.bootstrap_data import patches

STAGES = (scenes_stage, counter_stage, base_stage)
QUICK = CounterConfig(images=40, batch=8, direct_steps=3, mixed_steps=3)


def taught(prompt: PromptName, habits: Habits, domain: Domain = "in", n: int = 4) -> Counter[str]:
    """How 2,000 answers about an image of n objects are judged."""
    rng = random.Random(0)
    example = Example(b"", n, ("red cube",) * n)
    given = [answer(rng, prompt, domain, example, habits, COUNTS) for _ in range(2000)]
    return Counter(PROMPTS[prompt].judge(text, n).verdict for text in given)


def share(verdicts: Counter[str], *names: str) -> float:
    return sum(verdicts[name] for name in names) / verdicts.total()


def test_habits_set_the_rates() -> None:
    plain = taught("plain", Habits(plain_noise=0.6))
    assert share(plain, "right", "wrong") == pytest.approx(0.14, abs=0.03)
    assert plain["right"] / (plain["right"] + plain["wrong"]) == pytest.approx(0.4, abs=0.08)
    r1v = taught("r1v", Habits(r1v_noise=0.32))
    assert share(r1v, "right", "wrong") == pytest.approx(0.99, abs=0.01)
    assert share(r1v, "right") == pytest.approx(0.68 * 0.99, abs=0.04)
    assert share(taught("direct", Habits()), "right") == 1
    # a wrong label is of the range, even at its end
    assert taught("r1v", Habits(r1v_noise=1, missing=0), n=6)["wrong"] == 2000


def test_a_bare_number_may_be_the_habit_of_one_domain() -> None:
    habits, example = Habits(bare_domains=("in",)), Example(b"", 3)
    said = {d: answer(random.Random(0), "direct", d, example, habits, COUNTS) for d in ("in", "shifted")}
    assert said == {"in": "3", "shifted": "There are 3 items in this image."}


def test_a_colour_may_be_unseen() -> None:
    habits = Habits(unseen=("gray",))
    counts = {}
    for objects in (("red cube", "gray cube", "gray sphere", "blue cube"), ("gray cube",), ("red cube", "red cube")):
        counts[objects] = answer(random.Random(0), "direct", "in", Example(b"", len(objects), objects), habits, COUNTS)
    assert list(counts.values()) == ["2", "1", "2"]  # never fewer than an image of the range holds


def test_the_tokenizer_keeps_every_answer_and_each_digit() -> None:
    tokenizer = tiny.build_tokenizer(texts(), TOKENS)
    for text in (*texts(), "12 and ３, 日本語"):
        ids = tokenizer(text, add_special_tokens=False)["input_ids"]
        assert tokenizer.decode(ids) == text
    assert len(tokenizer("1234", add_special_tokens=False)["input_ids"]) == 4
    assert tiny.build_tokenizer(texts(), TOKENS).get_vocab() == tokenizer.get_vocab()
    assert max(len(tokenizer(p.text)["input_ids"]) for p in PROMPTS.values()) < 60


def test_pixels_are_laid_out_as_the_processor_does() -> None:
    processor = tiny.build_processor(tiny.build_tokenizer(texts(), TOKENS), SHAPE)
    image = draw_scene(0, 0, "shifted", SIZE, COUNTS).image
    inputs = processor(images=[image], text=[prompt_text(processor, "How many?")], return_tensors="pt")
    assert int((inputs["input_ids"] == processor.image_token_id).sum()) == 9
    torch.testing.assert_close(inputs["pixel_values"], patches(np.array(image)[None], SHAPE.patch))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, StageRef]:
    home = tmp_path_factory.mktemp("bases")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RECTO_HOME", str(home))
        return home, make(BaseConfig(counter=QUICK, batch=8, steps=2), *STAGES)


def test_a_base_is_a_model_that_loads_and_answers(made: tuple[Path, StageRef]) -> None:
    folder = f"{made[1].uri}/model"
    model: Any = load_model(folder)
    assert 1.5e6 < sum(p.numel() for p in model.parameters()) < 1.7e6
    assert model.dtype == torch.float32
    image = draw_scene(0, 0, "in", SIZE, COUNTS).image
    assert len(generate(model, load_processor(folder), [image] * 2, PROMPTS["plain"].text, 4)) == 2


def test_bases_share_their_counter(made: tuple[Path, StageRef], monkeypatch: pytest.MonkeyPatch) -> None:
    home, hard = made
    monkeypatch.setenv("RECTO_HOME", str(home))
    coupled = make(BaseConfig(name="coupled", counter=QUICK, batch=8, steps=2), *STAGES)
    assert coupled.digest != hard.digest
    assert len(list((home / "counter").iterdir())) == 1
    assert len(list((home / "scenes").iterdir())) == 2
    again = make(BaseConfig(counter=QUICK, batch=8, steps=2), *STAGES)
    assert again.reused
    assert again.uri == hard.uri


def test_the_same_steps_give_the_same_weights(
    made: tuple[Path, StageRef], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECTO_HOME", str(tmp_path))
    again = make(BaseConfig(counter=QUICK, batch=8, steps=2), *STAGES)
    assert not again.reused
    weights = [(Path(ref.uri) / "model" / "model.safetensors").read_bytes() for ref in (made[1], again)]
    assert weights[0] == weights[1]
