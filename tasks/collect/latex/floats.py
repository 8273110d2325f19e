"""Figures and tables with no more to them than Markdown can say."""

from __future__ import annotations

import re

from tasks.collect.latex.groups import Groups

_FIGURE = re.compile(r"\\begin\s*\{((?:wrap|sideways|SC)?figure\*?|teaserfigure)\}")
_PICTURE = re.compile(r"\\(?:includegraphics|epsfig|epsfbox|psfig|includestandalone|includesvg)(?![A-Za-z])")
# what a figure holds beside pictures that is read
_READ = re.compile(
    r"\0|\\begin\s*\{(?:tabular|longtable|algorithmic|equation|align|itemize|enumerate)|\\item(?![A-Za-z])"
)
_INNER = re.compile(
    r"\\begin\s*\{(subfigure|subcaptionblock|minipage|subtable)\*?\}|\\end\s*\{(?:subfigure|subcaptionblock|minipage|subtable)\*?\}"
)
_CAPTION = re.compile(r"\\(?:caption\*?|captionof\s*\{figure\})(?![A-Za-z])")
_LABEL = re.compile(r"\\label\s*\{[^{}]*\}")
_NAMES = r"(tabular\*?|tabularx|tabulary|tabularew|tabu|longtabu|longtable\*?|supertabular\*?|xtabular|tblr)"
_TABLE = re.compile(rf"\\begin\s*\{{{_NAMES}\}}")
_TABLE_END = re.compile(rf"\\end\s*\{{{_NAMES}\}}")
_STACKED = re.compile(r"\\(?:makecell|shortstack|thead|tabincell|specialcell)(?![A-Za-z])\*?")
_RULES = re.compile(
    r"\\(?:cmidrule|cline|hhline|specialrule|addlinespace|arrayrulecolor|rowcolors?|cellcolor)(?![A-Za-z])"
    r"(?:\s*(?:\[[^\[\]]*\]|\([^()]*\)|\{[^{}]*\}))*"
)
_WIDE = frozenset({"tabular*", "tabularx", "tabulary"})
_COLUMNS = 60


def simple_figures(text: str) -> str:
    """The text with every figure of nothing but pictures as one picture with its caption and labels."""
    groups, position = Groups(text), 0
    out: list[str] = []
    for found in _FIGURE.finditer(text):
        if found.start() < position:
            continue
        closer = f"\\end{{{found[1]}}}"
        end = text.find(closer, found.end(), found.end() + 20_000)
        inside = text[found.end() : end]
        if end < 0 or not _PICTURE.search(inside) or _READ.search(inside):
            continue
        caption = _caption(groups, found.end(), end)
        labels = "".join(_LABEL.findall(inside))
        shown = f"\\caption{{{caption}}}{labels}" if caption else labels
        out += [
            text[position : found.start()],
            "\n\n\\begin{figure}\\includegraphics{picture}",
            shown,
            "\\end{figure}\n\n",
        ]
        position = end + len(closer)
    return "".join((*out, text[position:]))


def _caption(groups: Groups, start: int, end: int) -> str:
    """The caption of the figure as a whole; if it has none, the last one in it."""
    depth = 0
    captions = {0: "", 1: ""}
    inner = [(m.start(), 1 if m[1] else -1) for m in _INNER.finditer(groups.text, start, end)]
    for found in _CAPTION.finditer(groups.text, start, end):
        while inner and inner[0][0] < found.start():
            depth = max(0, depth + inner.pop(0)[1])
        _, at = groups.option(found.end())
        if argument := groups.argument(at):
            captions[min(depth, 1)] = _LABEL.sub("", argument[0])
    return captions[0] or captions[1]


def simple_tables(text: str) -> str:
    """The text with tables as `tabular` or `longtable`, columns left, centred or right, cells of one line."""
    text = _one_line_cells(_RULES.sub("", text))
    groups, position = Groups(text), 0
    out: list[str] = []
    for found in _TABLE.finditer(text):
        name = found[1]
        _, at = groups.option(found.end())
        if name in _WIDE:
            width = groups.argument(at)
            _, at = groups.option(width[1] if width else at)
        elif name in ("tabu", "longtabu"):
            brace = text.find("{", at, at + 100)
            at = brace if brace >= 0 else at
        columns = groups.argument(at)
        if columns is None:
            continue
        plain = "longtable" if name.startswith("long") else "tabular"
        out += [text[position : found.start()], f"\\begin{{{plain}}}{{{_columns(columns[0])}}}"]
        position = columns[1]
    text = "".join((*out, text[position:]))
    return _TABLE_END.sub(lambda m: f"\\end{{{'longtable' if m[1].startswith('long') else 'tabular'}}}", text)


def _columns(specification: str) -> str:
    """The columns of a table as letters l, c, r."""
    groups, position = Groups(specification), 0
    out: list[str] = []
    while position < len(specification) and len(out) < _COLUMNS:
        letter = specification[position]
        position += 1
        if letter in "@!><":
            argument = groups.argument(position)
            position = argument[1] if argument else position
        elif letter == "*" and (repeated := groups.arguments(position, 2)):
            times = int(repeated[0][0]) if repeated[0][0].strip().isdecimal() else 1
            out += _columns(repeated[0][1]) * min(times, _COLUMNS)
            position = repeated[1]
        elif letter.isalpha():
            out.append(letter.lower() if letter.lower() in "lcr" else "l")
            _, position = groups.option(position)
            while argument := groups.argument(position):
                position = argument[1]
    return "".join(out[:_COLUMNS]) or "l"


def _one_line_cells(text: str) -> str:
    groups, position = Groups(text), 0
    out: list[str] = []
    for found in _STACKED.finditer(text):
        _, at = groups.option(found.end())
        argument = groups.argument(at)
        if argument and found.start() >= position:
            out += [text[position : found.start()], "{", re.sub(r"\\\\(?:\[[^\]]*\])?", " ", argument[0]), "}"]
            position = argument[1]
    return "".join((*out, text[position:]))
