from __future__ import annotations

from typing import Any

from model_inputs import draw

from tasks.model.generate import generate

PROMPT = "Convert to Markdown."
IMAGES = [draw("one"), draw("two", 128, 64), draw("three", 256, 32), draw("four"), draw("five", 64, 64)]


def test_one_answer_an_image_whatever_the_batch(model: Any, processor: Any) -> None:
    """Left padding and batching change nothing but speed."""
    alone = generate(model, processor, IMAGES, PROMPT, max_new_tokens=12, batch=1)
    together = generate(model, processor, IMAGES, PROMPT, max_new_tokens=12, batch=3)
    assert together == alone
    assert len(alone) == len(IMAGES)


def test_an_untrained_model_is_clipped(model: Any, processor: Any) -> None:
    assert all(a.clipped for a in generate(model, processor, IMAGES[:2], PROMPT, max_new_tokens=3))


def test_an_ended_answer_is_not_clipped(model: Any, processor: Any) -> None:
    model.generation_config.eos_token_id = list(range(len(processor.tokenizer)))
    answers = generate(model, processor, IMAGES[:2], PROMPT, max_new_tokens=3)
    assert not any(a.clipped for a in answers)


def test_samples_are_drawn_from_the_seed(model: Any, processor: Any) -> None:
    def sample(seed: int) -> list[str]:
        answers = generate(model, processor, IMAGES, PROMPT, max_new_tokens=8, temperature=1.0, seed=seed)
        return [a.text for a in answers]

    assert sample(0) == sample(0) != sample(1)


def test_progress_and_mode(model: Any, processor: Any) -> None:
    done: list[int] = []
    model.train()
    generate(model, processor, IMAGES, PROMPT, max_new_tokens=2, batch=2, on_batch=done.append)
    assert done == [2, 4, 5]
    assert model.training


def test_no_images(model: Any, processor: Any) -> None:
    assert generate(model, processor, [], PROMPT, max_new_tokens=2) == []
