"""Texts of a benchmark that no document may share passages with, found by runs of words that both hold.

Runs of 13 words as in GPT-3's decontamination (Brown et al., 2020, appendix C); a CJK character is a word. A document
is let go from 10 different runs on, which 22 words in a row give: fewer are a turn of phrase, or a file's usual words.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import pymupdf
from numpy.typing import NDArray

from tasks.markdown import visible_text
from tasks.records import UsageError, digest
from tasks.scoring.text import normalise, words

WORDS, RUNS = 13, 10
_KINDS = frozenset({".md", ".markdown", ".txt", ".jsonl", ".pdf"})
_FACTOR = np.uint64(0x9E3779B97F4A7C15)  # odd, so that a place in the run never loses bits


@dataclass(frozen=True, slots=True)
class Benchmark:
    """`runs` are sorted hashes of runs of words; `files` say in which of `names` each stands first."""

    runs: NDArray[np.uint64]
    files: NDArray[np.int64]
    names: tuple[str, ...]

    def shared(self, markdown: str) -> str:
        """What a document shares with the benchmark, where it is too much: how many runs, with which file, and one of
        them. Empty for any other."""
        found = words(normalise(visible_text(markdown)))
        runs = _runs(found)
        places = np.minimum(np.searchsorted(self.runs, runs), max(len(self.runs) - 1, 0))
        hits = np.flatnonzero(self.runs[places] == runs) if len(self.runs) else np.empty(0, np.int64)
        count = len(np.unique(runs[hits]))
        if count < RUNS:
            return ""
        ((file, _),) = Counter(self.files[places[hits]].tolist()).most_common(1)
        first = int(hits[self.files[places[hits]] == file][0])
        quoted = " ".join(found[first : first + WORDS])
        return f"{count} runs of {WORDS} words stand in the benchmark too, such as “{quoted}” in {self.names[file]}"


def open_benchmark(folder: str) -> Benchmark:
    """The texts below a folder: Markdown, plain text, the strings of JSON lines, the text layers of PDFs.

    Raises UsageError where there is no such folder, or nothing to read in it.
    """
    return _read(folder, benchmark_digest(folder))


@lru_cache(2)
def _read(folder: str, _: str) -> Benchmark:
    names: list[str] = []
    found = []
    for path in benchmark_files(folder):
        runs = np.unique(np.concatenate([_runs(words(normalise(text))) for text in _texts(path)] or [_runs([])]))
        found.append((runs, np.full(len(runs), len(names))))
        names.append(path.relative_to(folder).as_posix())
    runs, first = np.unique(np.concatenate([runs for runs, _ in found]), return_index=True)
    if not len(runs):
        raise UsageError(f"collect.benchmark: {folder}: no text of {WORDS} words among its {len(names)} files")
    return Benchmark(runs, np.concatenate([files for _, files in found])[first], tuple(names))


def benchmark_digest(folder: str) -> str:
    """What is in the folder: names and contents. Raises UsageError as `open_benchmark`."""
    return digest(
        *(part for path in benchmark_files(folder) for part in (path.name, hashlib.sha256(path.read_bytes()).digest()))
    )


def benchmark_files(folder: str) -> list[Path]:
    """What is read of it, sorted. Raises UsageError where there is nothing."""
    root = Path(folder)
    if not root.is_dir():
        raise UsageError(f"collect.benchmark: {folder}: no such folder; name one that holds the benchmark's texts")
    files = sorted(path for path in root.rglob("*") if path.suffix.lower() in _KINDS and path.is_file())
    if not files:
        raise UsageError(f"collect.benchmark: {folder}: no {', '.join(sorted(_KINDS))} in it")
    return files


def _texts(path: Path) -> Iterator[str]:
    """Raises UsageError for a file that is damaged."""
    try:
        match path.suffix.lower():
            case ".pdf":
                with pymupdf.open(path) as pdf:
                    yield from (page.get_text() for page in pdf)
            case ".jsonl":
                for line in path.read_text(encoding="utf-8").splitlines():
                    yield from _strings(json.loads(line)) if line.strip() else ()
            case ".txt":
                yield path.read_text(encoding="utf-8")
            case _:
                yield visible_text(path.read_text(encoding="utf-8"))
    except (ValueError, RuntimeError) as e:
        raise UsageError(f"collect.benchmark: {path}: cannot be read ({e}); mend it, or take it out") from None


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _strings(part)


@lru_cache(200_000)
def _hash(word: str) -> int:
    return int.from_bytes(hashlib.blake2b(word.encode(), digest_size=8).digest())


def _runs(found: list[str]) -> NDArray[np.uint64]:
    """A hash for each run of words, in their order: a polynomial in the words' hashes, modulo 2**64."""
    hashes = np.array([_hash(word) for word in found], np.uint64)
    count = max(len(found) - WORDS + 1, 0)
    runs = np.zeros(count, np.uint64)
    for place in range(WORDS):
        runs = runs * _FACTOR + hashes[place : place + count]
    return runs
