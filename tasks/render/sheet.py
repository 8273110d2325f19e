"""The style sheet of a document. It never changes text: no text-transform, no generated text in the content."""

from __future__ import annotations

from tasks.render.code import theme_css
from tasks.render.fonts import FALLBACKS, bold_family
from tasks.render.style import Style

_SHORT = 12  # lines of a page on which nothing can be kept together
_FIGURE = 0.38  # of the height inside the margins that a drawing takes at most
_BULLETS = {"dash": '"– "'}
_NUMBERS = {
    "page": "counter(page)",
    "page of pages": 'counter(page) " / " counter(pages)',
    "Page page": '"Page " counter(page)',
    "dashes": '"– " counter(page) " –"',
}
_HEADINGS = {
    "ruled": "h1, h2 {{ border-bottom: 1px solid #aaa; padding-bottom: .15em }}",
    "colour": "h1, h2, h3, h4, h5, h6 {{ color: {accent} }}",
    "centred": "h1 {{ text-align: center }}",
}
_TABLES = {
    "rules": "th, td {{ border-width: 0 }} th {{ border-bottom-width: 1px; background: none }}"
    " table {{ border-top: 2px solid {ink}; border-bottom: 2px solid {ink} }}",
    "stripes": "th, td {{ border-width: 0 }} tbody tr:nth-child(even) td {{ background: #f4f4f6 }}"
    " th {{ border-bottom: 2px solid #999; background: none }}",
    "plain": "th, td {{ border-width: 0 }} th {{ border-bottom: 1px solid #999; background: none }}",
}
# room on the right holds the spaces at a line's end, which layout does not break
_BLOCKS = {
    "indent": "pre {{ background: none; padding: 0 .7em 0 1.5em }}",
    "frame": "pre {{ background: none; border: 1px solid #888 }}",
    "rules": "pre {{ background: none; padding: .4em .7em .4em 0; border: solid #666; border-width: 1px 0 }}",
}
_QUOTES = {
    "indent": "blockquote {{ margin-left: 1.5em; margin-right: 1.5em; padding-left: 0; border: 0 }}",
    "box": "blockquote {{ border: 1px solid #ddd; background: #f7f7f4; padding: .4em .8em }}",
}


def css(style: Style, language: str) -> str:
    """The style sheet of one document."""
    return "\n".join(
        (
            _page(style),
            _text(style),
            *_flow(style),
            *_variants(style),
            theme_css(style.code_theme, style.block == "tint"),
        )
    )


def _stack(*families: str) -> str:
    return ", ".join(f"'{f}'" for f in dict.fromkeys((*families, *FALLBACKS)))


def _page(style: Style) -> str:
    top, right, bottom, left = style.margins
    size = f"font: {0.8 * style.font_size:.2f}px {_stack(style.family)}; color: {style.ink}; white-space: nowrap"
    header = f"@top-{style.running} {{ content: {_string(style.header)}; {size} }}" if style.header else ""
    footer = f"@bottom-{style.running} {{ content: {_NUMBERS[style.footer]}; {size} }}" if style.footer else ""
    return (
        f"@page {{ size: {style.width}px {style.height}px; margin: {top}px {right}px {bottom}px {left}px;\n"
        f"  {header}\n  {footer} }}\n"
        f"@page :first {{ @top-{style.running} {{ content: none }} }}"
    )


def _string(text: str) -> str:
    """A CSS string of any text."""
    return '"' + "".join(c if c.isalnum() or c == " " else f"\\{ord(c):x} " for c in text) + '"'


