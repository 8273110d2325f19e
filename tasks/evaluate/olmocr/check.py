"""What a system read of olmOCR-bench's pages, checked by olmOCR's own checker in a process of its own."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
from pydantic import Field

from tasks.evaluate.olmocr.rows import BenchTest, all_tests, page_id, pages_of
from tasks.evaluate.olmocr.summary import Verdict, summary
from tasks.records import StageError, StageRef, UsageError, digest
from tasks.render_config import Config
from tasks.scoring import strip_thinking
from tasks.stage import Counts, Stage
from tasks.store import Folder, finished, home

CHROMIUMS = ("chromium", "chromium-browser", "google-chrome")
_CANDIDATE = "candidate"
# as HTML has it (1000 columns at most): the checker copies a cell as often as it says
_MOST_SPAN = 1000
_SPAN = re.compile(r"""((?:row|col)span\s*=\s*["']?\s*)\d{4,}""", re.IGNORECASE)
_PRINTED = re.compile(r"Average Score: ([\d.]+)% \(95% CI")
_ERROR = re.compile(r"[\w.]*Error\b")
_LONGEST_EXPLANATION = 300  # characters
_SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("id", "category", "pdf")),
        ("page", pa.int32()),
        ("kind", pa.string()),
        ("passed", pa.bool_()),
        ("by_nothing", pa.bool_()),
        ("explanation", pa.string()),
    ]
)


class OlmocrCheckConfig(Config):
    """How answers are checked."""

    resamples: int = Field(10_000, ge=100, description="Bootstrap resamples, over PDFs")
    seconds: int = Field(4 * 3600, ge=1, description="The checker is stopped after so long")
    seed: int = 0


def chromium() -> str:
    """Path of the Chromium that formulas are drawn with; "" where none is installed."""
    return next((path for name in CHROMIUMS if (path := shutil.which(name))), "")


def ready(pages: StageRef) -> None:
    """Raise UsageError where something that the check of these pages will need is not installed."""
    _needed(_tests_of(Folder(pages.uri)))


def _needed(tests: Sequence[BenchTest]) -> str:
    """The Chromium to use, "" where no test needs one. Raises UsageError as `ready` does."""
    if not _version():
        raise UsageError("olmOCR's checker is not installed; it is part of recto's extra 'baselines'")
    if all(test.kind != "math" for test in tests):
        return ""
    if not (path := chromium()):
        names = ", ".join(CHROMIUMS)
        raise UsageError(f"no Chromium for the benchmark's formulas: none of {names} on PATH; apt-get install chromium")
    return path


def _check(folder: Folder, config: OlmocrCheckConfig, pages: StageRef, read: StageRef) -> Counts:
    """Write verdicts.parquet, olmocr.json and checker.log.

    `pages` is what the olmocr-pages stage wrote, `read` what one system answered to it; a page without an answer
    counts as an empty one. Raises UsageError as `ready` does, StageError where the checker fails.
    """
    source = Folder(pages.uri)
    tests = _tests_of(source)
    browser = _needed(tests)
    rows = Folder(read.uri).read_table("answers.parquet", columns=["page_id", "text"]).to_pylist()
    answers = {row["page_id"]: strip_thinking(row["text"] or "") for row in rows}
    with TemporaryDirectory(prefix="recto-olmocr-") as work:
        bench = Path(work) / "bench"
        lay_out(bench, tests, answers)
        log = _run_checker(Path(work), config.seconds, browser)
        found = [json.loads(line) for line in (Path(work) / "verdicts.jsonl").read_text().split("\n") if line]
    verdicts = _verdicts(tests, found)
    result = summary(verdicts, config.resamples, config.seed)
    _compare(log, result["official"]["rate"])
    folder.write("checker.log", log.encode())
    table = pa.Table.from_pylist([asdict(verdict) for verdict in verdicts], _SCHEMA)
    folder.write_table("verdicts.parquet", table, compression="zstd")
    about = (finished(Folder(read.uri)) or {}).get("config", {})
    asked = [page_id(pdf, page) for pdf, numbers in pages_of(tests).items() for page in numbers]
    counts = {
        "tests": len(verdicts),
        "passed": sum(verdict.passed for verdict in verdicts),
        "pages": len(asked),
        "empty pages": sum(not answers.get(name, "").strip() for name in asked),
        "rejected tests": pages.counts.get("rejected tests", 0),
    }
    more = {"system": about.get("system", ""), "seed": about.get("seed"), "checker": _versions()}
    folder.write_json("olmocr.json", {**more, **counts, **result})
    return {**counts, **{name: round(result[name]["rate"] or 0.0, 4) for name in ("official", "hard")}}


