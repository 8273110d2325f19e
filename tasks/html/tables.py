"""Tables of a study, once for its report and its Markdown."""

from __future__ import annotations

from typing import NamedTuple


class Table(NamedTuple):
    """A title, the heads of the columns, rows of as many cells, and what is said below."""

    title: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""

    def markdown(self) -> str:
        lines = [self.heads, ("---",) * len(self.heads), *self.rows]
        table = "\n".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |" for line in lines)
        return f"### {self.title}\n\n{table}\n\n{self.note}".strip()
