"""How a document looks: drawn per document from a stable digest, within the ranges of the configuration."""

from __future__ import annotations

import json
import random
import re
from dataclasses import asdict, dataclass

from tasks.markdown import Node, parse, visible_text
from tasks.records import Document, digest
from tasks.render.fonts import FALLBACKS, bold_family, uncovered
from tasks.render_config import LookConfig, RenderConfig

PAPERS = {"A4": (794, 1123), "Letter": (816, 1056), "A5": (559, 794), "card": (480, 640)}
"""Width and height in CSS px."""
FOOTERS = ("page", "page of pages", "Page page", "dashes")
_FOOTERS = ("page", "page", "page", *FOOTERS)  # most often the number alone
_SANS = {"en": ("Liberation Sans", "Lato", "TeX Gyre Heros"), "ja": ("Noto Sans CJK JP", "IPAexGothic")}
_EVEN = 0.7  # of documents have the same margin left and right
_RUNNING_SIZE = 0.8  # of the body's
_SMALLEST_MARGIN = 40  # px that hold a running header or a page number
_COLUMN = 20  # em that a column of two holds at least
_GAP = 2.2  # em between two columns


@dataclass(frozen=True, slots=True)
class Style:
    """One document's drawn style; the defaults are the plain look.

    Lengths in CSS px, `leading` in em; `margins` are top, right, bottom, left. `header` is a running header's text,
    `footer` one of `FOOTERS`, `running` where the two stand, `heading_space` the room above a heading in its own em,
    `chips` whether code in the text has a ground, `code_theme` a Pygments style ("" for none of them).
    """

    width: int
    height: int
    dpi: int
    font_size: int
    margins: tuple[int, int, int, int]
    family: str
    monospace: str
    leading: float
    columns: int = 1
    justify: bool = False
    hyphenate: bool = False
    indent: bool = False
    header: str = ""
    footer: str = ""
    running: str = "center"
    ink: str = "#111"
    accent: str = "#0645ad"
    heading: str = "plain"
    heading_family: str = ""
    heading_space: float = 0.7
    table: str = "grid"
    bullet: str = "disc"
    quote: str = "bar"
    small_notes: bool = False
    block: str = "tint"
    chips: bool = True
    code_theme: str = ""

    @property
    def families(self) -> tuple[str, ...]:
        """Every family text may be drawn in, the body's first."""
        return tuple(dict.fromkeys((*self.asked, *FALLBACKS)))

    @property
    def asked(self) -> tuple[str, ...]:
        """The families that were asked for: of the body, headings and code."""
        headings = (self.heading_family, bold_family(self.heading_family)) if self.heading_family else ()
        return (self.family, bold_family(self.family), *headings, self.monospace)

    @property
    def gap(self) -> float:
        """Between two columns."""
        return _GAP * self.font_size if self.columns > 1 else 0.0

    @property
    def measure(self) -> float:
        """Width of a column in em of the body's text."""
        whole = self.width - self.margins[1] - self.margins[3]
        return (whole - self.gap * (self.columns - 1)) / self.columns / self.font_size

    @property
    def column_edges(self) -> tuple[tuple[float, float], ...]:
        """Left and right edge of each column."""
        width = self.measure * self.font_size
        lefts = (self.margins[3] + i * (width + self.gap) for i in range(self.columns))
        return tuple((left, left + width) for left in lefts)

    @property
    def content_box(self) -> tuple[float, float, float, float]:
        """Area inside the margins: x0, y0, x1, y1 in PDF points (0.75 per CSS px)."""
        top, right, bottom, left = self.margins
        return (left * 0.75, top * 0.75, (self.width - right) * 0.75, (self.height - bottom) * 0.75)

    def to_json(self) -> str:
        return json.dumps(asdict(self), sort_keys=True)


def draw_style(document: Document, config: RenderConfig) -> Style:
    """The document's style: the same for the same document and configuration, wherever it is drawn."""
    japanese = document.language == "ja"
    rng = random.Random(digest(document.doc_id, "style", str(config.seed)))
    low, high = sorted(config.margins)
    top, right, bottom, left = (rng.randint(low, high) for _ in range(4))
    size = rng.choice(config.font_sizes)
    family = rng.choice(config.fonts_ja if japanese else config.fonts_en)
    monospace = rng.choice(config.fonts_code)
    margins = (top, right, bottom, left)
    if isinstance(config.look, LookConfig):
        return _draw_look(document, config, config.look, margins, size, family, monospace)
    leading = 1.6 if japanese else 1.4
    return Style(config.width, config.height, config.dpi, size, margins, family, monospace, leading)


def _draw_look(
    document: Document,
    config: RenderConfig,
    look: LookConfig,
    margins: tuple[int, int, int, int],
    size: int,
    family: str,
    monospace: str,
) -> Style:
    # every draw is made, whether it is used or not, so that one range does not move what the others give
    rng = random.Random(digest(document.doc_id, "look", str(config.seed)))
    japanese = document.language == "ja"
    width, height = PAPERS[rng.choice(look.papers)]
    if config.width:
        width, height = config.width, config.height
    else:
        margins = tuple(round(m * width / PAPERS["A4"][0]) for m in margins)  # type: ignore[assignment]
    top, right, bottom, left = margins
    if rng.random() < _EVEN:
        right = left
        margins = (top, right, bottom, left)
    columns = rng.choice(look.columns)
    if (width - left - right - _GAP * size) / 2 < _COLUMN * size:
        columns = 1
    justify = rng.random() < look.justify and not japanese
    hyphenate = rng.random() < look.hyphenate and justify
    leading = round(rng.uniform(*sorted(look.leading)) + (0.2 if japanese else 0.0), 2)
    indent = rng.random() < look.indent
    header = rng.random() < look.header and top >= _SMALLEST_MARGIN
    footer, number = rng.random() < look.footer and bottom >= _SMALLEST_MARGIN, rng.choice(_FOOTERS)
    sans, heading_family = rng.random() < look.sans_headings, rng.choice(_SANS["ja" if japanese else "en"])
    return Style(
        *(width, height, config.dpi, size, margins, family, monospace, leading),
        columns=columns,
        justify=justify,
        hyphenate=hyphenate,
        indent=indent,
        header=_title(document, (width - left - right) / (size * _RUNNING_SIZE), family) if header else "",
        footer=number if footer else "",
        ink=rng.choice(look.inks),
        accent=rng.choice(look.accents),
        heading=rng.choice(look.headings),
        heading_family=heading_family if sans and heading_family != family else "",
        heading_space=round(rng.uniform(*sorted(look.heading_space)), 2),
        table=rng.choice(look.tables),
        bullet=rng.choice(look.bullets),
        quote=rng.choice(look.quotes),
        block=rng.choice(look.blocks),
        chips=rng.random() < look.chips,
        code_theme=rng.choice(look.code_themes),
        running=rng.choice(("center", "center", "left", "right")),
        small_notes=True,
    )


def _title(document: Document, room: float, family: str) -> str:
    """The document's first heading, as far as it fits into `room` em; "" where the fonts lack a character of it."""

    def first(node: Node) -> Node | None:
        if node.kind == "Heading":
            return node
        return next((found for child in node.children if (found := first(child))), None)

    heading = first(parse(document.markdown, math=True))
    text = re.sub(r"\s+", " ", visible_text(heading)).strip() if heading else ""
    if uncovered(text, (family, *FALLBACKS)):
        return ""
    longest = int(room * (0.9 if document.language == "ja" else 1.6))
    return text if len(text) <= longest else text[: longest - 1].rstrip() + "…"
