"""The fonts that cards are drawn with."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from PIL import ImageFont

FONTS = Path("/usr/share/fonts/truetype")
FAMILIES = {
    "DejaVu Sans": "dejavu/DejaVuSans{}.ttf",
    "DejaVu Serif": "dejavu/DejaVuSerif{}.ttf",
    "Liberation Sans": "liberation2/LiberationSans-{}.ttf",
    "Liberation Serif": "liberation2/LiberationSerif-{}.ttf",
    "Caladea": "crosextra/Caladea-{}.ttf",
}
MONOSPACE = {"DejaVu Sans Mono": "dejavu/DejaVuSansMono{}.ttf", "Liberation Mono": "liberation2/LiberationMono-{}.ttf"}
FACES = {
    "dejavu": {"plain": "", "bold": "-Bold", "italic": "-Oblique"},
    "": {"plain": "Regular", "bold": "Bold", "italic": "Italic"},
}


@dataclass(slots=True)
class Face:
    """A font at a size, with its advances cached."""

    font: ImageFont.FreeTypeFont
    covered: frozenset[int]
    advances: dict[str, float] = field(default_factory=dict)

    def advance(self, text: str) -> float:
        total = 0.0
        for c in text:
            if c not in self.advances:
                self.advances[c] = self.font.getlength(c)
            total += self.advances[c]
        return total


@lru_cache
def _covered(path: str) -> frozenset[int]:
    from fontTools.ttLib import TTFont

    return frozenset(TTFont(path, lazy=True).getBestCmap())


@lru_cache(maxsize=4096)
def load_face(family: str, style: str, size: int) -> Face:
    pattern = FAMILIES.get(family) or MONOSPACE[family]
    names = FACES["dejavu" if pattern.startswith("dejavu") else ""]
    name = "-Italic" if family == "DejaVu Serif" and style == "italic" else names[style]
    path = str(FONTS / pattern.format(name))
    return Face(ImageFont.truetype(path, size, layout_engine=ImageFont.Layout.BASIC), _covered(path))
