"""Plots as inline SVG: the same bytes for the same numbers, text left as text, colours left to the page's style."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable
from typing import Any

_COLOURS = {
    "#3c4149": "var(--ink)",
    "#8a8f98": "var(--axis)",
    "#e6e8eb": "var(--line)",
    "#1f5fa8": "var(--accent)",
    "#1b7a4b": "var(--better)",
    "#b3401f": "var(--worse)",
    "#6b7079": "var(--quiet)",
}
INK, AXIS, LINE, ACCENT, BETTER, WORSE, QUIET = _COLOURS
_STYLE = {
    "svg.fonttype": "none",
    "text.parse_math": False,  # a system may be called $x$
    "font.family": "sans-serif",
    "font.size": 9.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": AXIS,
    "axes.linewidth": 0.7,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.grid": True,
    "grid.color": LINE,
    "grid.linewidth": 0.7,
}


def svg(draw: Callable[[Any], None], size: tuple[float, float], label: str) -> str:
    """An `<svg>` element without prolog, date, metadata, style sheets or style attributes, which the page forbids."""
    import matplotlib
    from markupsafe import escape
    from matplotlib.figure import Figure

    with matplotlib.rc_context({**_STYLE, "svg.hashsalt": label}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # the reader's browser draws the text
        figure = Figure(figsize=size, layout="constrained")
        draw(figure.subplots())
        file = io.StringIO()
        figure.savefig(file, format="svg", transparent=True, metadata={"Date": None})
    text = file.getvalue()
    text = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>", "", text[text.index("<svg") :], flags=re.DOTALL)
    text = re.sub(r' style="([^"]*)"', _attributes, text)
    used = set(re.findall(r"#([\w-]+)", text))
    text = re.sub(r' id="([\w.-]+)"', lambda found: found[0] if found[1] in used else "", text)
    for colour, variable in _COLOURS.items():
        text = text.replace(colour, variable)
    return text.replace("<svg", f'<svg role="img" aria-label="{escape(label)}" stroke-linejoin="round"', 1)


def _attributes(style: re.Match[str]) -> str:
    """A style attribute as presentation attributes; the page sets the fonts."""
    parts = (part.partition(":") for part in style[1].split(";") if part.strip())
    return "".join(
        f' {name.strip()}="{value.strip()}"' for name, _, value in parts if name.strip() not in ("font", "font-family")
    )
