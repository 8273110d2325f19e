"""How a model is taught to count by GRPO."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from tasks.guidance_config import GuidanceConfig
from tasks.render_config import Config


class CountingGrpoConfig(Config):
    """The defaults are the second article's, the learning rate apart, which is a tiny model's."""

    engine: Literal["loop", "trl"] = Field("loop", description="`counting.grpo`, from scratch, or TRL's trainer")
    steps: int = Field(450, ge=0, description="Rollout batches; each is learned from `epochs` times")
    prompts: int = Field(4, ge=1, description="Different images in a rollout batch")
    generations: int = Field(8, ge=2, description="Answers to an image: the group")
    epochs: int = Field(4, ge=1, description="Optimizer steps on a rollout batch")
    clip: float = Field(0.2, gt=0, lt=1, description="The ratio of policies counts within 1 - clip and 1 + clip")
    learning_rate: float = Field(1e-5, gt=0, description="Of Adam, constant")
    temperature: float = Field(1.0, gt=0, description="Of sampling")
    beta: float = Field(0.0, ge=0, description="Weight of the KL term; the article has none")
    max_new_tokens: int = Field(50, ge=1, description="Longest answer, in tokens")
    guidance: GuidanceConfig = GuidanceConfig()
    seed: int = Field(0, description="Decides which images come when, and what is sampled")
