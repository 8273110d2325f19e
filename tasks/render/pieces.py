"""A block's inline nodes as a row of tokens: texts, fixed pieces, and where emphasis and links open and close."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from tasks.markdown import Node

_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{1,31}:[^\s<>]*")

_BRACKETED = {"Link": "[", "Image": "!["}

Style = tuple[str, str, int]
"""Kind, link target, and which node: two in a row stay two."""


@dataclass(frozen=True, slots=True)
class _Atom:
    """A piece of text with the emphasis and link it carries, outermost first."""

    kind: str  # word, space, code, task, fixed, math
    text: str
    styles: tuple[Style, ...]


@dataclass(frozen=True, slots=True)
class Token:
    """One piece of a spelling: `kind` is text, fixed, math, open, close, link (a link or an image
    opens) or target (it closes).

    `pair` joins the two ends of an emphasis or a link; `style` is the kind of an emphasis.
    """

    kind: str
    text: str
    pair: int = -1
    style: str = ""


def tokens(children: Sequence[Node]) -> list[Token]:
    """The tokens of inline nodes: marks stand beside what they mark, never beside a space."""
    return _row(_atoms(children))


def _atoms(children: Sequence[Node]) -> list[_Atom]:
    atoms: list[_Atom] = []

    def walk(node: Node, styles: tuple[Style, ...]) -> None:
        match node.kind:
            case "Text":
                text = re.sub(r"[ \t\n]+", " ", node.text)
                word = text.strip()
                lead, _, trail = text.partition(word) if word else (text, "", "")
                pieces = (("space", lead), ("word", word), ("space", trail))
                atoms.extend(_Atom(kind, piece, styles) for kind, piece in pieces if piece)
            case "SoftBreak":
                atoms.append(_Atom("space", " ", styles))
            case "HardBreak":
                atoms.append(_Atom("space", "\\\n", styles))
            case "Code" if node.text.isspace():
                atoms.append(_Atom("space", re.sub(r"[ \t\n]+", " ", node.text), styles))
            case "Code":
                atoms.append(_Atom("code", node.text, styles))
            case "InlineMath" | "DisplayMath":
                mark = "$" if node.kind == "InlineMath" else "$$"
                atoms.append(_Atom("math", mark + node.text + mark, styles))
            case "FootnoteReference":
                atoms.append(_Atom("fixed", f"[^{node.text}]", styles))
            case "TaskListMarker":
                atoms.append(_Atom("task", "[x] " if node.arg else "[ ] ", styles))
            case "Image":
                for child in node.children:
                    walk(child, (*styles, ("Image", "", id(node))))
            case _:
                held = {style[0] for style in styles}
                own = () if node.kind in held else ((node.kind, node.arg or "", id(node)),)
                for child in node.children:
                    walk(child, styles + own)

    for child in children:
        walk(child, ())
    return _joined(_spaces(atoms))


def _spaces(atoms: list[_Atom]) -> list[_Atom]:
    """Space carries the styles that go on across it, so that no mark stands beside a space on the wrong side."""
    while atoms and atoms[-1].kind == "space" and atoms[-1].text in (" ", "\\\n"):
        atoms.pop()
    while atoms and atoms[0].text == "\\\n":
        atoms.pop(0)
    following: list[_Atom | None] = [None]  # the next atom that shows, from the last to the first
    for atom in reversed(atoms):
        following.append(following[-1] if atom.kind == "space" else atom)
    following.reverse()
    before: _Atom | None = None
    out: list[_Atom] = []
    for atom, after in zip(atoms, following[1:], strict=True):
        if atom.kind != "space":
            before = atom
        elif atom.text.isspace() and before is not None and before.kind == "task" and before is out[-1]:
            continue  # the box brings its own space; a hard break behind it shows
        else:
            shared = before.styles if before and after else ()
            atom = replace(atom, styles=tuple(s for s in shared if after and s in after.styles))
        out.append(atom)
    return out


def _joined(atoms: list[_Atom]) -> list[_Atom]:
    """Adjacent atoms of the same styles as one, except hard breaks: the parser reads them as one text."""
    out: list[_Atom] = []
    one: dict[Style, Style] = {}
    for atom in atoms:
        last = out[-1] if out else None
        # two emphases side by side are one to a reader, and their marks would run together
        for before, style in zip(last.styles if last else (), atom.styles, strict=False):
            if one.get(style, style) != before:
                if style[0] == before[0] != "Link" and style not in one:
                    one[style] = before
                break
        atom = replace(atom, styles=tuple(one.get(s, s) for s in atom.styles))
        if atom.kind == "space":
            atom = replace(atom, kind="fixed" if atom.text == "\\\n" else "word")
        if last and last.kind == atom.kind in ("word", "code") and last.styles == atom.styles:
            between = atom.text.lstrip(" ") if last.text.endswith(" ") and atom.kind == "word" else atom.text
            out[-1] = replace(last, text=last.text + between)
        else:
            out.append(atom)
    return out


def _row(atoms: list[_Atom]) -> list[Token]:
    row: list[Token] = []
    stack: list[tuple[Style, int]] = []
    pairs = 0

    def close(count: int) -> None:
        while len(stack) > count:
            style, pair = stack.pop()
            if style[0] in _BRACKETED:
                row.append(Token("target", style[1], pair))
            else:
                row.append(Token("close", "", pair, style[0]))

    for i, atom in enumerate(atoms):
        keep = 0
        while keep < len(stack) and stack[keep][0] in atom.styles:
            keep += 1
        close(keep)
        opened = {style for style, _ in stack}
        new = [style for style in atom.styles if style not in opened]
        new.sort(key=lambda style: -_extent(atoms, i, style))
        address = next((s for s in new if s[0] == "Link" and s[1] == atom.text and _extent(atoms, i, s) == 1), None)
        if address and _ADDRESS.fullmatch(atom.text):
            new.remove(address)
        else:
            address = None
        for style in new:
            stack.append((style, pairs))
            bracket = _BRACKETED.get(style[0])
            row.append(Token("link", bracket, pairs) if bracket else Token("open", "", pairs, style[0]))
            pairs += 1
        if address:
            row.append(Token("fixed", f"<{atom.text}>"))
        else:
            text = _code_span(atom.text) if atom.kind == "code" else atom.text
            row.append(Token({"word": "text", "math": "math"}.get(atom.kind, "fixed"), text))
    close(0)
    return row


def _extent(atoms: list[_Atom], i: int, style: Style) -> int:
    end = i
    while end < len(atoms) and style in atoms[end].styles:
        end += 1
    return end - i


def _code_span(text: str) -> str:
    runs = {len(run) for run in re.findall(r"`+", text)}
    ticks = "`" * next(n for n in range(1, len(runs) + 2) if n not in runs)
    pad = " " if text.startswith("`") or text.endswith("`") or (text[:1] == text[-1:] == " " and text.strip()) else ""
    return f"{ticks}{pad}{text}{pad}{ticks}"
