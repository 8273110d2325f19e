"""What a model is asked about a scene, and what belongs to a prompt: the reading of its answers, and a right one.

The one registry: rollouts and evaluation take the same bytes from it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tasks.counting.reward import Verdict, extract_count, judge

PromptName = Literal["plain", "direct", "r1v"]


@dataclass(frozen=True, slots=True)
class Prompt:
    """`form` is a right answer with a place for the number; `tagged`: only what an `<answer>` tag encloses counts."""

    text: str
    form: str = "{n}"
    tagged: bool = False

    def read(self, answer: str) -> int | None:
        """The count that an answer to this prompt gives; as `extract_count`."""
        return extract_count(answer, self.tagged)

    def judge(self, answer: str, truth: int) -> Verdict:
        """What an answer to this prompt earns, and why; as `reward.judge`."""
        return judge(answer, truth, self.tagged)

    def answer(self, n: int) -> str:
        """An answer in the prompt's own format that gives the count n: what guidance puts in and a base is taught."""
        return self.form.format(n=n)


PROMPTS: dict[PromptName, Prompt] = {
    # the second article, "Default": asks for no form of answer; the article injects the bare number
    "plain": Prompt("How many items are there in this image?"),
    "direct": Prompt("How many items are there in this image? Answer with one number."),
    # the second article, "R1V": its user turn; its system turn says the same again and is left out, as R1-V itself does
    "r1v": Prompt(
        "How many items are there in the image? Output the thinking process in <think></think> "
        "and final answer (number) in <answer></answer> tags.",
        "<think>I see several objects and count them.</think><answer>{n}</answer>",
        tagged=True,
    ),
}
