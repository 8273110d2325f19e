"""Normalised Markdown: one spelling of characters, lines and spaces; no raw HTML, no images but figures; and what is
let in."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right

from tasks.collect.dollars import dollar_edits
from tasks.collect.figures import caption_edits, figures
from tasks.collect.markup import Edit, apply, escape_edits, hidden_edits, markup_edits, nodes, prefix_at
from tasks.config import CollectConfig
from tasks.markdown import Node, parse
from tasks.records import Reason

MARKERS = frozenset({"Heading", "Table", "CodeBlock", "List"})
RAW = frozenset({"HtmlBlock", "Html", "InlineHtml", "Image"})
DROPPED = frozenset({"Cc", "Cf", "Cs"})
# invisible characters outside category Cf: variation selectors, fillers, the grapheme joiner, the object's place
INVISIBLE = re.compile(
    "[\ufffc\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0000-\U000e0fff]"
)
LINE_ENDS = re.compile("\r\n?|[\u2028\u2029\x85\x0b\x0c]")
# longer runs of combining marks are noise, and sorting them is what makes normalisation slow
MARKS = 30
ALERT = re.compile(r"\[!(note|tip|important|warning|caution)\](?=[ \t]*\n)", re.IGNORECASE)
STRIPS = 6
ROUNDS = 40
YAML_LINE = re.compile(r"(?:[\w.\"'-][^\n:]*:(?:\s|$)|\s|#|- |-$|\]|\}|$)")
TOML_LINE = re.compile(r"(?:[\w.\"'-]+\s*=|\s|#|\[|\]|\}|$)")


def normalise(text: str) -> str:
    """The text as the project keeps it: NFC, LF, tabs as spaces to the next multiple of four (a page shows no tab),
    no invisible characters, no front matter, no raw HTML, no images but figures (`![caption]()`), no dollar signs that
    only look like a formula's, GitHub's alerts as bold words, no trailing spaces but those of hard breaks, single blank
    lines between blocks. Code keeps its lines and spaces. Idempotent; markup that hides in markup deeper than a few
    levels ends as text."""
    text = _settle(text)
    for turn in range(ROUNDS):
        root = parse(text, math=True)
        everything = [node for node, _ in nodes(root)]
        kept = figures(everything)
        raw = any(node.kind in RAW and node not in kept for node in everything)
        edits: list[Edit] = [
            *dollar_edits(text, root),
            *_reference_edits(text, root),
            *caption_edits(text, kept),
            *_alert_edits(text, everything),
        ]
        if not raw or turn < STRIPS:
            edits += hidden_edits(text, root) or markup_edits(text, root, kept)
        after = _settle(apply(text, edits))
        if after == text:
            after = _settle(apply(text, escape_edits(text, root, kept)) if raw else _spaces(text, root))
        if after == text:
            break
        # escaping can free what a code span hid; it never has to go on for long
        text = after if turn < ROUNDS // 2 else _settle(re.sub(r"!+\[", "[", after).replace("<", ""))
    return text


def _alert_edits(text: str, everything: list[Node]) -> list[Edit]:
    """GitHub's alerts, `> [!NOTE]`, as the words that a page would show."""
    quotes = (node for node in everything if node.kind == "BlockQuote" and node.children)
    found = (ALERT.match(text, quote.children[0].start) for quote in quotes if quote.children[0].kind == "Paragraph")
    return [(alert.start(), alert.end(), f"**{alert[1].capitalize()}:**") for alert in found if alert]


def accept(text: str, config: CollectConfig) -> Reason | None:
    """Why a normalised text is not let in: too short, or plain text (no heading, table, code block or list)."""
    if len(text.strip()) < config.min_chars:
        return Reason.TOO_SHORT
    if not any(node.kind in MARKERS for node, _ in nodes(parse(text))):
        return Reason.NO_MARKER
    return None


