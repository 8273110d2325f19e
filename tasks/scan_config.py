"""The part of a run's configuration that says which pages look scanned, and how much."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

Range = tuple[float, float]

Effect = Literal["bleed", "contrast", "rotation", "perspective", "shadow", "blur", "noise", "tint", "grey", "jpeg"]
EFFECTS: tuple[Effect, ...] = get_args(Effect)
_MOST = {"rotation": 45, "perspective": 0.2, "blur": 20, "noise": 60, "jpeg": 100}  # of the others, 1
_OFTEN: dict[Effect, float] = {"blur": 0.6, "noise": 0.6, "rotation": 0.6, "jpeg": 0.6, "grey": 0.5}


class ScanConfig(BaseModel):
    """Which pages look printed and scanned, and how much. The label of a page never depends on it.

    A range is the smallest and the largest value that may be drawn; equal ends fix it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    share: float = Field(0.0, ge=0, le=1, description="Share of the pages that look scanned, drawn page by page")
    effects: dict[Effect, Annotated[float, Field(ge=0, le=1)]] = Field(
        {name: _OFTEN.get(name, 0.3) for name in EFFECTS},
        description="Chance of each effect on such a page; an effect that is not named has none",
    )
    bleed: Range = Field((0.04, 0.14), description="How dark the back of the sheet shows through, of black")
    contrast: Range = Field((0.55, 0.85), description="Distance between paper and ink that is left, of black on white")
    rotation: Range = Field((0.2, 1.3), description="Degrees, either way")
    perspective: Range = Field((0.003, 0.012), description="How far a corner moves, of the page's shorter side")
    shadow: Range = Field((0.12, 0.35), description="How much light is missing where the page is darkest")
    blur: Range = Field((0.35, 0.75), description="Standard deviation in 150ths of an inch")
    noise: Range = Field((2.0, 6.0), description="Standard deviation in grey levels of 255")
    tint: Range = Field((0.04, 0.16), description="How much blue the paper swallows")
    jpeg: Range = Field((35, 75), description="JPEG quality; a scanned page without this effect is saved at 92")

    @field_validator("bleed", "contrast", "rotation", "perspective", "shadow", "blur", "noise", "tint", "jpeg")
    @classmethod
    def _in_order(cls, ends: Range, info: ValidationInfo) -> Range:
        most = _MOST.get(info.field_name or "", 1)
        if min(ends) < 0 or max(ends) > most:
            raise ValueError(f"both ends must lie between 0 and {most}")
        return (min(ends), max(ends))
