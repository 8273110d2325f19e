"""The pages of the report's explorer: which are shown, in what order, and what of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tasks.evaluate.page_set import SetPage, read_inputs
from tasks.evaluate.report.wording import Pair, default_pair
from tasks.evaluate.scores import SystemRead
from tasks.html.images import data_uri
from tasks.records import StageRef
from tasks.scoring import strip_thinking
from tasks.scoring.facts import Fact, check

MOST_PAGES = 200


@dataclass(frozen=True, slots=True)
class Shown:
    """A system's answer to a page. `score` is the headline's."""

    text: str
    score: float | None
    clipped: bool
    error: str


@dataclass(frozen=True, slots=True)
class PageView:
    """A page of the explorer: `image` is a data URI, `answers` maps a system to its answer (that of its first training
    seed), `facts` are in words, each with the systems for whose answer it holds."""

    page: SetPage
    image: str
    width: int
    height: int
    answers: Mapping[str, Shown]
    facts: Sequence[tuple[str, frozenset[str]]]


def page_views(
    table: Mapping[str, Any],
    pages: Sequence[SetPage],
    page_set: StageRef,
    reads: Sequence[SystemRead],
    scores: Mapping[tuple[str, int | None, str], float],
) -> list[PageView]:
    """The first MOST_PAGES in the order of `by_change`. `scores` maps system, seed and page to the headline's value."""
    first: dict[str, SystemRead] = {}
    for read in reads:
        first.setdefault(read.system, read)
    first = {system: first[system] for system in table["systems"] if system in first}

    def score(place: int, system: str) -> float | None:
        return scores.get((system, first[system].seed, pages[place].page_id)) if system in first else None

    pair = default_pair(table)
    order = by_change([_change(score, place, pair, table["systems"][0]) for place in range(len(pages))])[:MOST_PAGES]
    wanted = {pages[place].page_id for place in order}
    images = {given.page_id: data_uri(given.image) for given in read_inputs(page_set) if given.page_id in wanted}
    views = []
    for place in order:
        page = pages[place]
        answers = {
            system: Shown(
                strip_thinking(read.readings[place].text),
                score(place, system),
                read.readings[place].clipped,
                read.readings[place].error,
            )
            for system, read in first.items()
        }
        facts = [
            (in_words(fact), frozenset(system for system, shown in answers.items() if check(fact, shown.text)))
            for fact in page.facts
        ]
        views.append(PageView(page, *images[page.page_id], answers, facts))
    return views


def by_change(changes: Sequence[float | None]) -> list[int]:
    """Places of the pages, the largest change first, whatever its sign; pages without one last, in the set's order."""
    return sorted(range(len(changes)), key=lambda i: (changes[i] is None, -abs(changes[i] or 0.0), i))


def _change(score: Any, place: int, pair: Pair | None, only: str) -> float | None:
    """What the pair's second system adds on a page; with one system, how far its score is from 1."""
    before, after = (None if pair is None else score(place, pair[0])), score(place, pair[1] if pair else only)
    if pair is None:
        return None if after is None else 1 - float(after)
    return None if before is None or after is None else float(after) - float(before)


def in_words(fact: Fact) -> str:
    """A fact as a sentence without its verb's subject, the answer."""
    text = f"“{fact.text}”"
    match fact.kind:
        case "present":
            return f"has {text}{_where(fact)}"
        case "absent":
            return f"has no {text}{_where(fact)}"
        case "order":
            return f"has {text} before “{fact.after}”"
        case "math":
            return f"has the formula {fact.text}"
        case "table":
            names = ("up", "down", "left", "right", "top_heading", "left_heading")
            beside = [f"{name.replace('_', ' ')} “{value}”" for name in names if (value := getattr(fact, name))]
            return f"has the table cell {text}" + (f" with {', '.join(beside)}" if beside else "")


def _where(fact: Fact) -> str:
    ends = (("first", fact.first_n), ("last", fact.last_n))
    said = " or ".join(f"{end} {count:,}" for end, count in ends if count)
    return f" in its {said} characters" if said else ""
