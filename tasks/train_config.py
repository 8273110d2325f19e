"""The part of a run's configuration that decides an adapter: model, pages, adapter, SFT and GRPO."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from tasks.guidance_config import GuidanceConfig
from tasks.render_config import Config

Recompute = Annotated[
    Literal["auto", "on", "off"],
    Field(description="Compute activations anew for the gradient, to save memory; auto: on a GPU"),
]


class ModelConfig(Config):
    """Which model is trained: a folder, or an image-text-to-text model of the Hub."""

    base: str = Field(
        "tiny", description="'tiny' (embedded), a local folder, or a Hub name such as Qwen/Qwen3-VL-2B-Instruct"
    )
    prompt: str = Field("Convert to Markdown.", description="The same bytes in training, rollouts and evaluation")
    max_new_tokens: int = Field(160, ge=8, description="Longest answer, in tokens")
    dtype: Literal["float32", "bfloat16"] = Field("float32", description="In which the weights are loaded")
    load: Literal["full", "4bit"] = Field(
        "full", description="4bit: the base's layers as nf4 (QLoRA), a quarter of the memory of bfloat16"
    )
    engine: Literal["trl", "unsloth"] = Field(
        "trl", description="What trains; unsloth needs a GPU and the extra 'gpu'. Reading does not depend on it"
    )


class PagesConfig(Config):
    """Which pages of a dataset train and test a model."""

    languages: tuple[str, ...] = Field(("en",), description="Languages used; empty uses all")
    max_label_chars: int = Field(150, ge=1, description="Pages with longer labels are left out")
    min_label_chars: int = Field(8, ge=1, description="Pages with shorter labels are left out")
    tables: bool = Field(False, description="Use pages with tables")


class LoraConfig(Config):
    """The adapter."""

    r: int = Field(32, ge=1, le=1024, description="Rank of the matrices that are added")
    alpha: int = Field(64, ge=1, description="What is added counts alpha / r times")
    dropout: float = Field(0.0, ge=0, lt=1, description="Share of the adapter's inputs left out at random in training")
    vision: bool = Field(True, description="Adapt the vision layers too")


class SftConfig(Config):
    """Supervised warm-up."""

    steps: int = Field(100, ge=0, description="Steps of the optimiser; 0: the adapter is left as it is made")
    batch: int = Field(8, ge=1, description="Pages per step")
    micro_batch: int = Field(0, ge=0, description="Pages on the device at once, to save memory; 0: the whole batch")
    learning_rate: float = Field(2e-3, gt=0, description="The highest; it climbs to it, then falls along a cosine")
    recompute: Recompute = "auto"
    save_steps: int = Field(
        25, ge=1, description="A checkpoint every so many steps; a killed run resumes from the last"
    )
    seed: int = Field(0, description="Decides which pages come when, and how the adapter starts")


class GrpoConfig(Config):
    """Refinement of the same adapter by group-relative policy optimisation."""

    steps: int = Field(60, ge=0, description="Steps of the optimiser; 0: the adapter is passed on as it is")
    prompts: int = Field(8, ge=1, description="Different pages per step")
    generations: int = Field(4, ge=2, description="Answers per page: the group")
    micro_batch: int = Field(
        0, ge=0, description="Answers in a gradient's forward pass, to save memory; 0: all at once"
    )
    learning_rate: float = Field(1e-4, gt=0, description="The highest; it climbs to it, then falls in a line")
    temperature: float = Field(0.5, gt=0, description="Of sampling: the higher, the more the answers to a page differ")
    beta: float = Field(0.0, ge=0, description="Weight of the KL term")
    loss_type: Literal["dapo", "dr_grpo", "bnpo", "grpo"] = Field("dapo", description="How token losses are averaged")
    weights: str | dict[str, float] = Field("v2", description="Reward preset, or part -> weight")
    guidance: GuidanceConfig = GuidanceConfig()
    recompute: Recompute = "auto"
    probe: Literal["off", "tell", "strict"] = Field(
        "tell",
        description="Before the first step, see whether there is anything to learn from; strict: stop where not",
    )
    probe_prompts: int = Field(16, ge=2, le=64, description="Pages of the probe")
    save_steps: int = Field(
        10, ge=1, description="A checkpoint every so many steps; a killed run resumes from the last"
    )
    seed: int = Field(0, description="Decides which pages come when, and what is sampled")


class CostConfig(Config):
    """What the machine costs. Never changes a result."""

    per_hour: float = Field(0, ge=0, description="Price of an hour, in any currency; 0: not known")


class SftRun(Config):
    """What decides an SFT adapter, its dataset apart."""

    model: ModelConfig = ModelConfig()
    pages: PagesConfig = PagesConfig()
    lora: LoraConfig = LoraConfig()
    sft: SftConfig = SftConfig()
    cost: CostConfig = CostConfig()


class GrpoRun(Config):
    """What decides a GRPO adapter, its dataset and the adapter it goes on from apart."""

    model: ModelConfig = ModelConfig()
    pages: PagesConfig = PagesConfig()
    lora: LoraConfig = LoraConfig()
    grpo: GrpoConfig = GrpoConfig()
    cost: CostConfig = CostConfig()
