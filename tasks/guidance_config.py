"""The part of a run's configuration that says which groups of answers are shown a right one while a policy learns."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from tasks.render_config import Config


class GuidanceConfig(Config):
    """Guidance injection: one answer of a group gives way to a right one."""

    mode: Literal["none", "all_wrong", "share"] = Field(
        "none", description="Which groups can be helped: none, those where no reward reaches tau, or any"
    )
    tau: float = Field(1.0, description="A sampled answer that earns this much is right")
    share: float = Field(1.0, ge=0, le=1, description="Share of the groups which can be helped that are")
    schedule: Literal["constant", "linear"] = Field("constant", description="Linear: the share falls to 0")
    until: float = Field(0.7, gt=0, le=1, description="Share of the steps in which a linear schedule falls to 0")
    weighting: Literal["as_is", "masked", "importance"] = Field(
        "as_is",
        description="Tokens put in: as if sampled by the policy; left out of the loss, their reward still in the "
        "group's mean; or as sampled with probability 1 by whoever put them in",
    )
