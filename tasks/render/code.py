"""Code in the colours of a Pygments style. Only colours: what the characters are, and how heavy, stays as it is."""

from __future__ import annotations

import math
import re
from functools import cache

_LONGEST = 20_000  # characters; colouring more takes longer than drawing it


def coloured(code: str, info: str, room: float = math.inf) -> list[tuple[str, str]]:
    """Pieces of a code block with their token classes ("" for none); together they are the code.

    A block with a line wider than `room` (in letters; a wide character is two) keeps one colour: layout cannot break
    a line between two coloured pieces that no space parts.
    """
    from pygments.lexers import get_lexer_by_name
    from pygments.token import STANDARD_TYPES
    from pygments.util import ClassNotFound

    language = info.split()[0].strip("{}.,").lower() if info.split() else ""
    if not language or len(code) > _LONGEST or any(_width(line) > room for line in code.split("\n")):
        return [("", code)]
    try:
        lexer = get_lexer_by_name(language, stripnl=False, stripall=False, ensurenl=False)
    except ClassNotFound:
        return [("", code)]
    pieces: list[tuple[str, str]] = []
    for kind, text in lexer.get_tokens(code):
        while kind not in STANDARD_TYPES:
            kind = kind.parent
        for part in re.findall(r"\n|[^\n]+", text):
            name = "" if part.isspace() else STANDARD_TYPES[kind]
            if pieces and pieces[-1][0] == name:
                pieces[-1] = (name, pieces[-1][1] + part)
            else:
                pieces.append((name, part))
    return pieces if "".join(text for _, text in pieces) == code else [("", code)]


def _width(line: str) -> int:
    return sum(2 if c >= "\u1100" else 1 for c in line)


@cache
def theme_css(theme: str, ground: bool = True) -> str:
    """The colours of a Pygments style as a style sheet; "" for the theme "". Without `ground` a light one has none."""
    if not theme:
        return ""
    from pygments.styles import get_style_by_name
    from pygments.token import STANDARD_TYPES, Token

    style = get_style_by_name(theme)
    background = style.background_color
    plain = style.style_for_token(Token.Text)["color"] or style.style_for_token(Token)["color"]
    light = _is_light(background)
    rules = [f"pre {{ color: #{plain or ('111' if light else 'eee')} }}"]
    if ground or not light:
        rules.append(f"pre {{ background: {background}; padding: .5em .7em }}")
    for kind, name in STANDARD_TYPES.items():
        if name and (colour := style.style_for_token(kind)["color"]):
            rules.append(f"pre .{name} {{ color: #{colour} }}")
    return "\n".join(rules)


def _is_light(colour: str) -> bool:
    digits = colour.lstrip("#")
    digits = "".join(c * 2 for c in digits) if len(digits) == 3 else digits
    return sum(int(digits[i : i + 2], 16) for i in (0, 2, 4)) > 3 * 128
