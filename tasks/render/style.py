"""How a document looks: drawn per document from a stable digest, within the ranges of the configuration."""

from __future__ import annotations

import json
import random
from dataclasses import asdict, dataclass

from tasks.config import RenderConfig
from tasks.records import Document, digest
from tasks.render.fonts import FALLBACKS, MONOSPACE


@dataclass(frozen=True, slots=True)
class Style:
    """One document's drawn style. Lengths in CSS px; `margins` are top, right, bottom, left."""

    width: int
    height: int
    dpi: int
    font_size: int
    margins: tuple[int, int, int, int]
    family: str
    monospace: str

    @property
    def families(self) -> tuple[str, ...]:
        """Every family text may be drawn in, the body's first."""
        return (self.family, self.monospace, *FALLBACKS)

    @property
    def measure(self) -> float:
        """Width of the column in em of the body's text."""
        return (self.width - self.margins[1] - self.margins[3]) / self.font_size

    @property
    def content_box(self) -> tuple[float, float, float, float]:
        """Area inside the margins: x0, y0, x1, y1 in PDF points (0.75 per CSS px)."""
        top, right, bottom, left = self.margins
        return (left * 0.75, top * 0.75, (self.width - right) * 0.75, (self.height - bottom) * 0.75)

    def to_json(self) -> str:
        return json.dumps(asdict(self), sort_keys=True)


def draw_style(document: Document, config: RenderConfig) -> Style:
    """The document's style: the same for the same document and configuration, wherever it is drawn."""
    rng = random.Random(digest(document.doc_id, "style", str(config.seed)))
    low, high = sorted(config.margins)
    top, right, bottom, left = (rng.randint(low, high) for _ in range(4))
    return Style(
        width=config.width,
        height=config.height,
        dpi=config.dpi,
        font_size=rng.choice(config.font_sizes),
        margins=(top, right, bottom, left),
        family=rng.choice(config.fonts_ja if document.language == "ja" else config.fonts_en),
        monospace=rng.choice(MONOSPACE),
    )


def css(style: Style, language: str) -> str:
    """The style sheet of one document. It never changes text: no text-transform, no generated content."""
    top, right, bottom, left = style.margins
    stack = ", ".join(f"'{f}'" for f in (style.family, *FALLBACKS))
    mono = ", ".join(f"'{f}'" for f in (style.monospace, *FALLBACKS))
    line_height = 1.6 if language == "ja" else 1.4
    # on a page of a few lines, keeping lines together would leave whole pages empty
    lines = (style.height - top - bottom) / (style.font_size * line_height)
    flow = (
        "" if lines >= 12 else "* { break-after: auto !important; orphans: 1; widows: 1 } h1, h2 { font-size: 1.2em }"
    )
    return f"""
@page {{ size: {style.width}px {style.height}px; margin: {top}px {right}px {bottom}px {left}px }}
html {{ font: {style.font_size}px/{line_height} {stack}; color: #111; overflow-wrap: anywhere; hyphens: manual }}
body {{ margin: 0 }}
p, ul, ol, pre, table, blockquote, hr {{ margin: 0 0 .6em }}
h1, h2, h3, h4, h5, h6 {{ margin: .7em 0 .35em; line-height: 1.25; font-weight: bold; break-after: avoid }}
h1 {{ font-size: 1.7em }} h2 {{ font-size: 1.4em }} h3 {{ font-size: 1.2em }} h4 {{ font-size: 1.05em }}
h5 {{ font-size: 1em }} h6 {{ font-size: .9em }}
body > :first-child {{ margin-top: 0 }}
ul, ol {{ padding-left: 2em }}
li > ul, li > ol {{ margin-bottom: 0 }} li > p {{ margin-bottom: .35em }}
li.task {{ list-style: none }}
pre {{ font-family: {mono}; font-size: .9em; line-height: 1.3; background: #f2f2f2; padding: .5em .7em;
  white-space: pre-wrap; overflow-wrap: anywhere; tab-size: 4 }}
code {{ font-family: {mono}; font-size: .9em; background: #f2f2f2 }}
blockquote {{ margin-left: .3em; padding-left: .8em; border-left: 3px solid #bbb; color: #333 }}
table {{ border-collapse: collapse; font-size: .92em }}
th, td {{ border: 1px solid #999; padding: .2em .5em; text-align: left; vertical-align: top }}
th {{ background: #eee; font-weight: bold }}
tr {{ break-inside: avoid }}
hr {{ border: 0; border-top: 1px solid #999 }}
.link {{ color: #0645ad }}
html:lang(ja) em {{ text-decoration: underline }}
img {{ max-width: 95% }}
.display {{ display: inline-block; width: 100%; text-align: center }} td .display, th .display {{ display: inline }}
code.latex {{ display: inline-block; max-width: 95%; padding: 0 .3em; box-sizing: border-box }}
sup {{ font-size: .7em; line-height: 0; vertical-align: super }}
{flow}
"""
