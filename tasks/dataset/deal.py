"""Dealing families to train and test: whole, once, in the order of a hash, while quotas are open."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tasks.config import SplitConfig
from tasks.records import digest, family_rank

_QUOTA_FEATURES = ("table", "code", "math")
_MOST = 0.25  # of the pages may be held out to reach `test_pages`
_ALL = "all"


@dataclass(slots=True)
class Stratum:
    """The pages and families of a language x source, or of those with a feature, and how many are held out."""

    pages: int = 0
    families: int = 0
    quota: float = 0.0
    """Pages to hold out; 0 where there is but one family, which is there to train on."""
    test_pages: int = 0
    test_families: int = 0

    @property
    def family(self) -> float:
        """Pages of a family, on average."""
        return self.pages / self.families

    @property
    def off(self) -> float:
        """How many average families more are held out than the quota says."""
        return (self.test_pages - self.quota) / self.family

    def add(self, pages: int) -> None:
        """Hold out a family with so many pages of the stratum."""
        self.test_pages += pages
        self.test_families += 1


Held = Mapping[str, Mapping[str, int]]
"""Family -> stratum -> pages."""


def tally(pages: Iterable[Mapping[str, Any]]) -> Held:
    """What each family holds of each stratum; memory grows with the families, not with the pages."""
    held: dict[str, Counter[str]] = defaultdict(Counter)
    for page in pages:
        place = f"{page['language']} x {page['source']}"
        held[page["family"]].update(
            [_ALL, place, *(f"{place} x {f}" for f in _QUOTA_FEATURES if f in page["features"])]
        )
    return held


def strata(held: Held, sides: Mapping[str, str], config: SplitConfig) -> dict[str, Stratum]:
    """The strata by name ("en x github", "en x github x table"; "all" are all pages), with what `sides` hold out."""
    found: dict[str, Stratum] = defaultdict(Stratum)
    for family, holds in held.items():
        for name, n in holds.items():
            found[name].pages += n
            found[name].families += 1
            if sides.get(family) == "test":
                found[name].add(n)
    if found:
        count = found[_ALL].pages
        share = max(config.test_share, min(config.test_pages, _MOST * count) / count) if config.test_share else 0.0
        for stratum in found.values():
            stratum.quota = max(1.0, share * stratum.pages) if share and stratum.families > 1 else 0.0
    return dict(found)


def deal(
    held: Held, ledger: Mapping[str, str], config: SplitConfig, twins: Iterable[tuple[str, str]] = ()
) -> dict[str, str]:
    """Family -> "train" or "test" for the families that the ledger does not hold, in the order dealt.

    A family goes to test while a quota that it serves is open, unless a stratum would then be more than
    `config.tolerance` average families over its quota, or have nothing left to train on. `twins` are pairs of families
    with a near-duplicate document: new ones are dealt together, and go to the side of the old ones they are a
    twin of; where those stand on both sides, to train.
    """
    known = strata(held, ledger, config)
    if not known:
        return {}
    dealt: dict[str, str] = {}
    groups, beside = _groups(held, ledger, twins)
    ranks = {f: (family_rank(f, config.seed), f) for group in groups for f in group}
    for group in sorted((sorted(g, key=ranks.__getitem__) for g in groups), key=lambda g: ranks[g[0]]):
        near = {ledger[old] for f in group for old in beside[f]}
        if near:
            side = "test" if near == {"test"} else "train"
        else:
            side = "test" if _is_wanted([held[f] for f in group], known, config) else "train"
        for family in group:
            dealt[family] = side
            if side == "test":
                for name, n in held[family].items():
                    known[name].add(n)
    alone = [group[0] for group in groups if len(group) == 1 and not beside[group[0]]]
    if known[_ALL].quota and "test" not in {**ledger, **dealt}.values() and alone:  # all were too large

        def cost(family: str) -> tuple[bool, int, tuple[float, str]]:
            """Whether a language, source or feature would have nothing to train on; then the pages."""
            return any(known[name].families == 1 for name in held[family]), held[family][_ALL], ranks[family]

        dealt[min(alone, key=cost)] = "test"
    return dealt


def _is_wanted(group: list[Mapping[str, int]], known: Mapping[str, Stratum], config: SplitConfig) -> bool:
    holds: Counter[str] = Counter()
    families: Counter[str] = Counter()
    for member in group:
        holds.update(member)
        families.update(member.keys())
    serves = any(known[name].test_pages < known[name].quota for name in holds if name != _ALL)
    return (
        serves
        and known[_ALL].test_pages < known[_ALL].quota
        and all(
            s.test_pages + n <= s.quota + config.tolerance * s.family and s.test_families + families[name] < s.families
            for name, n in holds.items()
            if (s := known[name])
        )
    )


def _groups(
    held: Held, ledger: Mapping[str, str], twins: Iterable[tuple[str, str]]
) -> tuple[list[list[str]], Mapping[str, set[str]]]:
    """The new families, those that are twins together, and for each the old families that it is a twin of."""
    group = {f: [f] for f in held if f not in ledger}
    beside: dict[str, set[str]] = defaultdict(set)
    for one, other in twins:
        if one in group and other in group:
            if group[one] is not group[other]:
                group[one] += group[other]
                group |= dict.fromkeys(group[other], group[one])
        elif one in group:
            beside[one].add(other)
        elif other in group:
            beside[other].add(one)
    return list({id(g): g for g in group.values()}.values()), beside


def over_cap(pages: Iterable[Mapping[str, Any]], limit: int, seed: int) -> set[tuple[str, int]]:
    """(doc_id, page_num) of the pages over the limit of their family, chosen by hash."""
    families: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for page in pages:
        families[page["family"]].append((page["doc_id"], page["page_num"]))
    over: set[tuple[str, int]] = set()
    for members in families.values():
        if len(members) > limit:
            members.sort(key=lambda m: digest("cap", str(seed), m[0], str(m[1])))
            over.update(members[limit:])
    return over
