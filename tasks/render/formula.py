"""LaTeX formulas as drawings: ziamath's glyph outlines, or nothing where a formula cannot be drawn faithfully.

latex2mathml swallows environments it does not know and passes unknown commands on as words; both would make a page
that shows something else than its label says, so such a formula is not drawn at all.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

MAX_CHARS = 1500  # of LaTeX; what is longer is hardly one formula, and drawing it takes half a second
_SIZE = 20.0  # px at which formulas are drawn; they are scaled to the text around them
_BORDER = 1.0  # px that ziamath leaves around a formula
# what LaTeX shows nothing of, and what the converter reads under another name only
_UNSEEN = re.compile(r"\\(?:label\{[^{}]*\}|nonumber\b|notag\b|begin\{equation\*?\}|end\{equation\*?\})")
_OPERATOR = re.compile(r"\\operatorname\*?\s*\{")
_ENVIRONMENT = re.compile(r"\\begin\s*\{([^{}]*)\}")
_DEFINITION = re.compile(
    r"\\(?:re)?new(?:command|environment)\b|\\[egx]?def\b|\\DeclareMathOperator\b|\\mathop\b|\\not\b"
)
_ESCAPED = re.compile(r"\\.", re.DOTALL)
_TEXT = re.compile(r">([^<>]+)<")


@dataclass(frozen=True, slots=True)
class Formula:
    """A drawn formula: an SVG, and its lengths in em of the text around it.

    `depth` is how far it reaches below the baseline.
    """

    svg: str
    width: float
    height: float
    depth: float


@lru_cache(maxsize=256)  # a long one is half a megabyte
def draw(latex: str, display: bool) -> Formula | None:
    """The formula, or None where it cannot be drawn as what it says. `display`: in a line of its own."""
    latex = plain(latex)
    braces = _ESCAPED.sub("", latex)
    if (
        len(latex) > MAX_CHARS
        or braces.count("{") != braces.count("}")
        or _DEFINITION.search(latex)
        or not _known_environments(latex)
    ):
        return None
    latex = _OPERATOR.sub(r"\\mathrm {", _UNSEEN.sub("", latex))
    try:
        return _draw(latex, display)
    except Exception:  # ziamath and latex2mathml meet bad LaTeX with whatever comes: StopIteration, AssertionError, ...
        return None


def plain(latex: str) -> str:
    """The LaTeX without the space around it and without GitHub's backticks ($`x`$)."""
    latex = latex.strip()
    if len(latex) > 2 and latex[0] == latex[-1] == "`":
        latex = latex[1:-1].strip()
    return latex


def _known_environments(latex: str) -> bool:
    from latex2mathml.commands import MATRICES

    known = {*(name.removeprefix("\\") for name in MATRICES), "aligned", "equation", "equation*"} - {"substack"}
    return all(name in known for name in _ENVIRONMENT.findall(latex))


def _draw(latex: str, display: bool) -> Formula | None:
    from ziamath.config import config
    from ziamath.tex import tex2mml
    from ziamath.zmath import Math

    config.svg2 = False  # outlines in place: WeasyPrint draws them faster than <use>
    mathml = tex2mml(latex, inline=not display)
    shown = "".join(_TEXT.findall(_unescape(mathml)))
    if "\\" in shown or "<mo />" in mathml or any(ord(c) not in _glyphs() for c in shown if not c.isspace()):
        return None
    drawn = Math(mathml, size=_SIZE)
    svg = str(drawn.svg())
    width, height = (float(v) for v in drawn.getsize())
    if "<path" not in svg or not (0 < width < math.inf and 0 < height < math.inf):
        return None
    return Formula(
        svg,
        width=(width + 2 * _BORDER) / _SIZE,
        height=(height + 2 * _BORDER) / _SIZE,
        depth=(_BORDER - float(drawn.getyofst())) / _SIZE,
    )


def _unescape(mathml: str) -> str:
    return re.sub(r"&#x([0-9A-Fa-f]+);", lambda m: chr(int(m[1], 16)), mathml)


@cache
def _glyphs() -> frozenset[int]:
    """Characters of the formula font, STIX Two Math."""
    from importlib.resources import files

    from fontTools.ttLib import TTFont

    font: Any = files("ziamath") / "fonts" / "STIXTwoMath-Regular.ttf"
    return frozenset(TTFont(str(font), lazy=True).getBestCmap())
