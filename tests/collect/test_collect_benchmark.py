"""Documents that share passages with a benchmark."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pymupdf
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.collect.benchmark import RUNS, WORDS, Benchmark, open_benchmark
from tasks.collect.intake import Intake
from tasks.collect.source import Original
from tasks.collect.stage import collect_stage
from tasks.config import CollectConfig
from tasks.records import Reason, UsageError

LEAST = WORDS + RUNS - 1
VOCABULARY = [f"{a}{b}{c}" for a in "bdgklmnprst" for b in "aeiou" for c in ("", "n", "s", "ring")]


def passage(seed: int, length: int = 60) -> list[str]:
    return random.Random(seed).choices(VOCABULARY, k=length)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "deep").mkdir()
    (tmp_path / "a.md").write_text(f"# Title\n\n{' '.join(passage(1))}\n")
    (tmp_path / "deep" / "b.txt").write_text(" ".join(passage(2)))
    rows = [{"pdf": "x.pdf", "type": "present", "text": " ".join(passage(3))}, {"cells": [[" ".join(passage(4))]]}]
    (tmp_path / "tests.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n\n")
    with pymupdf.open() as pdf:
        pdf.new_page(width=420, height=600).insert_textbox((20, 20, 400, 580), " ".join(passage(5)), fontsize=9)
        pdf.save(tmp_path / "page.PDF")
    (tmp_path / "picture.png").write_bytes(b"\x89PNG")
    return tmp_path


@pytest.mark.parametrize(
    ("seed", "name"), [(1, "a.md"), (2, "deep/b.txt"), (3, "tests.jsonl"), (4, "tests.jsonl"), (5, "page.PDF")]
)
def test_a_shared_passage_is_found_in_every_kind_of_file(folder: Path, seed: int, name: str) -> None:
    text = "# Other\n\n" + " ".join([*passage(99), "**" + passage(seed)[0] + "**", *passage(seed)[1:], *passage(98)])
    shared = open_benchmark(str(folder)).shared(text)
    assert shared.endswith(f"“{' '.join(passage(seed)[:WORDS])}” in {name}")
    assert shared.startswith(f"{60 - WORDS + 1} runs of {WORDS} words")


@pytest.fixture(scope="module")
def benchmark(tmp_path_factory: pytest.TempPathFactory) -> Benchmark:
    path = tmp_path_factory.mktemp("bench")
    (path / "a.txt").write_text(" ".join(passage(1)))
    return open_benchmark(str(path))


@settings(max_examples=60, deadline=None)
@given(start=st.integers(0, 60), length=st.integers(0, 60), seed=st.integers(0, 10**6))
def test_a_document_goes_from_so_many_words_on(benchmark: Benchmark, start: int, length: int, seed: int) -> None:
    """A verbatim stretch of the benchmark between words that it does not have."""
    taken = passage(1)[start : start + length]
    text = " ".join([*(f"x{w}" for w in passage(seed)), *taken, *(f"y{w}" for w in passage(seed + 1))])
    assert bool(benchmark.shared(text)) == (len(taken) >= LEAST)


def test_a_document_that_shares_too_much_is_a_reject_with_its_evidence(folder: Path) -> None:
    intake = Intake(CollectConfig(benchmark=str(folder)))
    for name, seed in {"known.md": 2, "new.md": 77}.items():
        raw = f"# {name}\n\n{' '.join(passage(seed))}\n\n- an item\n".encode()
        intake.take(Original(raw, name, doc_id=name, source="x", family="x"))
    assert [d.doc_id for d in intake.documents] == ["new.md"]
    (reject,) = intake.rejects
    assert reject.reason is Reason.BENCHMARK
    assert reject.detail.startswith("known.md: 48 runs of 13 words stand in the benchmark too, such as “")
    assert reject.detail.endswith("” in deep/b.txt")


def test_japanese_is_compared_by_characters(tmp_path: Path) -> None:
    sentence = "この文書は評価に使われる頁から写されたものなので、訓練には決して使ってはならない。"
    (tmp_path / "a.md").write_text(f"見出し\n\n{sentence}\n", encoding="utf-8")
    benchmark = open_benchmark(str(tmp_path))
    assert "in a.md" in benchmark.shared(f"# 別の文書\n\nはじめに。{sentence}おわりに。")
    assert benchmark.shared("# 別の文書\n\nこの文書は評価に使われることがない、まったく別のものである。") == ""


def test_what_the_folder_holds_decides_the_stage_not_what_it_is_called(folder: Path, tmp_path: Path) -> None:
    def digest() -> str:
        return collect_stage.digest(CollectConfig(benchmark=str(folder)))

    before = digest()
    (folder / "picture.png").write_bytes(b"another")
    assert digest() == before
    (folder / "a.md").write_text("changed")
    assert digest() != before


@pytest.mark.parametrize(
    ("files", "problem"),
    [
        (None, "no such folder"),
        ({"a.png": b"x"}, r"no \.jsonl, \.markdown"),
        ({"a.md": b"few words"}, "no text of 13 words among its 1 files"),
        ({"a.jsonl": b"{"}, r"a\.jsonl: cannot be read .*; mend it"),
        ({"a.pdf": b"%PDF-1.4 broken"}, r"a\.pdf: cannot be read"),
    ],
)
def test_a_folder_that_cannot_be_used_is_said(tmp_path: Path, files: dict[str, bytes] | None, problem: str) -> None:
    folder = tmp_path / "bench"
    for name, content in (files or {}).items():
        folder.mkdir(exist_ok=True)
        (folder / name).write_bytes(content)
    with pytest.raises(UsageError, match=rf"collect\.benchmark: .*{problem}"):
        open_benchmark(str(folder))
