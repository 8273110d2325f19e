"""Answers checked by olmOCR's own checker, and what its verdicts add up to."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from olmocr_folder import BROKEN, FORMULAS, PERFECT, TESTS, with_ids, write_bench, write_read

from tasks.evaluate.olmocr import check as olmocr_check
from tasks.evaluate.olmocr.bench import OlmocrPagesConfig, olmocr_pages_stage
from tasks.evaluate.olmocr.check import OlmocrCheckConfig, chromium, olmocr_check_stage, ready
from tasks.evaluate.olmocr.summary import Verdict, mean_of_categories, summary
from tasks.records import StageError, StageRef, UsageError
from tasks.scoring.facts import check, from_olmocr
from tasks.store import Folder, stage_at

pytest.importorskip("olmocr", reason="olmOCR's checker is not installed")
SIMPLE = {name: TESTS[name] for name in ("columns", "headers", "tables", "blanks")}
needs_chromium = pytest.mark.skipif(not chromium(), reason="no Chromium to draw formulas with")


def checked(pages: StageRef, read: StageRef, **options: Any) -> Folder:
    return Folder(olmocr_check_stage(OlmocrCheckConfig(resamples=200, **options), pages, read).uri)


def rates(result: Folder, by: str = "category") -> dict[str, float]:
    rows = result.read_json("olmocr.json")["rows" if by == "category" else "kinds"]
    return {row[by]: row["rate"] for row in rows}


def passed(result: Folder) -> dict[str, bool]:
    return {row["id"]: row["passed"] for row in result.read_table("verdicts.parquet").to_pylist()}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("olmocr")


@pytest.fixture(autouse=True)
def _store(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECTO_HOME", str(store / "home"))


@pytest.fixture
def pages(store: Path) -> StageRef:
    """Pages without a formula, so that no Chromium is needed."""
    if not (store / "simple").exists():
        write_bench(store / "simple", SIMPLE)
    return olmocr_pages_stage(OlmocrPagesConfig(bench_dir=str(store / "simple")))


@pytest.fixture
def all_pages(store: Path) -> StageRef:
    if not (store / "all").exists():
        write_bench(store / "all", {**SIMPLE, **FORMULAS})
    return olmocr_pages_stage(OlmocrPagesConfig(bench_dir=str(store / "all")))


@needs_chromium
def test_a_perfect_answer_passes_every_test_formulas_too(all_pages: StageRef, tmp_path: Path) -> None:
    result = checked(all_pages, write_read("perfect", PERFECT, tmp_path))
    assert all(passed(result).values())
    summed = result.read_json("olmocr.json")
    assert summed["official"]["rate"] == summed["hard"]["rate"] == 1.0
    assert (summed["system"], summed["seed"], summed["empty pages"]) == ("perfect", 7, 1)
    # one the checker adds for each of the four PDFs that has no such test
    assert (summed["tests"], rates(result)["baseline"]) == (15, 1.0)


@needs_chromium
def test_a_broken_answer_fails_the_right_tests(all_pages: StageRef, tmp_path: Path) -> None:
    result = checked(all_pages, write_read("broken", BROKEN, tmp_path))
    failed = {name for name, ok in passed(result).items() if not ok}
    assert failed == {
        "columns_1",  # the mail bags stand on another line than the two
        "columns_2",
        "columns_3",  # nothing was read of the page
        "headers_0",
        "headers_1",
        "tables_0",
        "blanks_0",
        "formulas_0",
        "two.pdf_baseline",
    }
    explained = {r["id"]: r["explanation"] for r in result.read_table("verdicts.parquet").to_pylist()}
    assert "expected to be blank" in explained["blanks_0"]


@needs_chromium
@pytest.mark.parametrize("answers", [PERFECT, BROKEN, {}], ids=["perfect", "broken", "empty"])
def test_our_facts_agree_with_the_checker(answers: Mapping[str, str], all_pages: StageRef, tmp_path: Path) -> None:
    verdicts = passed(checked(all_pages, write_read("some", answers or {"two.pdf 1": ""}, tmp_path)))
    rows = [row for rows in with_ids({**SIMPLE, **FORMULAS}).values() for row in rows if row["type"] != "baseline"]
    ours = {row["id"]: check(from_olmocr(row), answers.get(f"{row['pdf']} {row['page']}", "")) for row in rows}
    assert ours == {row["id"]: verdicts[row["id"]] for row in rows}


def test_what_the_official_script_prints_is_what_we_report(pages: StageRef, store: Path, tmp_path: Path) -> None:
    """The script as it is, on the PDFs as they are."""
    result = checked(pages, write_read("broken", BROKEN, tmp_path))
    shutil.copytree(store / "simple", tmp_path / "bench")
    (tmp_path / "bench/pdfs/formula.pdf").unlink()  # the script would ask for an answer to it too
    for key, text in BROKEN.items():
        pdf, page = key.rsplit(" ", 1)
        answer = tmp_path / "bench" / "broken" / f"{pdf.removesuffix('.pdf')}_pg{page}_repeat1.md"
        answer.parent.mkdir(parents=True, exist_ok=True)
        answer.write_text(text)
    command = [sys.executable, "-m", "olmocr.bench.benchmark", "--dir", str(tmp_path / "bench")]
    script = subprocess.run(
        command, env={**os.environ, "HOME": str(tmp_path)}, capture_output=True, text=True, check=True
    )
    for printed in (script.stdout, result.read("checker.log").decode()):
        found = re.findall(r"^ +(\S+?)(?:\.jsonl)? +: ([\d.]+)% \((\d+)/(\d+) tests\)$", printed, re.MULTILINE)
        rows = result.read_json("olmocr.json")["rows"]
        assert sorted(found) == [
            (r["category"], f"{100 * r['rate']:.1f}", str(r["passed"]), str(r["tests"])) for r in rows
        ]
        headline = re.search(r"Average Score: ([\d.]+)% ± ", printed)
        assert headline
        assert headline[1] == f"{100 * result.read_json('olmocr.json')['official']['rate']:.1f}"


def test_an_empty_answer_passes_what_the_table_says_it_does(pages: StageRef, tmp_path: Path) -> None:
    result = checked(pages, write_read("silent", {"two.pdf 1": ""}, tmp_path))
    summed = result.read_json("olmocr.json")
    for row in (*summed["rows"], *summed["kinds"], summed["official"], summed["hard"]):
        assert row["rate"] == row["empty answer"]
    easy = {row["category"] for row in summed["rows"] if row["easy"]}
    assert easy == {"baseline", "blanks", "headers"}
    assert summed["hard"]["rate"] == 0.0 < summed["official"]["rate"]
    assert summed["empty pages"] == summed["pages"] == 5


def test_a_page_that_was_not_answered_counts_as_empty(pages: StageRef, tmp_path: Path) -> None:
    some = {key: text for key, text in PERFECT.items() if key != "table.pdf 1"}
    missing = checked(pages, write_read("missing", some, tmp_path))
    assert passed(missing) == passed(checked(pages, write_read("mute", {**some, "table.pdf 1": ""}, tmp_path)))
    assert rates(missing)["tables"] == 0.0


def test_a_hostile_answer_costs_its_own_tests_only(pages: StageRef, tmp_path: Path) -> None:
    bomb = "<table><tr><td rowspan='999999999' colspan=\"88888888888\">95</td></tr></table>"
    odd = "<table><tr><td rowspan='many'>95</td></tr></table> \x00 $ \\( \\["
    for text in (bomb, odd):
        result = checked(pages, write_read("hostile", {**PERFECT, "table.pdf 1": text}, tmp_path))
        failed = {name for name, ok in passed(result).items() if not ok}
        # where a table ends, the checker lets any neighbour pass
        assert "tables_1" in failed <= {"tables_0", "tables_1"}


def test_no_chromium_is_one_clear_line_before_anything_runs(
    all_pages: StageRef, pages: StageRef, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    ready(pages)
    for use in (lambda: ready(all_pages), lambda: checked(all_pages, write_read("unseen", PERFECT, tmp_path))):
        with pytest.raises(UsageError, match="no Chromium for the benchmark's formulas") as error:
            use()
        assert "\n" not in str(error.value)


def test_no_checker_is_one_clear_line(pages: StageRef, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(olmocr_check, "version", missing)
    with pytest.raises(UsageError, match="checker is not installed"):
        ready(pages)


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("sleep 600", "took over 1 s"),
        ("echo some.ValueError: bad row; echo bye; exit 3", r"\(exit 3\); it said: some.ValueError: bad row"),
        ("echo one; echo two", r"\(exit 0\); it said: two"),
        ("exit 1", r"\(exit 1\); it said: nothing"),
    ],
)
def test_a_checker_that_hangs_or_fails_is_a_clear_error(
    script: str, said: str, pages: StageRef, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "python").write_text(f"#!/bin/sh\n{script}\n")
    (tmp_path / "python").chmod(0o755)
    monkeypatch.setattr(olmocr_check.sys, "executable", str(tmp_path / "python"))
    with pytest.raises(StageError, match=said):
        checked(pages, write_read("perfect", PERFECT, tmp_path), seconds=1)


def test_another_kind_of_page_set_is_refused(tmp_path: Path) -> None:
    read = write_read("perfect", PERFECT, tmp_path)
    with pytest.raises(UsageError, match="no page set of olmOCR-bench"):
        checked(stage_at(read.uri), read)


def verdict(category: str, pdf: str, ok: bool, kind: str = "present") -> Verdict:
    return Verdict("id", category, pdf, 1, kind, ok, kind == "absent", "")


def test_the_headline_is_the_mean_of_categories_and_leaves_easy_ones_apart() -> None:
    verdicts = [
        *(verdict("big", f"{i}.pdf", i < 3) for i in range(4)),
        *(verdict("big", f"{i}.pdf", True, "absent") for i in range(4)),  # half is not most
        *(verdict("small", f"s{i}.pdf", i == 0) for i in range(2)),
        *(verdict("blank", f"b{i}.pdf", True, "baseline") for i in range(2)),
    ]
    found = summary(verdicts, resamples=500, seed=0)
    assert found["official"]["rate"] == pytest.approx((7 / 8 + 1 / 2 + 1) / 3)
    assert found["hard"]["rate"] == pytest.approx((7 / 8 + 1 / 2) / 2)
    assert found["hard"]["empty answer"] == pytest.approx((1 / 2 + 0) / 2)
    assert [(row["category"], row["easy"], row["tests"], row["pdfs"]) for row in found["rows"]] == [
        ("big", False, 8, 4),
        ("blank", True, 2, 2),
        ("small", False, 2, 2),
    ]
    assert found["hard"]["low"] < found["hard"]["rate"] < found["hard"]["high"]


def test_pdfs_are_resampled_whole() -> None:
    # ten tests of each PDF go the same way: 4 independent observations, not 40
    verdicts = [verdict("one", f"{i}.pdf", i % 2 == 0) for i in range(4) for _ in range(10)]
    estimate = mean_of_categories(verdicts, 5_000, 0)
    assert (estimate.mean, estimate.low, estimate.high) == (0.5, 0.0, 1.0)
    assert (estimate.n, estimate.families) == (40, 4)


def test_one_pdf_of_each_kind_has_no_interval() -> None:
    estimate = mean_of_categories([verdict("a", "a.pdf", True), verdict("b", "b.pdf", False)], 500, 0)
    assert (estimate.mean, estimate.low, estimate.high) == (0.5, None, None)
    assert mean_of_categories([], 500, 0).mean is None


some_verdicts = st.lists(
    st.builds(verdict, st.sampled_from("abc"), st.sampled_from([f"{i}.pdf" for i in range(6)]), st.booleans()),
    min_size=1,
    max_size=30,
)


@settings(max_examples=50, deadline=None)
@given(some_verdicts, st.randoms(use_true_random=False))
def test_an_interval_lies_in_range_and_does_not_know_the_order(verdicts: list[Verdict], random: Any) -> None:
    estimate = mean_of_categories(verdicts, 200, 0)
    shuffled = random.sample(verdicts, len(verdicts))
    assert mean_of_categories(shuffled, 200, 0) == estimate
    if estimate.low is not None and estimate.high is not None:
        assert 0 <= estimate.low <= estimate.high <= 1
        if all(v.passed for v in verdicts):
            assert estimate.low == 1
