"""Facts of a page: checked, mined from a label, and read and written as olmOCR-bench's JSON rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tasks.scoring.fact_check import Fact, Kind, check, pass_rate, score
from tasks.scoring.facts_mining import mine
from tasks.scoring.typos import inject_typo

__all__ = ["Fact", "Kind", "check", "from_olmocr", "inject_typo", "mine", "pass_rate", "score", "to_olmocr"]

_RELATIONS = ("up", "down", "left", "right", "top_heading", "left_heading")
_NAMES: dict[str, tuple[tuple[str, str], ...]] = {  # kind -> (our field, theirs)
    "present": (("text", "text"),),
    "absent": (("text", "text"),),
    "order": (("text", "before"), ("after", "after")),
    "table": (("text", "cell"), *zip(_RELATIONS, _RELATIONS, strict=True)),
    "math": (("text", "math"),),
}
_COMMON = frozenset({"pdf", "page", "id", "type", "max_diffs", "checked", "url"})
_SEARCH = frozenset({"case_sensitive", "first_n", "last_n"})
_SWITCHES = frozenset({"ignore_markdown_tables", "ignore_dollar_delimited"})


def to_olmocr(fact: Fact, pdf: str, page: int, id: str) -> dict[str, Any]:
    """The benchmark's row of a fact; `page` counts from 1."""
    row: dict[str, Any] = {"pdf": pdf, "page": page, "id": id, "type": fact.kind, "max_diffs": fact.max_diffs}
    row |= {theirs: getattr(fact, ours) for ours, theirs in _NAMES[fact.kind]}
    if fact.kind in ("present", "absent"):
        row |= {"case_sensitive": fact.case_sensitive, "first_n": fact.first_n or None, "last_n": fact.last_n or None}
    return row


def from_olmocr(row: Mapping[str, Any]) -> Fact:
    """The fact of a benchmark's row.

    Raises ValueError, which names the row, for what a fact cannot express: a baseline test, a switch that leaves a
    notation out, an unknown field, a text that is missing, blank or too long, more edits than half of an order's text.
    """
    name, kind = row.get("id"), row.get("type")
    if kind not in _NAMES:
        raise ValueError(f"row {name}: no fact of type {kind!r}")
    known = _COMMON | {theirs for _, theirs in _NAMES[kind]} | (_SEARCH if kind in ("present", "absent") else set())
    if more := sorted(key for key in row.keys() - known if key not in _SWITCHES or row[key]):
        raise ValueError(f"row {name}: a fact cannot express {', '.join(more)}")
    fields: dict[str, Any] = {ours: row.get(theirs) or "" for ours, theirs in _NAMES[kind]}
    if wrong := sorted(ours for ours, value in fields.items() if not isinstance(value, str)):
        raise ValueError(f"row {name}: no text in {', '.join(wrong)}")
    for key in ("max_diffs", "first_n", "last_n"):
        fields[key] = row.get(key) or 0
        if isinstance(fields[key], bool) or not isinstance(fields[key], int):
            raise ValueError(f"row {name}: {key} is {fields[key]!r}, not a whole number")
    if row.get("case_sensitive") is False:
        fields["case_sensitive"] = False
    if kind == "order" and fields["max_diffs"] > min(len(fields["text"]), len(fields["after"])) // 2:
        raise ValueError(f"row {name}: max_diffs is more than half of the text")
    try:
        return Fact(kind, **fields)
    except ValueError as error:
        raise ValueError(f"row {name}: {error}") from None
