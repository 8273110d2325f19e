"""What a model is asked about a scene: named prompts, the same bytes in every rollout and evaluation."""

from __future__ import annotations

from typing import Literal

PromptName = Literal["plain", "direct", "r1v"]

PROMPTS: dict[PromptName, str] = {
    # article 004, "Default": asks for no form of answer
    "plain": "How many items are there in this image?",
    "direct": "How many items are there in this image? Answer with one number.",
    # article 004, "R1V": its user turn. Its system turn, which says the same again, is left out, as R1-V itself does
    "r1v": (
        "How many items are there in the image? Output the thinking process in <think></think> "
        "and final answer (number) in <answer></answer> tags."
    ),
}
