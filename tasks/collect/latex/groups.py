"""Arguments of commands: braces that belong together, found in one pass."""

from __future__ import annotations

import re

_BRACE = re.compile(r"\\.|[{}]", re.DOTALL)
_BLANK = re.compile(r"\s*")
_OPTION = re.compile(r"\[((?:[^\[\]{}]|\{[^{}]*\})*)\]")


class Groups:
    """The groups of a text. Every look-up takes as long as its answer."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._ends: dict[int, int] = {}
        opened: list[int] = []
        for found in _BRACE.finditer(text):
            if found[0] == "{":
                opened.append(found.start())
            elif found[0] == "}" and opened:
                self._ends[opened.pop()] = found.start()

    def argument(self, position: int) -> tuple[str, int] | None:
        """What is between the braces that come next, and where it goes on after them; None where there are none."""
        start = self._skip(position)
        end = self._ends.get(start)
        return None if end is None else (self.text[start + 1 : end], end + 1)

    def option(self, position: int) -> tuple[str | None, int]:
        """What is between the brackets that come next, and where it goes on; None and the same place without any."""
        found = _OPTION.match(self.text, self._skip(position), position + 2_000)
        return (found[1], found.end()) if found else (None, position)

    def arguments(self, position: int, count: int) -> tuple[list[str], int] | None:
        """So many arguments, and where it goes on after them; None where there are fewer."""
        found: list[str] = []
        for _ in range(count):
            if (one := self.argument(position)) is None:
                return None
            found.append(one[0])
            position = one[1]
        return found, position

    def _skip(self, position: int) -> int:
        blank = _BLANK.match(self.text, position)
        return blank.end() if blank else position
