"""The one error of LaTeX sources."""

from __future__ import annotations

from tasks.records import StageError


class LatexError(StageError):
    """A LaTeX source that cannot be used: one line that names the file, if it is one, and what is wrong with it."""


def shown(name: str) -> str:
    """A name out of a document, as one short line of printable characters."""
    return ascii(name[:80])[1:-1]
