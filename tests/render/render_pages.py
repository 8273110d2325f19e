"""What the rendering tests share: documents, small pages, and pages with the layout they were read from."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass

from tasks.markdown import visible_text
from tasks.records import Document, Page
from tasks.render.clip import Clipper
from tasks.render.document import Span, page_spans, render_document
from tasks.render.label import write_label
from tasks.render.layout import PageBoxes, lay_out
from tasks.render.page_html import DRAWING, TASK_BOX, PageHtml
from tasks.render.reading import read_pages
from tasks.render.sheet import css
from tasks.render.style import draw_style
from tasks.render_config import RenderConfig

_BOXES = str.maketrans("", "", "".join(TASK_BOX.values()))
_NOTE = re.compile(r"\[\^([^\[\]]+)\]")


def document(markdown: str, language: str = "en", doc_id: str = "doc", family: str = "family") -> Document:
    return Document(doc_id, markdown, language, "test", "", "1", "MIT", "", family)


def small_page(width: int = 300, height: int = 140, **more: object) -> RenderConfig:
    """Pages of a few lines, so that everything meets a page break; drawn coarsely, for no eye looks at them."""
    return RenderConfig.model_validate(
        {
            "width": width,
            "height": height,
            "dpi": 36,
            "font_sizes": (10,),
            "margins": (12, 12),
            "look": "plain",
            "scan": {"share": 0},
            **more,
        }
    )


def random_page(rng: random.Random) -> RenderConfig:
    """A small page in any style; one of two columns is as wide as it must be for them."""
    columns = rng.choice([1, 1, 1, 2])
    look = {"columns": (columns,), "hyphenate": 1.0, "header": 1.0, "footer": 1.0, "code_themes": ("", "default")}
    return small_page(
        *(rng.choice([300, 420]) if columns == 1 else 500, rng.choice([140, 200, 300] if columns == 1 else [260, 400])),
        font_sizes=(9, 11) if columns == 1 else (9,),
        margins=rng.choice([(10, 14), (40, 44)]),
        look=rng.choice(["plain", look, look]),
    )


@dataclass(frozen=True)
class Drawn:
    """A document's layout, page by page, and the labels before any check."""

    html: PageHtml
    layouts: list[PageBoxes]
    spans: list[Span]

    def label(self, number: int, links: bool = True) -> str:
        span = self.spans[number]
        return write_label(Clipper(self.layouts[number], span.first, span.last, links).document(self.html.root))

    def shown(self, number: int) -> str:
        """The characters a page shows: a repeated table head, then its own. Formulas are left out."""
        span, layout = self.spans[number], self.layouts[number]
        head = sorted(o for element in layout.repeated for o in self.html.elements[element])
        formulas = {o for element in self.html.latex for o in self.html.elements[element]}
        kept = (o for o in [*head, *range(span.first, span.last)] if o not in formulas)
        return "".join(self.html.chars[o] for o in kept).replace(DRAWING, "")


def lay(markdown: str, config: RenderConfig, language: str = "en") -> Drawn:
    return lay_document(document(markdown, language), config)


def lay_document(doc: Document, config: RenderConfig) -> Drawn:
    style = draw_style(doc, config)
    html = PageHtml(doc.markdown, style.measure, bool(style.code_theme), style.hyphenate)
    layouts = read_pages(lay_out(html, css(style, doc.language), doc.language), html)
    return Drawn(html, layouts, page_spans(html, layouts))


def labels(markdown: str, config: RenderConfig, language: str = "en") -> list[str]:
    """Labels of all pages of a document, which must all be kept."""
    pages = render_document(document(markdown, language), config).pages
    assert not [(p.page_num, p.reject, p.detail) for p in pages if p.reject]
    return [p.markdown for p in pages]


def solid(text: str) -> str:
    """A text without anything that leaves no mark on a page."""
    return "".join(c for c in text if not c.isspace())


def visible(page: Page) -> str:
    """The characters of a page's label, formulas left out."""
    return solid(visible_text(page.markdown, formulas=False))


def as_drawn(text: str) -> str:
    """A text without task boxes, and a footnote's mark as its name: how it is drawn."""
    return solid(_NOTE.sub(r"\1", text.translate(_BOXES)))
