"""The split: families are dealt whole, once, near their quotas, and never move."""

from __future__ import annotations

import itertools
import statistics
from collections import Counter
from pathlib import Path

import pytest
from dataset_pages import drawn, rows
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.config import SplitConfig
from tasks.dataset.deal import deal, over_cap, strata, tally
from tasks.dataset.split import LEDGER_FILE, keep_ledger, read_ledger, split_stage
from tasks.records import StageError, family_rank
from tasks.store import Folder

RULES = SplitConfig(test_share=0.1, test_pages=0)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.integers(0, 10**6), st.integers(1, 60), st.integers(1, 60), st.sampled_from([0.05, 0.1, 0.3]))
def test_an_old_family_never_moves(seed: int, first: int, second: int, share: float) -> None:
    config = SplitConfig(test_share=share, test_pages=0, seed=seed % 3)
    pages = rows(first, seed)
    ledger = deal(tally(pages), {}, config)
    assert set(ledger) == {p["family"] for p in pages}
    assert deal(tally(pages), ledger, config) == {}
    more = pages + rows(second, seed + 1)
    added = deal(tally(more), ledger, config)
    assert set(added) == {p["family"] for p in more} - set(ledger)
    assert set(added.values()) | set(ledger.values()) <= {"train", "test"}
    assert deal(tally(reversed(pages)), {}, config) == ledger


@pytest.mark.parametrize("families", [20, 60, 400])
def test_no_stratum_is_more_than_a_family_over_its_quota(families: int) -> None:
    off: list[float] = []
    for seed in range(10):
        held = tally(rows(families, seed))
        known = strata(held, deal(held, {}, RULES), RULES)
        off += [s.off for s in known.values() if s.families > 1]
        assert all(s.test_families < s.families for s in known.values())
        assert abs(known["all"].off) <= 1
    assert max(off) <= RULES.tolerance
    assert statistics.median(map(abs, off)) < 0.8


def test_quotas_are_of_language_source_and_features() -> None:
    held = tally(rows(400, 1))
    known = strata(held, deal(held, {}, RULES), RULES)
    places = [f"{language} x {source}" for language in ("en", "ja") for source in ("github", "wikipedia")]
    assert set(known) == {"all", *places, *(f"{p} x {f}" for p in places for f in ("table", "code", "math"))}
    for name in places:
        assert 0.09 < known[name].test_pages / known[name].pages < 0.12
    assert known["all"].quota == pytest.approx(0.1 * len(rows(400, 1)))


def test_the_only_family_of_a_stratum_is_there_to_train_on() -> None:
    lonely = [{**p, "language": "fr"} for p in rows(1, 5)]
    for seed in range(20):
        pages = [*rows(30, seed + 10), *lonely]
        assert (
            deal(tally(pages), {}, SplitConfig(test_share=0.5, test_pages=0, seed=seed))[lonely[0]["family"]] == "train"
        )


def test_twins_are_dealt_together_and_join_an_old_one() -> None:
    pages = rows(60, 12)
    names = sorted({p["family"] for p in pages})
    held, plain = tally(pages), deal(tally(pages), {}, RULES)
    twins = list(itertools.pairwise(names[:12]))
    together = deal(held, {}, RULES, twins)
    assert len({together[f] for f in names[:12]}) == 1
    test, train = (next(f for f in names if plain[f] == side) for side in ("test", "train"))
    old = {test: "test", train: "train"}
    beside = [f for f in names if f not in old]
    joined = deal(held, old, RULES, [(beside[0], test), (train, beside[1])])
    assert (joined[beside[0]], joined[beside[1]]) == ("test", "train")
    assert deal(held, old, RULES, [(beside[0], test), (beside[0], train)])[beside[0]] == "train"


def test_quotas_are_met_as_the_dataset_grows() -> None:
    ledger: dict[str, str] = {}
    pages = []
    for step in range(6):
        pages += rows(60, step)
        ledger |= deal(tally(pages), ledger, RULES)
        held = sum(ledger[p["family"]] == "test" for p in pages)
        assert 0.06 < held / len(pages) < 0.16


def test_one_huge_family_does_not_fill_the_test_split() -> None:
    huge = [{**p, "family": "huge"} for p in rows(40, 1)]
    pages = [*huge, *rows(40, 2, largest=5)]
    assert deal(tally(pages), {}, RULES)["huge"] == "train"