def cut(text: str, max_chars: int) -> str:
    """At most `max_chars` characters of a text, cut at the last top-level block boundary that fits.

    A block that is longer by itself is cut between its items, rows or lines; a fence is closed again.
    """
    if len(text) <= max_chars:
        return text
    limit = max_chars - 1
    node, end, closing = parse(text), 0, ""
    while True:
        fitting = [child for child in node.children if child.end <= limit]
        rest = node.children[len(fitting) :]
        if [child.kind for child in fitting] != ["TableHead"]:
            end = max([end, *(child.end for child in fitting)])
        if not rest or (end and rest[0].end - rest[0].start <= max_chars):
            break
        node = rest[0]
        if node.kind == "CodeBlock" and text[node.start] in "`~":
            end, closing = _cut_fence(text, node, limit)
            break
        if not node.children or node.kind == "CodeBlock":
            end = end or max(text.rfind("\n", 0, limit + 1), 0) or max(text.rfind(" ", 0, limit + 1), 0) or limit
            break
    return (text[:end].rstrip() + closing)[:limit] + "\n"


def _cut_fence(text: str, node: Node, limit: int) -> tuple[int, str]:
    """Where a fenced block is cut, at a line end if there is one, and what closes it."""
    fence = re.match("`+|~+", text[node.start : node.end])
    closing = "\n" + prefix_at(text, node.start) + (fence[0] if fence else "")
    latest = limit - len(closing)
    line = text.rfind("\n", text.find("\n", node.start) + 1, max(latest, 0) + 1)
    return (line if line > 0 else max(latest, 0)), closing


def _settle(text: str) -> str:
    return _front_matter(_characters(text))


def _reference_edits(text: str, root: Node) -> list[Edit]:
    """The edits that drop references to characters that would be dropped (`&shy;`, `&#8203;`)."""
    leaves = (node for node, _ in nodes(root) if node.kind == "Text" and text[node.start : node.start + 1] == "&")
    return [(node.start, node.end, "") for node in leaves if not _seen(node.text)]


def _seen(text: str) -> str:
    """The text without characters that leave no mark."""
    text = INVISIBLE.sub("", text)
    # a text has few different characters
    dropped = {ord(c) for c in set(text) - {"\n", "\t"} if unicodedata.category(c) in DROPPED}
    return text.translate(dict.fromkeys(dropped)) if dropped else text


def _characters(text: str) -> str:
    text = LINE_ENDS.sub("\n", text)
    if not text.isascii() or not text.replace("\n", "").replace("\t", "").isprintable():
        text = _seen(text)
    if not text.isascii():
        text = unicodedata.normalize("NFC", _few_marks(text))
    lines = (line.rstrip("\t").expandtabs(4) if "\t" in line else line for line in text.split("\n"))
    text = "\n".join(lines).strip("\n")
    return text + "\n" if text else ""


def _few_marks(text: str) -> str:
    marks = "".join(sorted(filter(unicodedata.combining, set(text))))
    return re.sub(f"([{marks}]{{{MARKS}}})[{marks}]+", r"\1", text) if marks else text


def _front_matter(text: str) -> str:
    for fence, ends, line in (("---", ("---", "..."), YAML_LINE), ("+++", ("+++",), TOML_LINE)):
        if not text.startswith(fence + "\n"):
            continue
        lines = text.split("\n")
        end = next((i for i, value in enumerate(lines) if i and value in ends), 0)
        body = lines[1:end]
        if body and body[0].strip() and not body[0].startswith((" ", "#", "-")) and all(map(line.match, body)):
            return "\n".join(lines[end + 1 :]).lstrip("\n")
    return text


def _spaces(text: str, root: Node) -> str:
    """No trailing spaces but hard breaks, no two blank lines; lines of code stay as they are."""
    lines = text.split("\n")
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line) + 1)
    code: set[int] = set()
    kept: set[int] = set()
    breaks: set[int] = set()
    for node, _ in nodes(root):
        first, last = bisect_right(starts, node.start) - 1, bisect_right(starts, max(node.start, node.end - 1)) - 1
        if node.kind == "CodeBlock":
            code.update(range(first, last + 1))
        elif node.kind == "Code":
            kept.update(range(first, last))
        elif node.kind == "HardBreak" and text[node.start] == " ":
            breaks.add(first)
    out: list[str] = []
    blank = False
    for i, line in enumerate(lines):
        if i in code:
            out.append(line)
            blank = False
            continue
        value = line if i in kept else line.rstrip() + ("  " if i in breaks else "")
        if value or not blank:
            out.append(value)
        blank = not value
    return "\n".join(out)
