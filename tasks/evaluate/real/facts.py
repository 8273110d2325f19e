"""The facts of a real page, from its source and its text layer."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice, pairwise
from typing import TypeVar

from tasks.evaluate.real.located import Found, Located
from tasks.evaluate.real.margins import Line
from tasks.evaluate.real.page_text import squash
from tasks.evaluate.real.tables import table_facts
from tasks.scoring.fact_text import normalise_fact
from tasks.scoring.facts import Fact, check, inject_typo
from tasks.scoring.latex import normalise_latex
from tasks.scoring.typos import rng_of

LIMITS = {"present": 4, "order": 3, "table": 3, "math": 2, "running": 2, "typo": 1}  # 15 facts in all
T = TypeVar("T")

_TRIES = 20  # candidates of a kind for each fact of its limit
_EDITS_PER = 20  # characters of a formula's source for each edit that is allowed, as a formula has many spellings
_TYPOS = 40  # until a formula is surely another one
_COMMANDS = frozenset(  # such as any reader writes
    re.findall(
        "[A-Za-z]+",
        """alpha beta gamma delta epsilon varepsilon zeta eta theta vartheta iota kappa lambda mu nu xi pi rho sigma tau
    upsilon phi varphi chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Phi Psi Omega sin cos tan log ln exp lim max
    min sup inf det frac dfrac tfrac sqrt sum prod int oint partial nabla infty pm mp times cdot cdots ldots dots leq
    geq le ge neq ne equiv approx sim simeq propto in notin subset subseteq cup cap to rightarrow leftarrow Rightarrow
    Leftrightarrow mapsto forall exists left right langle rangle prime hat bar vec tilde dot ddot overline mathbf mathrm
    mathcal mathbb boldsymbol quad qquad ell hbar circ star ast otimes oplus wedge vee perp parallel dagger big Big
    bigl bigr Bigl Bigr bigg Bigg displaystyle limits nonumber notag binom Re Im""",
    )
)
_COMMAND = re.compile(r"\\([A-Za-z]+)")
_NUMBERED = re.compile(r"^[0-9.]+\s+|\s+[0-9]+$")
_BROKEN = re.compile(r"\\\\|[&%#]")


def page_facts(located: Located, running: Sequence[Line], seed: str) -> tuple[Fact, ...]:
    """At most 15 facts, each of which holds on the least answer that says it and fails on it once that is wrong.

    - present: a sentence, a part of one, a heading; in Japanese a clause that lies on one line.
    - order: two of them, in the order of the source and of the text layer.
    - table, math: see `tables.table_facts`, `Located.formulas`.
    - absent: a running header, footer or page number, which the rest of the page does not show; and a sentence with a
      typing error.

    The choice is drawn from the seed.
    """
    candidates: dict[str, Callable[[], Iterable[Fact]]] = {
        "present": lambda: _present(_drawn(located.texts, seed, "present")),
        "order": lambda: _order(located, seed),
        "table": lambda: _drawn(
            list(table_facts(located.source.tables, located.page, located.language)), seed, "table"
        ),
        "math": lambda: _drawn(list(_math(located)), seed, "math"),
        "running": lambda: _running(located, running),
        "typo": lambda: _typo(located, seed),
    }
    facts: dict[Fact, None] = {}
    for kind, limit in LIMITS.items():
        tried = islice(dict.fromkeys(candidates[kind]()), limit * _TRIES)
        facts |= dict.fromkeys(islice((fact for fact in tried if can_fail(fact)), limit))
    return tuple(facts)


def _drawn(items: Sequence[T], seed: str, kind: str) -> list[T]:
    return rng_of("real", seed, kind).sample(list(items), len(items))


def _present(texts: Sequence[Found]) -> Iterator[Fact]:
    """The texts, no more headings than other texts."""
    headings = [found for found in texts if found.heading]
    others = [found for found in texts if not found.heading]
    most = LIMITS["present"] // 2 if others else len(headings)
    for found in [*headings[:most], *others]:
        yield Fact("present", found.text)


def _order(located: Located, seed: str) -> Iterator[Fact]:
    """Pairs of texts that flow, none where the text layer goes another way than the source."""
    texts = [found for found in located.texts if found.flows]
    steps = [a.place.end <= b.place.start for a, b in pairwise(texts)]
    if len(texts) < 2 or not all(steps):
        return
    rng = rng_of("real", seed, "order")
    for _ in range(2 * len(texts)):
        first, second = (texts[i] for i in sorted(rng.sample(range(len(texts)), 2)))
        yield Fact("order", first.text, after=second.text)


def _math(located: Located) -> Iterator[Fact]:
    """Formulas on one line, in commands that any reader knows."""
    for latex in located.formulas():
        plain = normalise_latex(latex)
        commands = set(_COMMAND.findall(latex))
        symbols = len(re.findall(r"[A-Za-z0-9]", _COMMAND.sub(" ", plain)))
        known = commands <= _COMMANDS and not _BROKEN.search(latex)
        if symbols >= 3 and len(latex) <= 200 and known and (commands or re.search(r"[\^_=]", latex)):
            yield Fact("math", latex, max_diffs=len(plain) // _EDITS_PER)


def _running(located: Located, running: Sequence[Line]) -> Iterator[Fact]:
    """Running lines, without the number of the page or the section at their ends, and page numbers of two digits and
    more: a single digit stands anywhere."""
    body = located.page.squashed.casefold()
    for line in running:
        text = " ".join(line.text.split())
        title = _NUMBERED.sub("", text)
        asked = title if any(map(str.isalpha, title)) else text
        shown = squash(asked).casefold()
        if len(shown) >= (2 if shown.isdigit() else 4) and shown not in body:
            yield Fact("absent", asked)


def _typo(located: Located, seed: str) -> Iterator[Fact]:
    for found in _drawn([found for found in located.texts if not found.heading], seed, "typo"):
        wrong = inject_typo(found.text, seed)
        if squash(wrong) not in located.page.squashed and normalise_fact(wrong).strip():
            yield Fact("absent", wrong)


def can_fail(fact: Fact) -> bool:
    """Whether the fact holds on the least answer that says it, and not once there is a typing error in that."""
    wrong = inject_typo(fact.text)
    match fact.kind:
        case "present":
            return check(fact, fact.text) and not check(fact, wrong)
        case "absent":
            return check(fact, wrong) and not check(fact, fact.text)
        case "order":
            good, swapped = f"{fact.text}\n\n{fact.after}", f"{fact.after}\n\n{fact.text}"
            typos = (f"{wrong}\n\n{fact.after}", f"{fact.text}\n\n{inject_typo(fact.after)}")
            return check(fact, good) and not any(check(fact, bad) for bad in (swapped, *typos))
        case "table":
            return check(fact, _grid(fact, fact.text)) and not check(fact, _grid(fact, wrong))
        case "math":
            for _ in range(_TYPOS):
                wrong = inject_typo(wrong)
            return check(fact, f"$${fact.text}$$") and not check(fact, f"$${wrong}$$")


def _grid(fact: Fact, cell: str) -> str:
    """The least table that says a table fact."""
    beside = fact.right or fact.down or fact.top_heading
    if fact.right:
        return f"| x | y |\n|---|---|\n| {cell} | {beside} |"
    rows = (cell, beside) if fact.down else (beside, cell)
    first = "| x |\n" if fact.down else f"| {rows[0]} |\n"
    return f"{first}|---|\n" + "".join(f"| {row} |\n" for row in (rows if fact.down else rows[1:]))