def test_two_families_are_enough_for_a_test_split() -> None:
    pages = rows(2, 3)
    assert sorted(deal(tally(pages), {}, RULES).values()) == ["test", "train"]
    assert set(deal(tally(rows(1, 3)), {}, RULES).values()) == {"train"}
    assert set(deal(tally(pages), {}, SplitConfig(test_share=0)).values()) == {"train"}
    assert deal(tally([]), {}, RULES) == {}


def test_a_feature_may_be_held_by_a_language_whose_name_has_an_x() -> None:
    pages = [{**p, "language": "xh", "features": ["table"]} for p in rows(60, 4)]
    dealt = deal(tally(pages), {}, RULES)
    assert 0.05 < sum(dealt[p["family"]] == "test" for p in pages) / len(pages) < 0.16


def held_out(pages: list[dict[str, object]], config: SplitConfig) -> int:
    dealt = deal(tally(pages), {}, config)
    return sum(dealt[str(p["family"])] == "test" for p in pages)


def test_at_least_so_many_pages_are_held_out_but_never_most() -> None:
    assert 280 < held_out(rows(200, 5), SplitConfig(test_share=0.01, test_pages=300)) < 400
    few = rows(30, 6, largest=3)
    assert held_out(few, SplitConfig(test_share=0.1, test_pages=200)) <= 0.4 * len(few)


def test_a_family_is_capped_by_hash() -> None:
    pages = rows(30, 7)
    over = over_cap(pages, 8, 0)
    left = Counter(p["family"] for p in pages if (p["doc_id"], p["page_num"]) not in over)
    assert left == {f: min(8, n) for f, n in Counter(p["family"] for p in pages).items()}
    assert over_cap(list(reversed(pages)), 8, 0) == over
    assert over_cap(pages, 8, 1) != over
    assert over_cap(pages, 1000, 0) == set()


def test_a_rank_is_a_place() -> None:
    ranks = [family_rank(f"f{i}") for i in range(2000)]
    assert all(0 <= r < 1 for r in ranks)
    assert 0.45 < sum(ranks) / len(ranks) < 0.55


def test_the_ledger_only_grows(home: Path) -> None:
    first = split_stage(RULES, drawn(rows(30, 8), "a"), "")
    before = read_ledger(Folder(first.uri))
    kept = keep_ledger(before)
    second = split_stage(RULES, drawn(rows(20, 9), "b"), kept)  # every page of the first is gone
    after = read_ledger(Folder(second.uri))
    assert after[: len(before)] == before
    assert len(after) == 50
    assert {r["revision"] for r in after[30:]}.isdisjoint(r["revision"] for r in before)
    assert read_ledger(home_ledger(home, kept)) == before
    assert keep_ledger([]) == ""
    assert second.counts["new families"] == 20


def home_ledger(home: Path, key: str) -> Folder:
    return Folder(str(home / "ledgers" / key))


def test_a_family_stands_on_one_side_and_every_page_somewhere(home: Path) -> None:
    pages = rows(40, 10)
    ref = split_stage(SplitConfig(test_share=0.2, test_pages=0, pages_per_family=10), drawn(pages, "a"), "")
    assignment = Folder(ref.uri).read_table("assignment.parquet").to_pylist()
    family = {p["doc_id"]: p["family"] for p in pages}
    sides: dict[str, set[str]] = {}
    for row in assignment:
        sides.setdefault(family[row["doc_id"]], set()).add(row["split"])
    assert all(len(s) == 1 for s in sides.values())
    rejects = Folder(ref.uri).read_rejects()
    assert {r["reason"] for r in rejects} == {"family_cap"}
    assert len(assignment) + len(rejects) == len(pages)
    assert ref.counts["train"] + ref.counts["test"] == len(assignment)


def test_a_lost_ledger_is_an_error_not_a_new_deal(home: Path) -> None:
    ref = drawn(rows(10, 11), "a")
    first = split_stage(RULES, ref, "")
    key = keep_ledger(read_ledger(Folder(first.uri)))
    (home / "ledgers" / key / LEDGER_FILE).unlink()
    with pytest.raises(StageError, match="ledger"):
        split_stage(RULES, ref, key)
