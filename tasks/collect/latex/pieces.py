"""What TeX would not read as commands: comments, and code that is shown as it is."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator
from typing import Literal

Kind = Literal["text", "comment", "code"]

_CODE = re.compile(
    r"(?:[BL]?Verbatim|verbatim|filecontents)\*?|SaveVerbatim|verbatimtab|verbatimwrite|pyverbatim|lstlisting|minted|alltt"
    "|[Cc]ode|sourcecode|Sinput|Soutput|Schunk|comment|CCSXML"
)
_HIDDEN = re.compile(r"comment|CCSXML|filecontents\*?|verbatimwrite")
_OPENER = re.compile(
    r"%|\\begin\s*\{([A-Za-z]+\*?)\}|\\(?:verb|lstinline|mintinline)(?![A-Za-z])|\\(?:url|nolinkurl|path|href)\s*\{|\\.",
    re.DOTALL,
)
_PLACE = re.compile("\0(\\d+)\0")
_OWN = re.compile(
    r"\\(?:lstnewenvironment|newtcblisting|DeclareTCBListing|NewTCBListing)(?:\[[^\]\n]*\])?\{([A-Za-z]+\*?)\}"
    r"|\\(?:DefineVerbatimEnvironment|CustomVerbatimEnvironment)\{([A-Za-z]+\*?)\}"
)
# classes in which `|code|` is code
_SHORT_CLASS = re.compile(r"\\documentclass\s*(?:\[[^\]]*\])?\s*\{(?:ltxdoc|ltxguide|amsdtx|amsldoc)\}")
_INLINE = re.compile(r"\\verb\*?([^A-Za-z\s*])[^\n]*?\1")
_LISTING = re.compile(
    r"\\(?:lstinline|mintinline)(?:\[[^\]\n]*\])?(?:\{[A-Za-z+]+\}(?=[^A-Za-z\s]))?(?:\{[^{}\n]*\}|([^A-Za-z\s{])[^\n]*?\1)"
)
_ADDRESS = re.compile(r"\\\w+\s*\{[^{}\n]*\}")
_SHORT = re.compile(
    r"\\(?:MakeShortVerb\*?|DefineShortVerb(?:\[[^\]]*\])?)\s*\{?\\(.)\}?|\\lstMakeShortInline(?:\[[^\]]*\])?\\?(.)"
)


def pieces(text: str) -> Iterator[tuple[Kind, int, int]]:
    """Kind, start and end of every piece, in order and without gaps. A comment ends as TeX ends it: with the blanks at
    the start of the next line, or before an empty one. Linear in the length of the text."""
    unclosed: set[str] = set()
    start = position = 0
    while found := _OPENER.search(text, position):
        kind, end = _piece(text, found, unclosed)
        if end:
            if start < found.start():
                yield "text", start, found.start()
            yield kind, found.start(), end
            start = end
        position = end or found.end()
    if start < len(text):
        yield "text", start, len(text)


def _piece(text: str, found: re.Match[str], unclosed: set[str]) -> tuple[Kind, int]:
    """The kind and end of what is opened; 0 where it is plain text."""
    if found[0] == "%":
        line = text.find("\n", found.start())
        return "comment", _next_line(text, line) if line >= 0 else len(text)
    name = found[1]
    if name:
        closer = f"\\end{{{name}}}"
        if _CODE.fullmatch(name) and closer not in unclosed:
            end = text.find(closer, found.end())
            if end >= 0:
                return "code", end + len(closer)
            unclosed.add(closer)
        return "text", 0
    if found[0].startswith("\\verb"):
        pattern = _INLINE
    elif found[0].startswith(("\\lst", "\\mint")):
        pattern = _LISTING
    else:
        pattern = _ADDRESS
        if len(found[0]) == 2:
            return "text", 0
    whole = pattern.match(text, found.start())
    return "code", whole.end() if whole else 0


def _next_line(text: str, line: int) -> int:
    """Where reading goes on after a comment whose line ends at `line`."""
    end = line + 1
    while text[end : end + 1] in (" ", "\t"):
        end += 1
    return line if text[end : end + 1] == "\n" else end


def without_comments(text: str) -> str:
    """The text without comments, comment environments and files in the text; code as it is."""
    out: list[str] = []
    for kind, start, end in pieces(text):
        if kind == "text" or (kind == "code" and not _is_hidden(text, start)):
            out.append(text[start:end])
    return "".join(out)


def _is_hidden(text: str, start: int) -> bool:
    found = _OPENER.match(text, start)
    return found is not None and bool(found[1]) and bool(_HIDDEN.fullmatch(found[1]))


def outside_code(text: str, change: Callable[[str], str], comments: bool = False) -> str:
    """The text with a change made to all that is no code, with or without the comments; the change sees NULs in place
    of what it is not shown."""
    kept: list[str] = []
    shown: list[str] = []
    for kind, start, end in pieces(text):
        if kind == "text" or (comments and kind == "comment"):
            shown.append(text[start:end])
        else:
            shown.append(f"\0{len(kept)}\0")
            kept.append(text[start:end])
    return _PLACE.sub(lambda m: kept[int(m[1])], change("".join(shown)))


def plain_code(text: str, document: str) -> str:
    """The text with what its document defines as code called `verbatim`, or `\\verb` where that is a pair of marks."""
    for name in sorted({m[1] or m[2] for m in _OWN.finditer(document)}):
        begin = re.compile(r"\\begin\s*\{" + re.escape(name) + r"\}(?:\[[^\]\n]*\]|\{[^{}\n]*\})*")
        text = begin.sub(r"\\begin{verbatim}", text).replace(f"\\end{{{name}}}", "\\end{verbatim}")
    marks = {m[1] or m[2] for m in _SHORT.finditer(document)} - {"\\", "%", "{", "}"}
    if _SHORT_CLASS.search(document):
        marks.add("|")
    text = _SHORT.sub("", text)
    for mark in sorted(marks):
        body = re.escape(mark)
        short = re.compile(rf"\\.|%[^\n]*|{body}([^{body}\n]*){body}", re.DOTALL)
        text = outside_code(text, functools.partial(short.sub, functools.partial(_verb, mark)), comments=True)
    return text


def _verb(mark: str, found: re.Match[str]) -> str:
    return found[0] if found[1] is None else f"\\verb{mark}{found[1]}{mark}"
