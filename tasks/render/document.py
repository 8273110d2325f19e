"""One document to its pages: images, labels, spans, checks. Plain functions; the stage stands in stage.py."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pymupdf

from tasks.records import Document, Page, Reason
from tasks.render.check import agreement, geometry_fault, shown_text
from tasks.render.clip import Clipper
from tasks.render.fonts import bold_family, is_one_of, require, uncovered
from tasks.render.label import LabelError, write_label
from tasks.render.layout import PageBoxes, lay_out
from tasks.render.page_html import DRAWING, Numbered, PageHtml
from tasks.render.picture import page_image
from tasks.render.reading import read_pages
from tasks.render.sheet import css
from tasks.render.style import Style, draw_style
from tasks.render_config import RenderConfig


@dataclass(frozen=True, slots=True)
class Rendered:
    """All pages of a document, kept and rejected, and its PDF."""

    pages: tuple[Page, ...]
    pdf: bytes


def render_document(document: Document, config: RenderConfig) -> Rendered:
    """Draw a document and label its pages.

    Every page that was drawn is in the result; `Page.reject` names the first check a page failed.
    Raises StageError where a font is not installed, and whatever WeasyPrint raises on a document it cannot draw.
    """
    style = draw_style(document, config)
    require(style.families)
    page_html = PageHtml(document.markdown, style.measure, bool(style.code_theme), style.hyphenate)
    laid_out = lay_out(page_html, css(style, document.language), document.language)
    layouts = read_pages(laid_out, page_html)
    pdf: bytes = laid_out.write_pdf()
    spans = page_spans(page_html, layouts)
    pages = []
    with pymupdf.open(stream=pdf) as drawing:
        fault = _font_fault(drawing, style, page_html)
        for number, (layout, span) in enumerate(zip(layouts, spans, strict=True)):
            pages.append(_page(document, config, style, page_html, layout, span, drawing[number], number, fault))
    return Rendered(tuple(pages), pdf)


@dataclass(frozen=True, slots=True)
class Span:
    """A page's visible characters [first, last) and its characters [start, end) of the Markdown."""

    first: int
    last: int
    start: int
    end: int


def page_spans(page_html: PageHtml, layouts: list[PageBoxes]) -> list[Span]:
    """One interval a page; together they tile the visible characters and the Markdown.

    A page begins at the first character that it or a later page shows, with the markup that opens there.
    """
    firsts: list[int] = []
    following = len(page_html.chars)
    for layout in reversed(layouts):
        following = min([following, *layout.ordinals])
        firsts.append(following)
    firsts.reverse()
    firsts[0] = 0
    starts = [0, *(_source_start(page_html, first) for first in firsts[1:])]
    lasts = [*firsts[1:], len(page_html.chars)]
    ends = [*starts[1:], len(page_html.markdown)]
    return [Span(*span) for span in zip(firsts, lasts, starts, ends, strict=True)]


def _source_start(page_html: PageHtml, ordinal: int) -> int:
    """Where in the Markdown the visible character begins, with the markup that opens before it."""
    if ordinal >= len(page_html.chars):
        return len(page_html.markdown)
    start = page_html.sources[ordinal]
    node: Numbered | None = page_html.root
    while node is not None:
        if node.first == ordinal and node.kind != "Root":
            return min(start, node.node.start)
        node = next((c for c in node.children if c.first <= ordinal < c.last), None)
    return start


def _font_fault(drawing: Any, style: Style, page_html: PageHtml) -> str:
    """Why the fonts that were drawn are not those that were asked for; "" when they are."""
    pages = {drawing.xref_get_key(page.xref, "Resources"): page for page in drawing}  # most share theirs
    drawn = {font[3] for page in pages.values() for font in page.get_fonts()}
    if strange := sorted(name for name in drawn if not is_one_of(name, style.families)):
        return f"drawn with {', '.join(strange)}"
    body = (style.family, bold_family(style.family))
    prose = len(letters := set(page_html.chars) - {DRAWING}) > len(uncovered("".join(letters), body))
    if prose and not any(is_one_of(name, style.asked) for name in drawn):
        return f"not drawn with {style.family}"
    return ""


def _page(
    document: Document,
    config: RenderConfig,
    style: Style,
    page_html: PageHtml,
    layout: PageBoxes,
    span: Span,
    pdf_page: Any,
    number: int,
    font_fault: str,
) -> Page:
    label, measured, reason, detail = "", 0.0, None, ""
    try:
        clipper = Clipper(layout, span.first, span.last, config.links == "keep")
        label = write_label(clipper.document(page_html.root))
    except LabelError as e:
        reason, detail = Reason.LABEL_STRUCTURE, str(e)
    if all(page_html.chars[o].isspace() for o in layout.ordinals):
        reason, detail = Reason.BLANK, "no visible character"
    else:
        measured = agreement(label, shown_text(pdf_page, style.content_box, layout.marker_rects, layout.cut_rects))
        found = _fault(config, style, page_html, layout, span, measured, font_fault)
        if found and reason is None:
            reason, detail = found
    image, looks = page_image(pdf_page, document.doc_id, style, config)
    return Page(
        doc_id=document.doc_id,
        page_num=number,
        image=image,
        markdown=label,
        page_start_char=span.start,
        page_end_char=span.end,
        content_box=style.content_box,
        style=looks,
        agreement=measured,
        reject=reason,
        detail=detail[:300],
    )


def _fault(
    config: RenderConfig,
    style: Style,
    page_html: PageHtml,
    layout: PageBoxes,
    span: Span,
    measured: float,
    font_fault: str,
) -> tuple[Reason, str] | None:
    """The first check the page fails, with what was seen."""
    if layout.mismatches:
        return Reason.CHARACTER_MISMATCH, "; ".join(layout.mismatches[:3])
    if layout.ordinals != list(range(span.first, span.last)):
        return (
            Reason.NOT_CONTIGUOUS,
            f"shows {len(layout.ordinals)} characters, its interval holds {span.last - span.first}",
        )
    if missing := uncovered("".join(page_html.chars[span.first : span.last]).replace(DRAWING, ""), style.families):
        return Reason.MISSING_GLYPH, " ".join(f"U+{ord(c):04X}" for c in sorted(missing)[:8])
    if font_fault:
        return Reason.FONT_SUBSTITUTED, font_fault
    if fault := geometry_fault(layout, style):
        return Reason.GEOMETRY, fault
    if measured < config.min_agreement:
        return Reason.DISAGREEMENT, f"label and page agree to {measured:.3f}; at least {config.min_agreement} is asked"
    return None
