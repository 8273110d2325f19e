"""What olmOCR-bench's own checker says, side by side for every system."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from tasks.evaluate.report.wording import interval, number, system_name
from tasks.html.text import plural

Found = Mapping[str, Any]
HEADLINES = {"official": "Mean of all categories, as published", "hard": "Mean without the easy categories"}


class Row(NamedTuple):
    """A category or a headline: its label, what it rests on, and (rate, interval) of each system."""

    label: str
    note: str
    cells: Sequence[tuple[str, str]]


def names(found: Sequence[Found]) -> list[str]:
    """A heading for each system; its training seed where it has one."""
    return [system_name(f["system"]) + (f", seed {f['seed']}" if f["seed"] is not None else "") for f in found]


def rows(found: Sequence[Found]) -> list[Row]:
    """The headlines, then every category."""
    return [
        *(_row(label, [f[name] for f in found]) for name, label in HEADLINES.items()),
        *(
            _row(group[0]["category"] + (" (easy)" if group[0]["easy"] else ""), group)
            for group in zip(*(f["rows"] for f in found), strict=True)
        ),
    ]


def summary(found: Sequence[Found]) -> str:
    """A line a system, for the terminal; empty where the checker did not run."""
    lines = [
        f"olmOCR-bench, {name}: {number(f['official']['rate'])} {interval(_of(f['official']))}; "
        f"without easy categories {number(f['hard']['rate'])} {interval(_of(f['hard']))}"
        for name, f in zip(names(found), found, strict=True)
    ]
    return "".join(f"{line}\n" for line in lines)


def _row(label: str, group: Sequence[Found]) -> Row:
    first = group[0]
    note = f"{plural(first['tests'], 'test', 'tests')}, {plural(first['pdfs'], 'PDF', 'PDFs')}; an empty answer "
    return Row(label, note + number(first["empty answer"]), [(number(g["rate"]), interval(_of(g))) for g in group])


def _of(figure: Found) -> Found:
    return {**figure, "n": figure["tests"], "families": figure["pdfs"]}
