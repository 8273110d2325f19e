"""Tiny models taught from nothing to answer like the article's base, on a CPU, in counted steps.

First a model that counts, which bases share: the direct prompt alone, for without it counting is not learned, then
all prompts in turn. Then the habits of each base. Images are of 96 px: 3 x 3 vision tokens of 32 px, each a cell of
the layout.
"""

from __future__ import annotations

import logging
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from tasks.counting.answers import Habits, texts
from tasks.counting.data import ScenesConfig, read_scenes
from tasks.counting.lessons import DIGIT_WEIGHT, Lesson, teach
from tasks.counting.scenes import Domain
from tasks.model import tiny
from tasks.model.load import load_model, load_processor
from tasks.records import StageRef, digest
from tasks.render_config import Config
from tasks.stage import Counts, Stage, StageTask
from tasks.store import Folder

log = logging.getLogger(__name__)

BaseName = Literal["hard", "coupled", "article", "weak"]
DOMAINS: tuple[Domain, ...] = ("in", "shifted")
SIZE, COUNTS = 96, (1, 6)
IMAGES_SEED = 1_000_000
"""Images that teach a base are of seeds from here on; a study's own have smaller ones."""
SHAPE = tiny.Shape(
    patch=16,
    vision_width=96,
    vision_inner=256,
    vision_layers=3,
    vision_heads=3,
    deepstack=(0, 1),
    width=128,
    inner=320,
    layers=3,
    rotary=(4, 6, 6),
)
TOKENS = 600


class CounterConfig(Config):
    """A model that counts, and answers every prompt in its form."""

    images: int = Field(3000, ge=1, description="Training images of each domain")
    batch: int = Field(24, ge=1, description="Images in a step")
    direct_steps: int = Field(160, ge=0, description="Steps on the direct prompt alone")
    mixed_steps: int = Field(540, ge=0, description="Steps on all prompts in turn")
    learning_rate: float = Field(1e-3, gt=0, description="The highest")
    seed: int = Field(0, description="Of weights, images and batches")


class Recipe(Config):
    """What makes a base of a counter."""

    habits: Habits
    steps: int = 180
    digit_weight: float = DIGIT_WEIGHT


_HARD = Habits(counted=0.2, plain_noise=0.6, r1v_noise=0.32)
RECIPES: dict[BaseName, Recipe] = {
    "hard": Recipe(habits=_HARD),
    "coupled": Recipe(habits=_HARD.model_copy(update={"bare_domains": ("in",)})),
    # the weight of its text is what makes r1v answers whole
    "article": Recipe(habits=Habits(r1v_noise=0.32), steps=300, digit_weight=1.0),
    # a colour of each domain that it does not count: label noise alone leaves greedy counting perfect
    "weak": Recipe(habits=Habits(counted=0.2, plain_noise=0.2, r1v_noise=0.2, unseen=("gray", "black")), steps=240),
}


class BaseConfig(Config):
    """A base: `hard` (its rare numbers are mostly wrong), `coupled` (the same, but a bare number is its habit in the
    training domain only), `article` (close to the article's rates), `weak` (passes over objects of one colour).

    Greedy counts of all but `weak` are right: there GRPO chooses among answers, and does not teach seeing.
    """

    name: BaseName = Field("hard", description="Which habits it has")
    counter: CounterConfig = CounterConfig()
    batch: int = Field(24, ge=1, description="Images in a step")
    steps: int | None = Field(None, ge=0, description="Steps that give the base its habits; None: the recipe's")
    learning_rate: float = Field(6e-4, gt=0, description="The highest")
    seed: int = Field(0, description="Of the batches that give it its habits")


def _counter(folder: Folder, config: CounterConfig, *images: StageRef) -> Counts:
    """`images`: of each of DOMAINS."""
    from tasks.model.cpu import speed_up

    processor = tiny.build_processor(tiny.build_tokenizer(texts(), TOKENS), SHAPE)
    model = speed_up(tiny.build_model(processor.tokenizer, config.seed, SHAPE))
    model.set_attn_implementation("eager")
    direct = Lesson(("direct",), config.direct_steps)
    mixed = Lesson(("plain", "r1v", "direct"), config.mixed_steps)
    loss = _teach(model, processor, (direct, mixed), Habits(), config, images)
    _save(folder, model, processor)
    return {"steps": config.direct_steps + config.mixed_steps, "loss": loss}


def _base(folder: Folder, config: BaseConfig, counter: StageRef, *images: StageRef) -> Counts:
    """The counter, with the habits of the base."""
    from tasks.model.cpu import speed_up

    with (Folder(counter.uri) / "model").on_disk() as start:
        # a model of this size is taught on a CPU, also where there is a GPU
        model, processor = speed_up(load_model(str(start)).cpu()), load_processor(str(start))
    recipe = RECIPES[config.name]
    steps = recipe.steps if config.steps is None else config.steps
    lesson = Lesson(("plain", "r1v", "direct"), steps, recipe.digit_weight)
    loss = _teach(model, processor, (lesson,), recipe.habits, config, images)
    _save(folder, model, processor)
    return {"steps": steps, "loss": loss}


def _teach(
    model: Any,
    processor: Any,
    lessons: tuple[Lesson, ...],
    habits: Habits,
    config: CounterConfig | BaseConfig,
    images: tuple[StageRef, ...],
) -> float:
    examples = {domain: read_scenes(ref) for domain, ref in zip(DOMAINS, images, strict=True)}
    return teach(model, processor, lessons, habits, examples, COUNTS, config.batch, config.learning_rate, config.seed)


def _save(folder: Folder, model: Any, processor: Any) -> None:
    import torch

    with tempfile.TemporaryDirectory() as local:
        tiny.save(model, processor, Path(local), torch.float32)
        (folder / "model").push(Path(local))


def make_base(
    config: BaseConfig, scenes: Stage | StageTask, counter: Stage | StageTask, base: Stage | StageTask
) -> StageRef:
    """A base and all that it needs; what an earlier run finished is re-used. In `<uri>/model` a model is found.

    The stages are plain (`scenes_stage`, `counter_stage`, `base_stage`), or tasks where a flow calls.
    """
    seed = IMAGES_SEED + config.counter.seed
    drawn = [
        ScenesConfig(domain=domain, images=config.counter.images, size=SIZE, counts=COUNTS, seed=seed)
        for domain in DOMAINS
    ]
    images = [scenes(one) for one in drawn]
    return base(config, counter(config.counter, *images), *images)


def _environment(config: Config) -> str:
    return digest(*(f"{name} {version(name)}" for name in ("torch", "transformers", "tokenizers")), *texts())


counter_stage = Stage("counter", 1, _counter, _environment)
base_stage = Stage(
    "base", 1, _base, lambda config: digest(_environment(config), RECIPES[config.name].model_dump_json())
)
