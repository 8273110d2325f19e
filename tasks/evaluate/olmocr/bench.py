"""The pages of a folder in olmOCR-bench's layout, as a page set that every system reads."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from itertools import zip_longest
from pathlib import Path

from pydantic import Field

from tasks.evaluate.olmocr.rows import STAGE, BenchTest, all_tests, bench_root, page_id, pages_of, read_tests
from tasks.evaluate.page_set import PageInput, SetPage, write_page_set
from tasks.evaluate.pdf_pages import DrawnPage, draw_pages
from tasks.records import Reason, Reject, UsageError, digest
from tasks.render_config import Config
from tasks.scoring.facts import Fact, from_olmocr
from tasks.stage import Counts, Stage
from tasks.store import Folder

DATASET = "allenai/olmOCR-bench"


class OlmocrPagesConfig(Config):
    """Which pages of which folder are read."""

    bench_dir: str = Field(description="Folder that holds *.jsonl and pdfs/, or the folder above it")
    dpi: int = Field(150, ge=36, le=600, description="Resolution of the page images; the dataset's pages have 150")
    limit: int = Field(0, ge=0, description="Read at most so many pages, PDFs whole, each category in turn; 0: all")
    language: str = Field("en", description="Language of the pages, for systems that ask")


def fetch_bench(target: str | Path) -> Path:
    """Download olmOCR-bench, its newest revision, from the Hub to below `target`; the folder with *.jsonl and pdfs/.

    Raises UsageError where the Hub cannot be reached.
    """
    import httpx
    from huggingface_hub import HfApi, snapshot_download

    wanted = ["bench_data/*.jsonl", "bench_data/pdfs/**"]
    try:
        revision = HfApi().dataset_info(DATASET, timeout=20).sha or "main"
        folder = Path(target) / "olmocr-bench" / revision
        snapshot_download(DATASET, repo_type="dataset", revision=revision, local_dir=folder, allow_patterns=wanted)
        return bench_root(folder)
    except (OSError, ValueError, httpx.HTTPError, UsageError) as e:
        first = (str(e).strip().splitlines() or [type(e).__name__])[0]
        raise UsageError(
            f"{DATASET} cannot be fetched from the Hub ({first}); check the network, or name a copy with --bench-dir"
        ) from e


def _olmocr_pages(folder: Folder, config: OlmocrPagesConfig) -> Counts:
    """Write pages.parquet, tests/<category>.jsonl with the tests of these pages, and rejects.jsonl.

    Raises UsageError where the folder is none of this layout or no page of it can be read.
    """
    root = bench_root(config.bench_dir)
    tests, rejects = read_tests(root)
    refused = len(rejects)
    tests = _within(tests, config.limit)
    facts = _facts(tests)
    categories = _categories(tests)
    kept: set[tuple[str, int]] = set()

    def pages() -> Iterator[tuple[SetPage, PageInput]]:
        wanted = pages_of(tests)
        work = ((root / "pdfs" / pdf, [page - 1 for page in numbers]) for pdf, numbers in wanted.items())
        for path, drawn in draw_pages(work, config.dpi):
            pdf = path.relative_to(root / "pdfs").as_posix()
            for page in drawn:
                if page.fault:
                    rejects.append(Reject(STAGE, Reason.UNREADABLE, pdf, page.number, page.fault))
                    continue
                key = (pdf, page.number + 1)
                kept.add(key)
                yield _set_page(key, categories[key], facts[key], config.language, page)

    write_page_set(folder, pages())
    left = [test for test in tests if (test.pdf, test.page) in kept]
    if not left:
        raise UsageError(f"{root}: none of its pages can be read; the first: {rejects[-1].detail}")
    by_category: dict[str, list[BenchTest]] = defaultdict(list)
    for test in left:
        by_category[test.category].append(test)
    for category, group in by_category.items():
        folder.write(f"tests/{category}.jsonl", "".join(json.dumps(dict(t.row)) + "\n" for t in group).encode())
    folder.write_rejects(rejects)
    return {
        "pages": len(kept),
        "pdfs": len({pdf for pdf, _ in kept}),
        "tests": len(left),
        "facts": sum(len(facts[key]) for key in kept),
        "rejected pages": len(rejects) - refused,
        "rejected tests": refused + len(tests) - len(left),
    }


def _within(tests: Sequence[BenchTest], limit: int) -> list[BenchTest]:
    """The tests of as many whole PDFs as have `limit` pages: one PDF of each category in turn, in a digest's order."""
    if not limit:
        return list(tests)
    pdfs: dict[str, dict[str, None]] = defaultdict(dict)
    for test in sorted(tests, key=lambda t: (t.category, digest("olmocr", t.pdf))):
        pdfs[test.category].setdefault(test.pdf)
    sizes = {pdf: len(numbers) for pdf, numbers in pages_of(tests).items()}
    chosen: set[str] = set()
    for pdf in (pdf for turn in zip_longest(*pdfs.values()) for pdf in turn if pdf is not None):
        if pdf not in chosen and sum(sizes[p] for p in chosen) + sizes[pdf] <= limit:
            chosen.add(pdf)
    if not chosen:
        raise UsageError(f"no PDF has as few as {limit} pages; raise the limit")
    return [test for test in tests if test.pdf in chosen]


def _facts(tests: Sequence[BenchTest]) -> Mapping[tuple[str, int], list[Fact]]:
    """The tests of each page that our own facts can express."""
    facts: dict[tuple[str, int], list[Fact]] = defaultdict(list)
    for test in tests:
        try:
            row = {name: value for name, value in test.row.items() if value is not None}
            facts[test.pdf, test.page].append(from_olmocr(row))
        except ValueError:
            continue
    return facts


def _categories(tests: Sequence[BenchTest]) -> Mapping[tuple[str, int], str]:
    """The category of each page: that of most of its tests, the first by name where several have as many."""
    counts: dict[tuple[str, int], Counter[str]] = defaultdict(Counter)
    for test in tests:
        counts[test.pdf, test.page][test.category] += 1
    named = {key: min(of, key=lambda name: (-of[name], name)) for key, of in counts.items()}
    return {(t.pdf, t.page): named.get((t.pdf, t.page), t.category) for t in all_tests(tests)}


def _set_page(
    key: tuple[str, int], category: str, facts: Sequence[Fact], language: str, drawn: DrawnPage
) -> tuple[SetPage, PageInput]:
    pdf, page = key
    name = page_id(pdf, page)
    known = SetPage(
        page_id=name,
        doc_id=page_id(pdf, page).rpartition("_pg")[0],
        page_num=drawn.number,
        family=pdf,
        language=language,
        source=category,
        features=(),
        label=None,
        facts=tuple(facts),
    )
    return known, PageInput(name, language, drawn.image, drawn.pdf)


def _environment(config: OlmocrPagesConfig) -> str:
    """Digest of the tests and of the PDFs they name, wherever the folder stands, and of what draws them."""
    root = bench_root(config.bench_dir)
    tests, rejects = read_tests(root)
    rows = [f"{test.category} {json.dumps(dict(test.row))}" for test in tests] + [r.detail for r in rejects]
    files = [part for pdf in pages_of(tests) for part in (pdf, digest((root / "pdfs" / pdf).read_bytes()))]
    return digest(version("pymupdf"), *rows, *files)


olmocr_pages_stage = Stage(STAGE, 1, _olmocr_pages, _environment, ignore=("bench_dir",))

olmocr_pages = olmocr_pages_stage.task(retries=1, retry_delay_seconds=5)
