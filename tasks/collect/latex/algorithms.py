"""Algorithms as nested lists: their indentation is what they say beside their words."""

from __future__ import annotations

import re

from tasks.collect.latex.groups import Groups

_BEGIN = re.compile(r"\\begin\s*\{(algorithmic|algpseudocode)\}\s*(?:\[[^\]]*\])?")
_FLOAT = re.compile(
    r"\\begin\s*\{(algorithm\*?)\}(?:\s*\[[^\]]*\])?((?:(?!\\begin\s*\{algorithm).)*?)\\end\s*\{\1\}", re.DOTALL
)
_CAPTION = re.compile(r"\\caption\s*\{((?:[^{}]|\{[^{}]*\})*)\}")
# commands of the packages algorithmic and algpseudocode, in whichever case: words before and after their argument
_OPENING = {
    "if": ("if", "then"),
    "for": ("for", "do"),
    "forall": ("for all", "do"),
    "foreach": ("for each", "do"),
    "while": ("while", "do"),
    "loop": ("loop", ""),
    "repeat": ("repeat", ""),
    "function": ("function", ""),
    "procedure": ("procedure", ""),
}
_MIDDLE = {"else": ("else", ""), "elsif": ("else if", "then"), "elseif": ("else if", "then")}
_CLOSING = frozenset({"endif", "endfor", "endforall", "endwhile", "endloop", "endfunction", "endprocedure", "until"})
_LINE = {
    "state": "",
    "statex": "",
    "require": "Require:",
    "ensure": "Ensure:",
    "return": "return",
    "input": "Input:",
    "output": "Output:",
}
_COMMAND = re.compile(r"\\([A-Za-z]+)(?![A-Za-z])")
_BARE = frozenset({"loop", "repeat", "else"})


def as_lists(text: str) -> str:
    """The text with every `algorithmic` as a nested list, a step an item."""
    out: list[str] = []
    position = 0
    while found := _BEGIN.search(text, position):
        closer = f"\\end{{{found[1]}}}"
        end = text.find(closer, found.end())
        if end < 0:
            break
        out += [text[position : found.start()], _list(text[found.end() : end])]
        position = end + len(closer)
    return _FLOAT.sub(_captioned, "".join((*out, text[position:])))


def _captioned(found: re.Match[str]) -> str:
    """An algorithm's float without the float: its caption is a paragraph before it."""
    return _CAPTION.sub(lambda m: f"\n\n\\textbf{{Algorithm:}} {m[1]}\n\n", found[2])


def _list(body: str) -> str:
    groups = Groups(body)
    out = ["\n\\begin{itemize}"]
    depth, position = 1, 0
    pending = False  # an opened block with no step yet
    for found in _COMMAND.finditer(body):
        name = found[1].lower()
        if found.start() < position or not (name in _OPENING or name in _MIDDLE or name in _CLOSING or name in _LINE):
            continue
        said = body[position : found.start()]
        position = found.end()
        if out[-1].startswith("\\item"):
            out[-1] += said
        if name in _CLOSING or name in _MIDDLE:
            if pending:
                out.pop()
            elif depth > 1:
                out.append("\\end{itemize}")
            depth, pending = max(1, depth - 1), False
        if name in _LINE:
            if out[-1].strip() == "\\item":
                out.pop()  # a return is often said to be a state, too
            out.append(f"\\item {_bold(_LINE[name])}")
            pending = False
        elif name == "until":
            argument = groups.argument(position)
            out.append(f"\\item \\textbf{{until}} {argument[0] if argument else ''} ")
            position = argument[1] if argument else position
        elif name not in _CLOSING:
            before, after = _OPENING.get(name) or _MIDDLE[name]
            several = groups.arguments(position, 2) if name in ("function", "procedure") else None
            argument = None if name in _BARE else groups.argument(position)
            if several:
                inner, position = f"{several[0][0]}({several[0][1]})", several[1]
            else:
                inner, position = argument or ("", position)
            out += [f"\\item {_bold(before)}{inner} {_bold(after)}", "\\begin{itemize}"]
            depth, pending = depth + 1, True
    if out[-1].startswith("\\item"):
        out[-1] += body[position:]
    if pending:
        out.pop()
        depth -= 1
    return "\n".join((*out, *["\\end{itemize}"] * depth, ""))


def _bold(words: str) -> str:
    return f"\\textbf{{{words}}} " if words else ""