def _text(style: Style) -> str:
    stack, mono = _stack(style.family), _stack(style.monospace)
    return f"""
html {{ font: {style.font_size}px/{style.leading} {stack}; color: {style.ink}; overflow-wrap: anywhere;
  hyphens: manual }}
body {{ margin: 0 }}
p, ul, ol, pre, table, blockquote, hr {{ margin: 0 0 .6em }}
h1, h2, h3, h4, h5, h6 {{ margin: {style.heading_space}em 0 .35em; line-height: 1.25; font-weight: bold;
  break-after: avoid }}
h1 {{ font-size: 1.7em }} h2 {{ font-size: 1.4em }} h3 {{ font-size: 1.2em }} h4 {{ font-size: 1.05em }}
h5 {{ font-size: 1em }} h6 {{ font-size: .9em }}
body > :first-child {{ margin-top: 0 }}
ul, ol {{ padding-left: 2em }}
li > ul, li > ol {{ margin-bottom: 0 }} li > p {{ margin-bottom: .35em }}
li.task {{ list-style: none }}
pre {{ font-family: {mono}; font-size: .9em; line-height: 1.3; background: #f2f2f2; padding: .5em .7em;
  white-space: pre-wrap; overflow-wrap: anywhere; tab-size: 4 }}
code {{ font-family: {mono}; font-size: .9em; background: #f2f2f2 }}
pre, code {{ font-variant-ligatures: none }}
blockquote {{ margin-left: .3em; padding-left: .8em; border-left: 3px solid #bbb; color: #333 }}
table {{ border-collapse: collapse; font-size: .92em }}
th, td {{ border: 1px solid #999; padding: .2em .5em; text-align: left; vertical-align: top;
  overflow-wrap: break-word }}
th {{ background: #eee; font-weight: bold }}
tr {{ break-inside: avoid }}
hr {{ border: 0; border-top: 1px solid #999 }}
.link {{ color: {style.accent} }}
html:lang(ja) em {{ text-decoration: underline }}
img {{ max-width: 95% }}
.figure {{ display: inline-block; width: 100%; box-sizing: border-box; text-align: center; padding: .3em 0 }}
.caption {{ display: block; font-size: .9em; color: #444; padding-top: .3em }}
.display {{ display: inline-block; width: 100%; text-align: center }} td .display, th .display {{ display: inline }}
code.latex {{ display: inline-block; max-width: 95%; padding: 0 .3em; box-sizing: border-box }}
sup {{ font-size: .7em; line-height: 0; vertical-align: super }}
"""


def _flow(style: Style) -> list[str]:
    out = []
    top, _, bottom, _ = style.margins
    height = style.height - top - bottom
    # on a page of a few lines, keeping lines together would leave whole pages empty, and a figure is a framed caption
    if height / (style.font_size * style.leading) < _SHORT:
        out.append(
            ".drawn { display: none } .figure { border: 1px solid #bbb; padding: .1em .4em } .caption { padding: 0 }"
        )
        out.append("* { break-after: auto !important; orphans: 1; widows: 1 } h1, h2 { font-size: 1.2em }")
    else:
        out.append(f".drawn {{ max-height: {_FIGURE * height:.1f}px }}")
    if style.columns > 1:
        out.append(f"body {{ columns: {style.columns}; column-gap: {style.gap}px; column-fill: auto }}")
    if style.justify:
        out.append(
            "p, li { text-align: justify } td, th, .display { text-align: left } .display { text-align: center }"
        )
    if style.hyphenate:
        # a hyphen within code or an address would be read as part of it
        out.append('p, li { hyphens: auto; hyphenate-character: "-" } code, .address { hyphens: manual }')
    if style.indent:
        out.append(
            "p { margin-bottom: 0 } p + p { text-indent: 1.4em } .display, p.display, p:has(.figure) { text-indent: 0 }"
        )
    return out


def _variants(style: Style) -> list[str]:
    out = []
    for kinds, kind in (
        (_HEADINGS, style.heading),
        (_TABLES, style.table),
        (_QUOTES, style.quote),
        (_BLOCKS, style.block),
    ):
        if kind in kinds:
            out.append(kinds[kind].format(accent=style.accent, ink=style.ink))
    if style.small_notes:
        out.append(".footnote { font-size: .85em } .footnote > sup + p { display: inline }")
    if not style.chips:
        out.append("code { background: none }")
    if style.bullet != "disc":
        out.append(f"ul {{ list-style-type: {_BULLETS.get(style.bullet, style.bullet)} }}")
    bold = bold_family(style.family)
    if bold != style.family:
        out.append(f"strong, th, h1, h2, h3, h4, h5, h6 {{ font-family: {_stack(bold)} }}")
    if style.heading_family:
        stack = _stack(bold_family(style.heading_family))
        out.append(f"h1, h2, h3, h4, h5, h6 {{ font-family: {stack} }}")
    return out
