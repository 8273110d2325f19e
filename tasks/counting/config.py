"""What a counting study asks, of which model, about which images."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator, model_validator

from tasks.counting.prompts import PromptName
from tasks.counting.scenes import Domain, check_layout
from tasks.render_config import Config


class CountingConfig(Config):
    """Every prompt is asked about the same images of every domain."""

    base: str = Field(
        default="tiny", description="'tiny' (embedded), a local folder, or a Hub name such as Qwen/Qwen2-VL-2B-Instruct"
    )
    dtype: Literal["float32", "bfloat16"] = "float32"
    prompts: tuple[PromptName, ...] = Field(
        default=("plain", "direct", "r1v"), min_length=1, description="Named prompts"
    )
    domains: tuple[Domain, ...] = Field(
        default=("in", "shifted"), min_length=1, description="Where the images come from"
    )
    images: int = Field(default=200, ge=1, description="Images of each domain")
    size: int = Field(default=160, ge=32, le=1024, description="Width and height of an image in px")
    counts: tuple[int, int] = Field(default=(3, 10), description="Fewest and most objects in an image, uniformly drawn")
    batch: int = Field(default=16, ge=1, description="Images answered together")
    max_new_tokens: int = Field(default=64, ge=1, description="Longest answer, in tokens; a longer one is clipped")
    resamples: int = Field(default=10_000, ge=100, description="Bootstrap resamples, over images")
    seed: int = 0

    @field_validator("prompts", "domains")
    @classmethod
    def _each_once(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(names)) < len(names):
            raise ValueError(f"each name once, not {', '.join(names)}")
        return names

    @model_validator(mode="after")
    def _layout(self) -> CountingConfig:
        check_layout(self.size, self.counts)
        return self