def lay_out(bench: Path, tests: Sequence[BenchTest], answers: Mapping[str, str]) -> None:
    """Write the folder that the checker reads: the tests, an answer for every page it asks for, and PDFs.

    The checker only counts the pages of the PDFs, so they are blank ones, as long as they need to be.
    """
    import pymupdf

    by_category: dict[str, list[str]] = {}
    for test in tests:
        by_category.setdefault(test.category, []).append(json.dumps(dict(test.row)) + "\n")
    (bench / "pdfs").mkdir(parents=True)
    for category, lines in by_category.items():
        (bench / f"{category}.jsonl").write_text("".join(lines))
    for pdf, numbers in pages_of(tests).items():
        file = bench / "pdfs" / pdf
        file.parent.mkdir(parents=True, exist_ok=True)
        with pymupdf.open() as blank:
            for _ in range(max(numbers)):
                blank.new_page()
            blank.save(file)
        for number in numbers:
            answer = bench / _CANDIDATE / f"{pdf.removesuffix('.pdf')}_pg{number}_repeat1.md"
            answer.parent.mkdir(parents=True, exist_ok=True)
            text = _SPAN.sub(rf"\g<1>{_MOST_SPAN}", answers.get(page_id(pdf, number), ""))
            answer.write_bytes(text.encode(errors="replace"))


def _run_checker(work: Path, seconds: int, browser: str) -> str:
    """Run the checker on <work>/bench; what it printed. Raises StageError where it fails or takes too long."""
    command = [sys.executable, "-m", "tasks.evaluate.olmocr.driver", "bench", _CANDIDATE, "verdicts.jsonl", browser]
    environment = {
        **{name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ},
        "PYTHONPATH": str(Path(__file__).parents[3]),
        "HOME": str(_cache_home(work)),
        "PYTHONUTF8": "1",
        "PYTHONHASHSEED": "0",
    }
    with open(work / "log", "w+b") as log:
        # a group of its own, so that its Chromium goes with it
        process = subprocess.Popen(
            command, cwd=work, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
        try:
            code = process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise StageError(f"olmOCR's checker took over {seconds} s; allow it more, or check fewer pages") from None
        finally:
            if process.returncode is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        log.seek(0)
        printed = log.read().decode(errors="replace")
    if code != 0 or not (work / "verdicts.jsonl").exists():
        lines = [line.strip() for line in printed.splitlines() if line.strip()] or ["nothing"]
        said = next((line for line in reversed(lines) if _ERROR.match(line)), lines[-1])
        raise StageError(f"olmOCR's checker failed (exit {code}); it said: {said[:300]}")
    return printed


def _cache_home(work: Path) -> Path:
    """HOME of the checker, which keeps drawn formulas there, named by the formula alone: one of each version."""
    root = work if "://" in home() else Path(home())
    folder = root / "olmocr-home" / digest(*_versions().values())
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _verdicts(tests: Sequence[BenchTest], found: Sequence[Mapping[str, Any]]) -> list[Verdict]:
    """The checker's verdicts in the order of the tests. Raises StageError where one is missing."""
    by_id = {row["id"]: row for row in found}
    expected = list(all_tests(tests))
    if len(found) != len(expected) or {test.row["id"] for test in expected} != set(by_id):
        raise StageError(f"olmOCR's checker gave {len(found)} verdicts on {len(expected)} tests; run it again")
    return [
        Verdict(
            id=test.row["id"],
            category=test.category,
            pdf=test.pdf,
            page=test.page,
            kind=test.kind,
            passed=by_id[test.row["id"]]["passed"],
            by_nothing=test.kind == "absent" or (test.kind == "baseline" and test.row.get("max_length") is not None),
            explanation=by_id[test.row["id"]]["explanation"][:_LONGEST_EXPLANATION],
        )
        for test in expected
    ]


def _compare(log: str, rate: float) -> None:
    """Raise StageError where the mean the checker printed is not `rate`. It prints none for a candidate that made one
    of its tests stop with an error; that test then counts as failed."""
    printed = _PRINTED.search(log)
    if printed and abs(float(printed[1]) - 100 * rate) > 0.051:
        raise StageError(f"olmOCR's checker printed {printed[1]} %, its verdicts add up to {100 * rate:.2f} %")


def _tests_of(folder: Folder) -> list[BenchTest]:
    files = folder.names("tests/*.jsonl")
    if not files:
        raise UsageError(f"{folder.uri}: no page set of olmOCR-bench: no tests in it")
    return [
        BenchTest(file.removeprefix("tests/").removesuffix(".jsonl"), json.loads(line))
        for file in files
        for line in folder.read(file).decode().split("\n")
        if line
    ]


def _version() -> str:
    try:
        return version("olmocr")
    except PackageNotFoundError:
        return ""


@cache
def _versions() -> Mapping[str, str]:
    """Versions of what decides a verdict."""
    said = ""
    if path := chromium():
        try:
            said = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=60).stdout.strip()
        except (OSError, subprocess.SubprocessError):
            pass
    return {"olmocr": _version(), "chromium": said}


def _environment(config: OlmocrCheckConfig) -> str:
    return digest(*_versions().values())


olmocr_check_stage = Stage("olmocr-check", 1, _check, _environment, ignore=("seconds",))

olmocr_check = olmocr_check_stage.task(retries=0, timeout_seconds=24 * 3600)
