"""What a counting study compares: a grid of trained policies, the bases they start from, what they are asked."""

from __future__ import annotations

from itertools import product
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import Field, model_validator

from tasks.counting.bases import COUNTS, IMAGES_SEED, SIZE, BaseConfig
from tasks.counting.data import Look, ScenesConfig
from tasks.counting.grpo_config import CountingGrpoConfig
from tasks.counting.prompts import PromptName
from tasks.counting.scenes import Domain, check_layout
from tasks.guidance_config import GuidanceConfig
from tasks.render_config import Choices, Config

Decoding = Literal["greedy", "sampled"]
DECODINGS: tuple[Decoding, ...] = ("greedy", "sampled")
NONE, ALL_WRONG = "none", "all_wrong"


class Checkpoint(Config):
    """A base that was not made here."""

    model: str = Field(description="A local folder, or a Hub name such as Qwen/Qwen2-VL-2B-Instruct")
    dtype: Literal["float32", "bfloat16"] = Field("bfloat16", description="In which the weights are loaded")


class ImagesConfig(Config):
    """The scenes, in two domains. Policies train on the domain "in" alone."""

    look: Look = Field("flat", description="How the objects are drawn")
    size: int = Field(SIZE, ge=32, le=1024, description="Width and height of an image in px")
    counts: tuple[int, int] = Field(COUNTS, description="Fewest and most objects in an image, uniformly drawn")
    train: int = Field(2000, ge=1, description="Training images, from which the steps of GRPO draw")
    test: int = Field(1000, ge=1, description="Images of each domain that a policy is asked about")
    other: int = Field(300, ge=1, description="Of these, images for the prompts it was not trained on")
    seed: int = Field(20, ge=0, lt=IMAGES_SEED - 1, description="Of the training images; the test images have the next")

    @model_validator(mode="after")
    def _layout(self) -> ImagesConfig:
        check_layout(self.size, self.counts)
        return self

    def of(self, domain: Domain, training: bool) -> ScenesConfig:
        count, seed = (self.train, self.seed) if training else (self.test, self.seed + 1)
        return ScenesConfig(domain=domain, look=self.look, images=count, size=self.size, counts=self.counts, seed=seed)


class Arm(NamedTuple):
    """What is trained, its seed apart."""

    base: str
    prompt: PromptName
    guidance: str
    learning_rate: float
    steps: int


class Cell(NamedTuple):
    """One training: an arm and its seed, which decides which images come when, and what is sampled."""

    arm: Arm
    seed: int


class Block(Config):
    """A product of lists: all its arms have the same number of updates, and see the same images in the same order."""

    base: Choices[str] = Field(description="Which of the study's bases")
    prompt: Choices[PromptName] = Field(("plain",), description="How they are asked, in training too")
    guidance: Choices[str] = Field((NONE, ALL_WRONG), description="Which of the study's kinds of guidance")
    learning_rate: Choices[Annotated[float, Field(gt=0)]] = Field((1e-5,), description="Of GRPO")
    seed: Choices[Annotated[int, Field(ge=0)]] = Field((0, 1, 2), description="A training for each")
    steps: int = Field(ge=1, description="Rollout batches; each gives `train.epochs` updates")

    def cells(self) -> list[Cell]:
        axes = (self.base, self.prompt, self.guidance, self.learning_rate, self.seed)
        return [Cell(Arm(b, p, g, rate, self.steps), seed) for b, p, g, rate, seed in product(*axes)]


class StudyConfig(Config):
    """A counting study. Every base is asked under every prompt before anything is trained."""

    why: str = Field("", description="What this study is for")
    processes: Annotated[int, Field(ge=1, description="Cells at once, a thread each. Never changes a result")] = 2
    cpu_hours: float = Field(6, gt=0, description="A grid that would take longer is refused")
    bases: dict[str, BaseConfig | Checkpoint] = Field(
        {"hard": BaseConfig(name="hard")}, min_length=1, description="By name: made here, or a model that is there"
    )
    guidance: dict[str, GuidanceConfig] = Field(
        {NONE: GuidanceConfig(mode="none"), ALL_WRONG: GuidanceConfig(mode="all_wrong")},
        description="By name; 'none' and 'all_wrong' are what the claims are judged on",
    )
    train: CountingGrpoConfig = Field(CountingGrpoConfig(), description="What all cells share; the grid sets the rest")
    tokens: dict[PromptName, Annotated[int, Field(ge=1)]] = Field(
        {"plain": 24, "direct": 24, "r1v": 32}, description="Longest answer, in training and evaluation"
    )
    images: ImagesConfig = ImagesConfig()
    batch: int = Field(100, ge=1, description="Images asked about at once")
    grid: tuple[Block, ...] = Field(
        (Block(base=("hard",), steps=350),),
        description="What is trained: of each block, every combination of its lists",
    )
    level: float = Field(0.9, gt=0, lt=1, description="Accuracy whose first step is compared")
    window: int = Field(20, ge=1, description="Steps over which that accuracy is a mean")

    @model_validator(mode="before")
    @classmethod
    def _named(cls, given: Any) -> Any:
        """`none` and `all_wrong` need not be spelled out."""
        if isinstance(given, dict) and isinstance(named := given.get("guidance"), dict):
            both = {mode: {"mode": mode} for mode in (NONE, ALL_WRONG)}
            return {**given, "guidance": {**both, **named}}
        return given

    @model_validator(mode="after")
    def _known(self) -> StudyConfig:
        for cell in self.cells():
            for kind, name, known in (
                ("base", cell.arm.base, self.bases),
                ("guidance", cell.arm.guidance, self.guidance),
                ("tokens of prompt", cell.arm.prompt, self.tokens),
            ):
                if name not in known:
                    raise ValueError(f"grid: {kind} {name!r} is not in this study, which has {', '.join(known)}")
        if self.images.other > self.images.test:
            raise ValueError(f"images.other {self.images.other}: there are {self.images.test} test images")
        return self

    def checkpoint(self, base: str) -> Checkpoint | None:
        """Of a base that was not made here."""
        found = self.bases[base]
        return found if isinstance(found, Checkpoint) else None

    def cells(self) -> list[Cell]:
        """Every training of the grid, once, in its order."""
        return list(dict.fromkeys(cell for block in self.grid for cell in block.cells()))

    def grpo(self, cell: Cell) -> CountingGrpoConfig:
        """How a cell is trained."""
        arm = cell.arm
        return self.train.model_copy(
            update={
                "steps": arm.steps,
                "learning_rate": arm.learning_rate,
                "guidance": self.guidance[arm.guidance],
                "max_new_tokens": self.tokens[arm.prompt],
                "seed": cell.seed,
            }
        )
