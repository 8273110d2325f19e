"""What is the text of a web page, in HTML that pandoc can say in Markdown; written for MediaWiki's Parsoid."""

from __future__ import annotations

import re

from bs4 import BeautifulSoup
from bs4.element import NavigableString, Tag

from tasks.collect.pandoc import to_markdown

# what frames an article, and what points out of it
_FRAME = re.compile(
    "style|script|link|meta|nav|header|footer|form|button|figure|img|audio|video|iframe|object|noscript"
)
_FRAME_CLASS = re.compile(
    "hatnote|infobox|navbox|vertical-navbox|mw-editsection|mw-empty-elt|mw-ref|references|mw-references-wrap|reflist"
    "|noprint|metadata|ambox|toc|sistersitebox|side-box|gallery|thumb|mw-cite-backlink|catlinks|printfooter|headerlink"
)
_PROLOGUE = re.compile(r"^\s*<\?xml[^>]*>")
_STYLE = re.compile(r"^\{\\(?:display|text)style\s*(.*)\}$", re.DOTALL)
_LANGUAGE = "mw-highlight-lang-"
# a language for code that names none: pandoc would indent it, and in quotes and items it gets that wrong
_PLAIN = "recto-plain"
_PLAIN_FENCE = re.compile(rf"^([ >]*(?:[-*+]|\d+[.)])?[ >]*`{{3,}}) {_PLAIN}$", re.MULTILINE)
_BLOCKS = ("p", "div", "ul", "ol", "li", "dl", "dd", "dt", "blockquote", "center", "pre")
_HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")


def page_markdown(html: str) -> str:
    """The Markdown of the article in a page. Raises StageError as pandoc's `to_markdown` does."""
    return _PLAIN_FENCE.sub(r"\1", to_markdown(article(html), "html"))


def article(html: str) -> str:
    """The article in a page: no navigation, notes, references, pictures or links; formulas as the TeX they were
    written in, code with its language, cells of a single line."""
    soup = BeautifulSoup(_PROLOGUE.sub("", html), "lxml")
    for formula in soup.find_all(_is_formula):
        if not formula.decomposed:
            _formula(soup, formula)
    for tag in soup.find_all(_is_frame):
        if not tag.decomposed:
            tag.decompose()
    for block in soup.find_all(_is_code):
        if not block.decomposed:
            _code(soup, block)
    for table in soup.find_all("table"):
        if not table.decomposed:
            _table(soup, table)
    for tag in soup.find_all(("a", "span", "section", "bdi", "abbr", "small", "big", "time")):
        tag.unwrap()
    body = soup.body or soup
    _join_lists(body)
    _drop_empty_headings(body)
    return str(body)


def _is_formula(tag: Tag) -> bool:
    return tag.name == "math" or "mwe-math-element" in tag.get_attribute_list("class")


def _is_frame(tag: Tag) -> bool:
    if _FRAME.fullmatch(tag.name):
        return tag.name != "script" or not str(tag.get("type", "")).startswith("math/tex")
    classes = tag.get_attribute_list("class")
    if any(map(_FRAME_CLASS.fullmatch, filter(None, classes))) or (tag.name == "sup" and "reference" in classes):
        return True
    return tag.get("id") == "toc" or "hidden" in tag.attrs or "display:none" in str(tag.get("style", ""))


def _is_code(tag: Tag) -> bool:
    return tag.name == "pre" or (tag.name == "div" and "mw-highlight" in tag.get_attribute_list("class"))


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
    fence = soup.new_tag("pre", attrs={"class": language or _PLAIN})
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


def _join_lists(body: Tag) -> None:
    """Two lists of one kind, one after the other, are one: Markdown cannot part them without a word between."""
    for following in body.find_all(("ul", "dl")):
        before = following.previous_sibling
        while isinstance(before, NavigableString) and not before.strip():
            before = before.previous_sibling
        if isinstance(before, Tag) and before.name == following.name:
            before.extend(list(following.contents))
            following.decompose()


def _drop_empty_headings(body: Tag) -> None:
    """A heading whose section was dropped goes too, and so upwards."""
    following = ""
    for node in reversed(list(body.descendants)):
        if isinstance(node, Tag) and node.name in _HEADINGS:
            if not following or (following in _HEADINGS and following <= node.name):
                node.decompose()
            else:
                following = node.name
        elif isinstance(node, NavigableString) and node.strip() and not any(p.name in _HEADINGS for p in node.parents):
            following = "text"
