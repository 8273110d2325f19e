"""Reading a published dataset a piece at a time: where it is, its rows, and single rows of it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import fsspec
import pyarrow.parquet as pq

from tasks.hub import REFERENCE
from tasks.store import Folder


def dataset_folder(uri: str) -> Folder:
    """The folder of a dataset: `repo@revision` is one of the Hub unless such a local folder exists."""
    if REFERENCE.fullmatch(uri) and not Path(uri).exists():
        return Folder(f"hf://datasets/{uri}")
    return Folder(uri)


def rows(folder: Folder, name: str, columns: Sequence[str], at_a_time: int = 256) -> Iterator[dict[str, Any]]:
    """The rows of a Parquet file, of the columns among `columns` that it has; `at_a_time` of them in memory."""
    with fsspec.open(f"{folder.uri.rstrip('/')}/{name}", "rb") as file:
        parquet = pq.ParquetFile(file)
        present = [column for column in columns if column in parquet.schema_arrow.names]
        for batch in parquet.iter_batches(at_a_time, columns=present):
            yield from batch.to_pylist()


def rows_at(
    folder: Folder, wanted: Mapping[str, Collection[int]], columns: Sequence[str]
) -> Iterator[tuple[str, int, dict[str, Any]]]:
    """File, number and columns of the wanted rows (file -> row numbers); only row groups that hold one are read."""
    for name, numbers in wanted.items():
        with fsspec.open(f"{folder.uri.rstrip('/')}/{name}", "rb") as file:
            parquet = pq.ParquetFile(file)
            first = 0
            for group in range(parquet.num_row_groups):
                end = first + parquet.metadata.row_group(group).num_rows
                if here := sorted(row for row in numbers if first <= row < end):
                    table = parquet.read_row_group(group, columns=list(columns))
                    for row in here:
                        yield name, row, table.slice(row - first, 1).to_pylist()[0]
                first = end
