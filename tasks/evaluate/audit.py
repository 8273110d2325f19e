"""The OCR audit of drawn pages: does an engine that knows nothing of how they were made find their labels' words?

The labels come from the engine that draws the pages, and so does the text layer they are checked against. Tesseract
reads the pixels alone: a page it reads far worse than others like it is one to look at.
"""

from __future__ import annotations

import heapq
import json
import re
import statistics
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import fsspec
import pyarrow.parquet as pq

from tasks.dataset.publish import dataset_folder
from tasks.evaluate.recall import missed_words, read_page
from tasks.records import DatasetRef, StageError, StageRef, digest
from tasks.scoring.text import CJK
from tasks.statistics import Estimate, mean_interval

FAR = 4.0  # median absolute deviations below the median
LEAST = 0.01  # the deviation is taken to be at least this: pages that are all but perfectly read differ by chance
FEWEST = 8  # pages whose median says what is typical; below, that of all pages is taken
_CLEAN = "clean"
_CJK = re.compile(f"[{CJK}]")
_COLUMNS = ["image", "markdown", "language", "source", "doc_id", "page_num", "family", "style"]

Read = Callable[[bytes, str, int], str]


class Audited(NamedTuple):
    """One page that was read. `groups` names what it belongs to: layout, style, source, language, scan.

    `missed` are the words the engine did not find, most frequent first; `typical` is the median recall of the page's
    layout and language, and `far` says whether the page lies far below it.
    """

    doc_id: str
    page_num: int
    family: str
    groups: dict[str, str]
    words: int
    recall: float
    missed: tuple[str, ...]
    typical: float = 0.0
    far: bool = False


class Row(NamedTuple):
    """Mean recall of the pages of one group, families resampled, their median, and how many lie far below it."""

    group: str
    name: str
    recall: Estimate
    median: float
    far: int


class Audit(NamedTuple):
    """Pages by recall, worst first, and the table of groups."""

    pages: tuple[Audited, ...]
    rows: tuple[Row, ...]

    @property
    def far(self) -> tuple[Audited, ...]:
        """The pages to look at."""
        return tuple(page for page in self.pages if page.far)


def audit(dataset: DatasetRef | StageRef, per_layout: int = 100, seed: int = 0, read: Read = read_page) -> Audit:
    """Read up to `per_layout` pages of each layout of a published dataset, both splits, chosen by a digest.

    The same pages are chosen wherever it runs, and a smaller number chooses some of a greater one's. Takes a second
    or two a page on one core. Raises StageError where the dataset has no page, or Tesseract is missing.
    """
    folder = dataset_folder(dataset.uri)
    uri = folder.uri.rstrip("/")
    names = [name for split in ("train", "test") for name in folder.names(f"data/{split}-*.parquet")]
    chosen: dict[str, list[tuple[int, str, int]]] = defaultdict(list)
    for name in names:
        with fsspec.open(f"{uri}/{name}", "rb") as file:
            rows = pq.read_table(file, columns=["doc_id", "page_num", "style"]).to_pylist()
        for number, row in enumerate(rows):
            rank = int(digest("audit", str(seed), row["doc_id"], str(row["page_num"])), 16)
            heap = chosen[layout(json.loads(row["style"]))]
            heapq.heappush(heap, (-rank, name, number))
            if len(heap) > per_layout:
                heapq.heappop(heap)
    wanted: dict[str, set[int]] = defaultdict(set)
    for heap in chosen.values():
        for _, name, number in heap:
            wanted[name].add(number)
    if not wanted:
        raise StageError(f"{dataset.uri}: no page to audit; build the dataset first")
    return summarise(audited(row, read) for name in names for row in _rows(f"{uri}/{name}", wanted[name]))


def _rows(address: str, numbers: set[int]) -> Iterable[dict[str, Any]]:
    """The rows of one file with these numbers, a row group in memory at a time."""
    with fsspec.open(address, "rb") as file:
        parquet = pq.ParquetFile(file)
        first = 0
        for group in range(parquet.num_row_groups):
            end = first + parquet.metadata.row_group(group).num_rows
            if here := sorted(n - first for n in numbers if first <= n < end):
                yield from parquet.read_row_group(group, columns=_COLUMNS).take(here).to_pylist()
            first = end


