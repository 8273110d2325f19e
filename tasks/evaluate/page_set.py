"""A page set: the pages that every system reads, in one file, whatever they come from."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq

from tasks.records import StageRef
from tasks.scoring.facts import Fact
from tasks.store import Folder

FILE = "pages.parquet"
ROWS_PER_GROUP = 16  # so that a reader holds few images at a time


@dataclass(frozen=True, slots=True)
class SetPage:
    """What is known of a page. `page_id` is unique in its set and fit for a file name. `label` is its Markdown,
    None where only `facts` are known. `family` names pages that are resampled together, `source` the slice it is
    reported in (a dataset's source, a benchmark's category)."""

    page_id: str
    doc_id: str
    page_num: int
    family: str
    language: str
    source: str
    features: tuple[str, ...]
    label: str | None
    facts: tuple[Fact, ...] = ()


@dataclass(frozen=True, slots=True)
class PageInput:
    """What a system is given: an encoded RGB or grey image (PNG), and the page as a one-page PDF where there is one."""

    page_id: str
    language: str
    image: bytes
    pdf: bytes | None


_SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("page_id", "doc_id")),
        ("page_num", pa.int32()),
        *((name, pa.string()) for name in ("family", "language", "source")),
        ("features", pa.list_(pa.string())),
        ("label", pa.string()),
        ("facts", pa.string()),
        ("image", pa.binary()),
        ("pdf", pa.binary()),
    ]
)
_KNOWN = [name for name in _SCHEMA.names if name not in ("image", "pdf")]


def write_page_set(folder: Folder, pages: Iterable[tuple[SetPage, PageInput]]) -> None:
    """Write pages.parquet, in the order given, with few pages in memory at a time."""
    with TemporaryDirectory() as scratch:
        local = Path(scratch) / FILE
        with pq.ParquetWriter(local, _SCHEMA, compression={"image": "NONE", "pdf": "NONE"}) as writer:
            waiting: list[dict[str, object]] = []
            for page, given in pages:
                facts = json.dumps([asdict(fact) for fact in page.facts], ensure_ascii=False)
                waiting.append({**asdict(page), "facts": facts, "image": given.image, "pdf": given.pdf})
                if len(waiting) == ROWS_PER_GROUP:
                    writer.write_table(pa.Table.from_pylist(waiting, _SCHEMA))
                    waiting.clear()
            if waiting:
                writer.write_table(pa.Table.from_pylist(waiting, _SCHEMA))
        folder.put(FILE, local)


def read_page_set(pages: StageRef) -> list[SetPage]:
    """The pages of a set, without images."""
    rows = Folder(pages.uri).read_table(FILE, columns=_KNOWN).to_pylist()
    return [
        SetPage(
            **{
                **row,
                "features": tuple(row["features"]),
                "facts": tuple(Fact(**fact) for fact in json.loads(row["facts"])),
            }
        )
        for row in rows
    ]


def read_inputs(pages: StageRef, skip: int = 0) -> Iterator[PageInput]:
    """What systems are given of each page, in the order of the set, from page `skip` on; a row group at a time."""
    with fsspec.open(f"{pages.uri.rstrip('/')}/{FILE}", "rb") as file:
        parquet = pq.ParquetFile(file)
        first = 0
        for group in range(parquet.num_row_groups):
            count = parquet.metadata.row_group(group).num_rows
            if first + count > skip:
                columns = ["page_id", "language", "image", "pdf"]
                rows: Sequence[dict[str, object]] = parquet.read_row_group(group, columns=columns).to_pylist()
                for row in rows[max(0, skip - first) :]:
                    yield PageInput(**row)  # type: ignore[arg-type]
            first += count


def has_pdfs(pages: StageRef) -> bool:
    """Whether any page of the set has a PDF."""
    with fsspec.open(f"{pages.uri.rstrip('/')}/{FILE}", "rb") as file:
        metadata = pq.ParquetFile(file).metadata
    for group in range(metadata.num_row_groups):
        rows = metadata.row_group(group)
        (pdf,) = (c for c in map(rows.column, range(rows.num_columns)) if c.path_in_schema == "pdf")
        if pdf.statistics is None or pdf.statistics.null_count < rows.num_rows:
            return True
    return False
