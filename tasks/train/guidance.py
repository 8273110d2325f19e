"""Guidance injection (the second article), whoever trains: which groups are helped, and what is logged.

A group is the rewards of the answers to one prompt. Needs no model library.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

from tasks.guidance_config import GuidanceConfig
from tasks.records import StageError, digest

Groups = Sequence[Sequence[float]]
EQUAL = 1e-6
"""Rewards that differ by no more are equal: a group of such ones has advantages of 0, it teaches nothing."""


def share_at(config: GuidanceConfig, step: int, steps: int) -> float:
    """Share of the groups that can be helped which are, at a rollout `step` of 0 to `steps` - 1."""
    if config.mode == "none":
        return 0.0
    if config.schedule == "constant":
        return config.share
    return config.share * max(0.0, 1 - step / (config.until * steps))


def choose(config: GuidanceConfig, rewards: Groups, seed: int, step: int, steps: int) -> dict[int, int]:
    """Group -> place in it of the answer that gives way to a right one, for the groups that are helped.

    Depends on nothing but the arguments. One seed draws the same numbers whatever the share, so that the groups
    helped at a share are among those helped at a larger one, and in them the same answer gives way.
    """
    share = share_at(config, step, steps)
    chosen: dict[int, int] = {}
    for number, group in enumerate(rewards):
        rng = random.Random(digest("guidance", str(seed), str(step), str(number)))
        helped, place = rng.random() < share, rng.randrange(len(group))
        if helped and (config.mode == "share" or not _reaches(max(group), config)):
            chosen[number] = place
    return chosen


def summary(config: GuidanceConfig, before: Groups, after: Groups, chosen: Mapping[int, int]) -> dict[str, float]:
    """What is logged of a rollout step: `before` are the rewards of the policy's own answers, `after` those trained on.

    - policy/reward: mean of `before`; policy/right: share of these that reach tau
    - policy/signal, guidance/signal: share of groups whose rewards differ, before and after
    - guidance/injected: share of groups that were helped
    - guidance/all_right, guidance/all_wrong: shares of groups without signal after, by whether they reach tau
    """
    own = [reward for group in before for reward in group]
    silent = [group for group in after if not _spread(group)]
    right = sum(_reaches(group[0], config) for group in silent)
    return {
        "policy/reward": sum(own) / len(own),
        "policy/right": sum(_reaches(reward, config) for reward in own) / len(own),
        "policy/signal": sum(map(_spread, before)) / len(before),
        "guidance/injected": len(chosen) / len(before),
        "guidance/signal": 1 - len(silent) / len(after),
        "guidance/all_right": right / len(after),
        "guidance/all_wrong": (len(silent) - right) / len(after),
    }


def _spread(group: Sequence[float]) -> bool:
    return max(group) - min(group) > EQUAL


def _reaches(reward: float, config: GuidanceConfig) -> bool:
    return reward > config.tau - EQUAL


def answer_tokens(tokenizer: Any, text: str, longest: int) -> list[int]:
    """A whole answer as a policy would have sampled it, its end token included.

    Raises StageError where it is longer than an answer can be: cut short it would teach never to end.
    """
    ids: list[int] = [*tokenizer(text, add_special_tokens=False)["input_ids"], tokenizer.eos_token_id]
    if len(ids) > longest:
        raise StageError(f"guidance: {text[:80]!r} takes {len(ids)} tokens, answers have {longest}; allow longer ones")
    return ids