def audited(row: dict[str, Any], read: Read = read_page) -> Audited | None:
    """One page of a dataset, by the names of its columns, read; None where the label shows no word."""
    style = json.loads(row["style"])
    # an English page may show Japanese words: that the engine was not told to expect them is no fault of the page
    language = "ja" if _CJK.search(row["markdown"]) else row["language"]
    words, missed = missed_words(row["markdown"], read(row["image"]["bytes"], language, style["dpi"]))
    if not words:
        return None
    groups = {
        "layout": layout(style),
        "style": f"{style['family']}, {style['font_size']} px",
        "source": row["source"],
        "language": row["language"],
        "scan": "scanned" if "scan" in style else _CLEAN,
    }
    lacking = tuple(f"{word} x {n}" if n > 1 else word for word, n in missed.most_common())
    recall = 1 - missed.total() / words
    return Audited(row["doc_id"], row["page_num"], row["family"], groups, words, recall, lacking)


def layout(style: dict[str, Any]) -> str:
    """The name of a layout: the page's size in CSS px, and its columns where it has several."""
    columns = style.get("columns", 1)
    return f"{style['width']} x {style['height']}" + (f", {columns} columns" if columns > 1 else "")


def summarise(pages: Iterable[Audited | None]) -> Audit:
    """The table of all groups, and each page beside what is typical of its layout, language and scan.

    A page is far below where recall < median - FAR * max(MAD, LEAST); MAD is the median absolute deviation, which a
    few bad pages among many do not move (Huber, Robust Statistics, 1981, sec. 5.1).
    """
    read = [page for page in pages if page is not None]
    alike: dict[tuple[str, ...], list[float]] = defaultdict(list)
    for page in read:
        alike[_kind(page)].append(page.recall)
    everything = [page.recall for page in read]
    judged = []
    for page in read:
        others = alike[_kind(page)]
        typical, least = _bounds(others if len(others) >= FEWEST else everything)
        judged.append(page._replace(typical=typical, far=page.recall < least))
    judged.sort(key=lambda page: (page.recall, page.doc_id, page.page_num))
    return Audit(tuple(judged), tuple(_table(judged)))


def _kind(page: Audited) -> tuple[str, ...]:
    return tuple(page.groups[name] for name in ("layout", "language", "scan"))


def _bounds(recalls: Sequence[float]) -> tuple[float, float]:
    median = statistics.median(recalls)
    deviation = statistics.median(abs(recall - median) for recall in recalls)
    return median, median - FAR * max(deviation, LEAST)


def _table(pages: Sequence[Audited]) -> Iterable[Row]:
    grouped: dict[tuple[str, str], list[Audited]] = defaultdict(list)
    for page in pages:
        for item in page.groups.items():
            grouped[item].append(page)
    for (group, name), members in sorted(grouped.items()):
        recalls = [page.recall for page in members]
        mean = mean_interval({None: recalls}, [page.family for page in members], seed="audit")
        yield Row(group, name, mean, statistics.median(recalls), sum(page.far for page in members))


def markdown(audit: Audit, worst: int = 10) -> str:
    """The audit as Markdown: the table of groups, then the pages to look at, at most `worst`."""
    lines = ["| Group | | Pages | Families | Recall | 95 % interval | Median | Far below |", "| --- " * 8 + "|"]
    for row in audit.rows:
        of = row.recall
        interval = "" if of.low is None or of.high is None else f"{of.low:.4f} to {of.high:.4f}"
        cells = (row.group, row.name, of.n, of.families, f"{of.mean:.4f}", interval, f"{row.median:.4f}", row.far)
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    lines += ["", f"{len(audit.far)} of {len(audit.pages)} pages lie far below what is typical of their layout:", ""]
    for page in audit.far[:worst]:
        missed = ", ".join(page.missed[:12])
        lines.append(
            f"- {page.doc_id} page {page.page_num}: {page.recall:.3f} of {page.words} words"
            f" (typical {page.typical:.3f}); not found: `{missed}`"
        )
    return "\n".join(lines) + "\n"
