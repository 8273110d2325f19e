"""What is the text of a web page, in HTML that pandoc can say in Markdown; written for MediaWiki's Parsoid."""

from __future__ import annotations

import re

from bs4 import BeautifulSoup
from bs4.element import NavigableString, Tag

# what frames an article, and what points out of it
_DROPPED = (
    "style, script:not([type^='math/tex']), link, meta, nav, header, footer, form, button, figure, img, audio, video, "
    "iframe, object, noscript, .hatnote, .infobox, .navbox, .vertical-navbox, .mw-editsection, .mw-empty-elt, "
    "sup.reference, .mw-ref, "
    ".references, .mw-references-wrap, .reflist, .noprint, .metadata, .ambox, .toc, #toc, .sistersitebox, .side-box, "
    ".gallery, .thumb, .mw-cite-backlink, .catlinks, .printfooter, [hidden], [style*='display:none']"
)
_PROLOGUE = re.compile(r"^\s*<\?xml[^>]*>")
_STYLE = re.compile(r"^\{\\(?:display|text)style\s*(.*)\}$", re.DOTALL)
_LANGUAGE = "mw-highlight-lang-"
_BLOCKS = ("p", "div", "ul", "ol", "li", "dl", "dd", "dt", "blockquote", "center", "pre")
_HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")


def article(html: str) -> str:
    """The article in a page: no navigation, notes, references, pictures or links; formulas as the TeX they were
    written in, code with its language, cells of a single line."""
    soup = BeautifulSoup(_PROLOGUE.sub("", html), "lxml")
    for formula in soup.select(".mwe-math-element, math"):
        if not formula.decomposed:
            _formula(soup, formula)
    for tag in soup.select(_DROPPED):
        if not tag.decomposed:
            tag.decompose()
    for block in soup.select("div.mw-highlight, pre"):
        _code(soup, block)
    for table in soup.find_all("table"):
        if not table.decomposed:
            _table(soup, table)
    for tag in soup.find_all(("a", "span", "section", "bdi", "abbr", "small", "big", "time")):
        tag.unwrap()
    body = soup.body or soup
    _drop_empty_headings(body)
    return str(body)


def _formula(soup: BeautifulSoup, element: Tag) -> None:
    """The form in which pandoc takes TeX from HTML: a script of type math/tex."""
    tex = element.find("annotation")
    if tex is None:
        return
    display = element.select_one('[display="block"]') or element.get("display") == "block"
    kind = "math/tex; mode=display" if display else "math/tex"
    script = soup.new_tag("script", type=kind)
    script.string = _STYLE.sub(r"\1", tex.get_text().strip()).strip()
    element.replace_with(script)


def _code(soup: BeautifulSoup, block: Tag) -> None:
    classes = block.get_attribute_list("class")
    language = next((str(c).removeprefix(_LANGUAGE) for c in classes if c and str(c).startswith(_LANGUAGE)), "")
    before = block.find_previous_sibling()
    if not language and before is not None and before.name == "pre":
        language = "text"  # code that is only indented would go on from the block before
    fence = soup.new_tag("pre", attrs={"class": language} if language else {})
    fence.string = block.get_text().strip("\n")
    block.replace_with(fence)


def _table(soup: BeautifulSoup, table: Tag) -> None:
    """Cells of one line, a head, and no table within a table: what Markdown can say. The caption goes before it."""
    if table.find_parent("table"):
        return
    for inner in table.find_all("table"):
        inner.decompose()
    if caption := table.find("caption"):
        paragraph = soup.new_tag("p")
        paragraph.extend(list(caption.contents))
        caption.decompose()
        table.insert_before(paragraph)
    for tag in table.find_all("br"):
        tag.replace_with(" ")
    for cell in table.find_all(("td", "th")):
        for tag in cell.find_all((*_BLOCKS, *_HEADINGS)):
            tag.insert_before(" ")
            tag.insert_after(" ")
            tag.unwrap()
    if table.find("thead") is None and (first := table.find("tr")):
        head = soup.new_tag("thead")
        table.insert(0, head)
        head.append(first)


def _drop_empty_headings(body: Tag) -> None:
    """A heading whose section was dropped goes too, and so upwards."""
    following = ""
    for node in reversed(list(body.descendants)):
        if isinstance(node, Tag) and node.name in _HEADINGS:
            if not following or (following in _HEADINGS and following <= node.name):
                node.decompose()
            else:
                following = node.name
        elif isinstance(node, NavigableString) and node.strip() and node.find_parent(_HEADINGS) is None:
            following = "text"
