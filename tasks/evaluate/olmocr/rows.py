"""The tests of a folder in olmOCR-bench's layout: <dir>/*.jsonl beside <dir>/pdfs/**.pdf.

Nothing of the folder is trusted: a row that the checker would stop at is a reject, and no name leads out of it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import quote, unquote

from tasks.records import Reason, Reject, UsageError
from tasks.scoring.fact_text import normalise_fact

STAGE = "olmocr-pages"
AUTOMATIC = "baseline"
"""Category of the tests that the checker adds: page 1 of a PDF without a baseline test is not empty or endless."""

_COMMON = {"pdf": str, "page": int, "id": str, "type": str, "max_diffs": int, "checked": str, "url": str}
_RELATIONS = ("up", "down", "left", "right", "top_heading", "left_heading")
_TEXT = {"text": str, "case_sensitive": bool, "first_n": int, "last_n": int}
_FIELDS: Mapping[str, Mapping[str, type]] = {
    "present": _TEXT,
    "absent": _TEXT,
    "order": {"before": str, "after": str},
    "table": {"cell": str, **dict.fromkeys(_RELATIONS, str), "ignore_markdown_tables": bool},
    "math": {"math": str, "ignore_dollar_delimited": bool},
    "baseline": {
        "max_length": int,
        "max_length_skips_image_alt_tags": bool,
        "max_repeats": int,
        "check_disallowed_characters": bool,
    },
}
_NEEDED = {
    "present": ("text",),
    "absent": ("text",),
    "order": ("before", "after"),
    "table": ("cell",),
    "math": ("math",),
}
_LONGEST_NAME = 180  # bytes of a page_id, which names files


@dataclass(frozen=True, slots=True)
class BenchTest:
    """A row that the checker takes: `row` as it stands, of `category`, the name of its file without .jsonl."""

    category: str
    row: Mapping[str, Any]

    @property
    def pdf(self) -> str:
        return str(self.row["pdf"])

    @property
    def page(self) -> int:
        """1-based, as in the file."""
        return int(self.row["page"])

    @property
    def kind(self) -> str:
        return str(self.row["type"])


def page_id(pdf: str, page: int) -> str:
    """("a/b.pdf", 2) -> "a%2Fb_pg2": a file name that tells PDF and page (1-based)."""
    return f"{quote(pdf.removesuffix('.pdf'), safe='')}_pg{page}"


def pdf_and_page(name: str) -> tuple[str, int]:
    """The PDF and page (1-based) of a `page_id`."""
    stem, _, page = name.rpartition("_pg")
    return f"{unquote(stem)}.pdf", int(page)


def bench_root(folder: str | Path) -> Path:
    """The folder that holds *.jsonl and pdfs/: `folder`, or bench_data in it, as the Hub's copy has it.

    Raises UsageError where there is neither.
    """
    top = Path(folder).expanduser()
    if not top.is_dir():
        raise UsageError(f"{folder}: no such folder; --bench-dir takes one that holds *.jsonl and pdfs/")
    for root in (top, top / "bench_data"):
        if (root / "pdfs").is_dir() and any(root.glob("*.jsonl")):
            return root.resolve()
    lacking = "*.jsonl files" if (top / "pdfs").is_dir() else "pdfs folder"
    raise UsageError(f"{folder}: not in olmOCR-bench's layout: no {lacking} in it")


def read_tests(root: Path) -> tuple[list[BenchTest], list[Reject]]:
    """The tests of all files, in the order of the files' names and lines, and the lines that are none.

    Raises UsageError where a file leads out of the folder, or no test is left.
    """
    tests: list[BenchTest] = []
    rejects: list[Reject] = []
    ids: set[str] = set()
    for file in sorted(path for path in root.glob("*.jsonl") if path.is_file()):
        if file.resolve().parent != root:
            raise UsageError(f"{file}: leads out of the benchmark's folder")
        category = file.name if file.stem == AUTOMATIC else file.stem
        for number, line in enumerate(file.read_bytes().split(b"\n"), start=1):
            if not line.strip():
                continue
            row, fault = _parse(line)
            fault = fault or _fault(row) or _path_fault(root, row["pdf"])
            if not fault and row["id"] in ids:
                fault = "another test has its id"
            if fault:
                detail = f"{file.name} line {number}: {fault}"
                rejects.append(Reject(STAGE, Reason.UNREADABLE, str(row.get("pdf", ""))[:300], detail=detail[:300]))
                continue
            ids.add(row["id"])
            tests.append(BenchTest(category, row))
    if not tests:
        first = f"; the first: {rejects[0].detail}" if rejects else ""
        raise UsageError(f"{root}: none of its {len(rejects)} tests can be used{first}")
    return tests, rejects


def pages_of(tests: Sequence[BenchTest]) -> dict[str, list[int]]:
    """The pages (1-based) of each PDF that the checker asks for: those named, and page 1 for its own baseline test."""
    pages: dict[str, set[int]] = {}
    for test in tests:
        pages.setdefault(test.pdf, set()).add(test.page)
    for pdf in set(pages) - {test.pdf for test in tests if test.kind == "baseline"}:
        pages[pdf].add(1)
    return {pdf: sorted(numbers) for pdf, numbers in sorted(pages.items())}


def all_tests(tests: Sequence[BenchTest]) -> Iterator[BenchTest]:
    """The tests given, then those that the checker adds by itself."""
    yield from tests
    with_own = {test.pdf for test in tests if test.kind == "baseline"}
    for pdf in sorted({test.pdf for test in tests} - with_own):
        yield BenchTest(AUTOMATIC, {"pdf": pdf, "page": 1, "id": f"{pdf}_baseline", "type": "baseline"})


def _parse(line: bytes) -> tuple[dict[str, Any], str]:
    try:
        text = line.decode("utf-8-sig")
        row = json.loads(text)
        json.dumps(row, ensure_ascii=False).encode()  # half of a surrogate pair is no text
    except (ValueError, RecursionError) as e:
        return {}, f"not JSON in UTF-8: {e}"
    return (row, "") if isinstance(row, dict) else ({}, "not a JSON object")


def _fault(row: Mapping[str, Any]) -> str:
    """Why the checker would stop at the row; "" when it takes it."""
    kind = row.get("type")
    if not isinstance(kind, str) or kind not in _FIELDS:
        return f"no such type of test: {kind!r}"
    known = {**_COMMON, **_FIELDS[kind]}
    if missing := [name for name in ("pdf", "page", "id", *_NEEDED.get(kind, ())) if row.get(name) in (None, "")]:
        return f"no {missing[0]}"
    for name, value in row.items():
        if name not in known:
            return f"{kind} tests have no {name!r}"
        if type(value) is not known[name] and (value is not None or known[name] is bool):
            return f"{name} is no {known[name].__name__}"
    # what is blank once bold and italic marks are gone is blank to the checker too
    texts = {name: normalise_fact(row[name]) for name in _NEEDED.get(kind, ()) if name != "cell"}
    if blank := [name for name, text in texts.items() if not text.strip()]:
        return f"{blank[0]} is blank"
    diffs = row.get("max_diffs", 0)
    if diffs is None or diffs < 0 or row["page"] < 1:
        return "page starts at 1, max_diffs at 0"
    if kind == "order" and diffs > min(map(len, texts.values())) // 2:
        return "max_diffs is over half of the text"
    return "its id is one that the checker gives" if row["id"].endswith(".pdf_baseline") else ""


def _path_fault(root: Path, pdf: str) -> str:
    """Why `pdf` names no file under <root>/pdfs that the checker finds; "" when it does."""
    parts = PurePosixPath(pdf).parts
    if PurePosixPath(pdf).is_absolute() or str(PurePosixPath(pdf)) != pdf or not pdf.isprintable():
        return f"pdf is no plain relative path: {pdf!r}"
    if any(part.startswith(".") for part in parts) or not pdf.endswith(".pdf"):
        return f"pdf is hidden, leads upwards, or does not end in .pdf: {pdf!r}"
    if len(page_id(pdf, 10**6).encode()) > _LONGEST_NAME:
        return "the name of the pdf is too long"
    file = root / "pdfs" / pdf
    if not file.resolve().is_relative_to((root / "pdfs").resolve()):
        return f"pdf leads out of the benchmark's folder: {pdf!r}"
    return "" if file.is_file() else f"no such pdf: {pdf!r}"
