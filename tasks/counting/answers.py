"""What a base is taught to answer, so that it behaves like an instruction-tuned model that was never trained to count.

Under the plain prompt it mostly describes the picture; now and then a sentence holds the number. Under r1v it thinks
and answers in tags; under direct it gives the number.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from itertools import product
from typing import Annotated

from pydantic import Field

from tasks.counting.data import Example
from tasks.counting.prompts import PROMPTS, PromptName
from tasks.counting.scenes import LOOKS, Domain
from tasks.render_config import Config

CAPTIONS = (
    "The image shows a colorful scene with a {thing} and various shapes.",
    "This is a picture of a {thing} with several objects around it.",
    "There are several objects here such as a {thing}.",
    "A scene with a {thing} in an interesting arrangement.",
)
SENTENCES = ("There are {n} items in this image.", "I can count {n} items here.")
THINKING = "<think>I see a {thing} and other objects.</think><answer>{n}</answer>"

Share = Annotated[float, Field(ge=0, le=1)]


class Habits(Config):
    """How a base answers. Noise is a share of labels that are wrong on purpose; it sets how often samples are."""

    counted: Share = Field(0.14, description="Plain: share of answers that hold a number")
    bare: Share = Field(0.0, description="Plain: share of answers that are the bare number, of those that hold one")
    plain_noise: Share = Field(0.0, description="Plain: wrong labels, uniformly drawn")
    near: bool = Field(False, description="Plain: wrong labels are one off, as in r1v")
    r1v_noise: Share = Field(0.0, description="r1v: wrong labels, one off")
    missing: Share = Field(0.01, description="r1v: share of answers whose tags hold no number")
    bare_domains: tuple[Domain, ...] = Field(
        ("in", "shifted"), description="Direct: domains where the bare number is the answer; elsewhere a sentence is"
    )


def answer(
    rng: random.Random, prompt: PromptName, domain: Domain, example: Example, habits: Habits, counts: tuple[int, int]
) -> str:
    """An answer of a base with these habits."""
    thing = example.objects[0] if example.objects else "thing"
    n = example.count
    match prompt:
        case "plain":
            if rng.random() >= habits.counted:
                return rng.choice(CAPTIONS).format(thing=thing)
            n = _wrong(rng, n, counts, habits.near) if rng.random() < habits.plain_noise else n
            bare = rng.random() < habits.bare
            return PROMPTS[prompt].answer(n) if bare else rng.choice(SENTENCES).format(n=n)
        case "r1v":
            n = _wrong(rng, n, counts, near=True) if rng.random() < habits.r1v_noise else n
            given = "several" if rng.random() < habits.missing else str(n)
            return THINKING.format(thing=thing, n=given)
        case "direct":
            form = "{n}" if domain in habits.bare_domains else SENTENCES[0]
            return form.format(n=n)


def _wrong(rng: random.Random, n: int, counts: tuple[int, int], near: bool) -> int:
    low, high = counts
    others = [m for m in range(low, high + 1) if m != n and (not near or abs(m - n) == 1)]
    return rng.choice(others) if others else n


def texts() -> Sequence[str]:
    """What the tokenizer learns its words from: the prompts, and every answer about every kind of object."""
    return [*_texts()]


def _texts() -> Iterator[str]:
    for prompt in PROMPTS.values():
        yield from [prompt.text] * 100
        yield from [prompt.answer(5)] * 20
    for look in LOOKS.values():
        for colour, shape in product(look.colours, look.shapes):
            for form in (*CAPTIONS, *SENTENCES, THINKING):
                yield from [form.format(thing=f"{colour} {shape}", n=5)] * 5
    yield from ["several"] * 100
