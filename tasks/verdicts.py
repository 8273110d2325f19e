"""How a claim is decided: from intervals over training seeds, never from a presumed sign. A tie is no evidence."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from tasks.html.tables import Table
from tasks.intervals import Interval
from tasks.statistics import holm

Verdict = Literal["reproduced", "not reproduced", "no evidence", "not testable here"]
VERDICTS: tuple[Verdict, ...] = ("reproduced", "not reproduced", "no evidence", "not testable here")


class Finding(NamedTuple):
    """What a claim comes to in one place (a base, a learning rate); `p` is that of the tie, where one was tested."""

    where: str
    verdict: Verdict
    numbers: str
    p: float | None = None
    holds: bool = False
    """After Holm's correction for all findings that were tested."""


@dataclass(frozen=True)
class Claim:
    """A claim, what the article reports for it, and how it is decided here."""

    name: str
    article: str
    rule: str
    findings: tuple[Finding, ...]

    @property
    def verdict(self) -> str:
        """Over all places: one verdict, or each with where it was given."""
        found = {v: [f.where for f in self.findings if f.verdict == v] for v in VERDICTS}
        given = {v: list(dict.fromkeys(where)) for v, where in found.items() if where}
        if len(given) == 1:
            return next(iter(given))
        return ". ".join(f"{verdict.capitalize()}: {'; '.join(where)}" for verdict, where in given.items())


def more(found: Interval, than: float = 0.0) -> Verdict:
    """Whether a value lies above: only where the whole interval does."""
    if found.low is None:
        return "no evidence"
    if found.low > than:
        return "reproduced"
    return "not reproduced" if found.high is not None and found.high < than else "no evidence"


def less(found: Interval) -> Verdict:
    """Whether a difference is below zero."""
    opposite: dict[Verdict, Verdict] = {"reproduced": "not reproduced", "not reproduced": "reproduced"}
    return opposite.get(more(found), "no evidence")


def same(found: Interval, margin: float) -> Verdict:
    """Whether a difference is smaller than `margin`: only where the whole interval is."""
    if found.low is None or found.high is None:
        return "no evidence"
    if found.low > -margin and found.high < margin:
        return "reproduced"
    return "not reproduced" if found.low > margin or found.high < -margin else "no evidence"


def corrected(found: list[Claim]) -> list[Claim]:
    """With Holm's correction over the findings of all claims that have a p-value and a sign."""
    adjusted = iter(holm([f.p for claim in found for f in claim.findings]))
    done = []
    for claim in found:
        findings = tuple(
            f._replace(holds=p is not None and p < 0.05 and f.verdict in ("reproduced", "not reproduced"))
            for f, p in zip(claim.findings, adjusted, strict=False)
        )
        done.append(replace(claim, findings=findings))
    return done


def tested(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    return tuple(findings) or (Finding("everywhere", "not testable here", "No cell of this grid tests it."),)


def claims_table(judged: Sequence[Claim], title: str) -> Table:
    """A row a finding."""
    rows = tuple(
        (claim.name, claim.article, f.where, f.verdict + " *" * f.holds, f.numbers)
        for claim in judged
        for f in claim.findings
    )
    heads = ("Claim", "Article", "Where", "Verdict", "Here")
    return Table(title, heads, rows, "* also after Holm's correction for all findings.")
