"""Results of a study that never ran, with effects as a test wants them."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tasks.counting.config import ALL_WRONG, Cell, StudyConfig
from tasks.counting.evaluation import DOMAINS, Asked, Rates
from tasks.counting.results import Results, Run

IMAGES = 1000


@dataclass(frozen=True)
class World:
    """What is true of an arm. Steps are those at which the curves reach 90 %; shares are of the test images."""

    digits_at: int = 60
    right_at: int = 300
    right_at_with: int = 120
    home: float = 0.94
    away: float = 0.85
    away_with: float = 0.85
    away_r1v: float = 0.93
    spread: float = 0.01


def study(**changes: Any) -> StudyConfig:
    blocks = [
        {"base": ["hard"], "steps": 400},
        {"base": ["hard"], "prompt": ["r1v"], "steps": 150},
    ]
    return StudyConfig.model_validate({"why": "A study that never ran", "grid": blocks, **changes})


def results(config: StudyConfig, world: World = World(), worlds: Mapping[str, World] | None = None) -> Results:
    """Results of every cell of the configuration; `worlds`: for some bases others."""
    untrained = {base: _base_rates(config) for base in config.bases}
    runs = {cell: _run(config, cell, (worlds or {}).get(cell.arm.base, world)) for cell in config.cells()}
    return Results(config, untrained, runs)


def _base_rates(config: StudyConfig) -> dict[Asked, Rates]:
    shares = {"plain": (0.15, 0.05), "direct": (0.99, 0.97), "r1v": (0.95, 0.65)}
    found = {}
    for prompt in config.tokens:
        digit, right = shares[prompt]
        for domain in DOMAINS:
            for how in ("greedy", "sampled"):
                count = (round(IMAGES * digit), round(IMAGES * right))
                found[Asked(prompt, domain, how)] = Rates(IMAGES, *count, 0, (("A scene with a <b>red</b> cube.", 9),))
    return found


def _run(config: StudyConfig, cell: Cell, world: World) -> Run:
    helped, r1v = cell.arm.guidance == ALL_WRONG, cell.arm.prompt == "r1v"
    rng = random.Random(f"{cell.seed} {cell.arm}")
    away = world.away_r1v if r1v else world.away_with if helped else world.away
    rates = {}
    for domain in DOMAINS:
        for how in ("greedy", "sampled"):
            mean = away if domain == "shifted" else world.home
            right = round(IMAGES * min(1.0, max(0.0, mean + rng.uniform(-1, 1) * world.spread)))
            rates[Asked(cell.arm.prompt, domain, how)] = Rates(IMAGES, IMAGES, right, 0, (("4", 200), ("5", 190)))
    for prompt in config.tokens:
        if prompt != cell.arm.prompt:
            rates[Asked(prompt, "in", "greedy")] = Rates(300, 300, 240)
    right_at = 40 if r1v else world.right_at_with if helped else world.right_at
    jitter = 1 + 0.05 * cell.seed
    log = [
        {
            "step": step,
            "policy/right": _ramp(step, right_at * jitter, 0.6 if r1v else 0.05),
            "policy/digit": 0.95 if r1v else _ramp(step, min(world.digits_at, right_at) * jitter, 0.15),
            "guidance/injected": float(helped and not r1v and step < 60),
            "guidance/all_wrong": 0.1 if step < 60 and not helped else 0.0,
            "guidance/all_right": min(0.7, step / 400),
        }
        for step in range(1, cell.arm.steps + 1)
    ]
    return Run(rates, log)


def _ramp(step: int, at: float, start: float) -> float:
    """A line from `start` that reaches 0.9 at `at`, and ends at 0.95."""
    return min(0.95, start + (0.9 - start) * step / at)
