"""A shard: Parquet with the features that `datasets` and the Hub's viewer read, written a row group at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.records import Page, digest
from tasks.render.cache import cached

SCHEMA_VERSION = "4"
ROWS_PER_GROUP = 64  # small groups, so that a viewer or a stream reads few images at a time


def dataset_schema() -> pa.Schema:
    """Columns of a shard, with the metadata by which `datasets` decodes the image."""
    return dataset_features().arrow_schema


def dataset_features() -> Any:
    """The same as `datasets.Features`."""
    from datasets import Features, Image, List, Value

    return Features(
        {
            "image": Image(mode="RGB"),  # pages without colour are stored grey
            "markdown": Value("string"),
            "language": Value("string"),
            "source": Value("string"),
            "doc_id": Value("string"),
            "page_num": Value("int32"),
            "page_start_char": Value("int64"),
            "page_end_char": Value("int64"),
            "content_box": List(Value("float64"), length=4),
            "agreement": Value("float64"),
            "features": List(Value("string")),
            "family": Value("string"),
            "license": Value("string"),
            "style": Value("string"),
        }
    )


_PACKED = {"image.bytes": "NONE"}  # PNG and JPEG do not compress further
_REPEATED = ["language", "source", "doc_id", "features.list.element", "family", "license", "style"]


@dataclass(frozen=True, slots=True)
class Part:
    """What a shard holds of one document: its page file, what is said of it, and page_num -> features."""

    doc_id: str
    file: str
    language: str
    source: str
    license: str
    family: str
    pages: Mapping[int, Sequence[str]]

    def identity(self) -> str:
        """Digest of all that decides the rows."""
        pages = (f"{number} {' '.join(found)}" for number, found in self.pages.items())
        said = (self.doc_id, self.file, self.language, self.source, self.license, self.family)
        return digest(*said, *pages, length=32)


def shard_of(doc_id: str, split: str, shards: int) -> str:
    """Name of the shard that holds a document of the split."""
    return f"data/{split}-{int(digest('shard', doc_id), 16) % shards:05d}-of-{shards:05d}.parquet"


def shard_digest(parts: Iterable[Part]) -> str:
    """Digest of all that decides a shard's content."""
    return digest(SCHEMA_VERSION, *(part.identity() for part in parts), length=32)


def write_shard(path: Path, parts: Iterable[Part]) -> None:
    """Write a shard to a local file. In memory are a row group and the pages of one document."""
    schema = dataset_schema()
    names = [_leaf(field) for field in schema]
    compression = {name: _PACKED.get(name, "ZSTD") for name in (*names, "image.bytes", "image.path")}
    options = {"use_dictionary": _REPEATED, "write_page_index": True, "use_content_defined_chunking": True}
    with pq.ParquetWriter(path, schema, compression=compression, **options) as writer:
        for rows in _groups(row for part in parts for row in _rows(part)):
            writer.write_table(pa.Table.from_pylist(rows, schema))


def _leaf(field: pa.Field) -> str:
    lists = pa.types.is_list(field.type) or pa.types.is_fixed_size_list(field.type)
    return f"{field.name}.list.element" if lists else str(field.name)


def _groups(rows: Iterator[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    while group := list(islice(rows, ROWS_PER_GROUP)):
        yield group


def _rows(part: Part) -> Iterator[dict[str, Any]]:
    for page in cached(part.file).read(part.doc_id):
        if page.page_num in part.pages:
            yield _row(page, part)


def _row(page: Page, part: Part) -> dict[str, Any]:
    suffix = "jpg" if page.image.startswith(b"\xff\xd8") else "png"
    return {
        "image": {"bytes": page.image, "path": f"{page.doc_id}-{page.page_num:04d}.{suffix}"},
        "markdown": page.markdown,
        "language": part.language,
        "source": part.source,
        "doc_id": page.doc_id,
        "page_num": page.page_num,
        "page_start_char": page.page_start_char,
        "page_end_char": page.page_end_char,
        "content_box": list(page.content_box),
        "agreement": page.agreement,
        "features": part.pages[page.page_num],
        "family": part.family,
        "license": part.license,
        "style": page.style,
    }
