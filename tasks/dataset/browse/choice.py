"""What a dataset holds, and which of its pages are shown: one pass over its rows, without images or labels."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from tasks.dataset.reading import rows
from tasks.records import UsageError, digest
from tasks.store import Folder

_NAMES = ("doc_id", "family", "language", "source", "license")
COLUMNS = (*_NAMES, "page_num", "features", "agreement")
PLAIN = "plain"  # a page with no feature
_LOWEST = 0.2  # of the pages shown: those of the lowest agreement
_BANDS = {"exactly 1": 1.0, "0.999 to 1": 0.999, "0.99 to 0.999": 0.99, "0.98 to 0.99": 0.98, "below 0.98": -1.0}

Cell = tuple[str, str, str, str]


@dataclass(frozen=True, slots=True)
class Place:
    """A page, left where it is: row `row` of the shard `file`."""

    file: str
    row: int
    doc_id: str
    page_num: int
    family: str
    split: str
    language: str
    source: str
    license: str
    features: tuple[str, ...]
    agreement: float

    @property
    def band(self) -> str:
        """The agreement as one of a few."""
        return next(name for name, least in _BANDS.items() if self.agreement >= least)

    @property
    def cells(self) -> list[Cell]:
        """The combinations of split, language, source and feature that the page belongs to."""
        return [(self.split, self.language, self.source, feature) for feature in self.features]


@dataclass(frozen=True, slots=True)
class Survey:
    """A dataset in numbers: `pages` counts split x language x source, `features`, `bands` and `licences` count pages,
    `cells` pages of each combination; `chosen` are the pages to show, the most telling first."""

    pages: Mapping[tuple[str, str, str], int]
    features: Mapping[str, int]
    bands: Mapping[str, int]
    licences: Mapping[str, int]
    cells: Mapping[Cell, int]
    chosen: Sequence[Place]


def survey(folder: Folder, most: int) -> Survey:
    """Count the pages, and choose `most` of them: one of every combination, the rarest first; then a fifth of the
    lowest agreement; then combination by combination in turn. Among equals a digest of the page's name decides.

    Raises UsageError where the folder has no shards, or these lack a column.
    """
    pages: Counter[tuple[str, str, str]] = Counter()
    features: Counter[str] = Counter()
    bands: Counter[str] = Counter()
    licences: Counter[str] = Counter()
    cells: Counter[Cell] = Counter()
    lowest, by_cell = _Lowest(round(most * _LOWEST)), defaultdict[Cell, _Lowest](lambda: _Lowest(most))
    for place in _places(folder):
        pages[place.split, place.language, place.source] += 1
        features.update(place.features)
        bands[place.band] += 1
        licences[place.license] += 1
        cells.update(place.cells)
        rank = digest("browse", place.doc_id, str(place.page_num))
        lowest.add((place.agreement, rank), place)
        for cell in place.cells:
            by_cell[cell].add((0.0, rank), place)
    turns = list(zip_longest(*(by_cell[cell].places() for cell in sorted(cells, key=lambda c: (cells[c], c)))))
    order = [place for turn in (*turns[:1], lowest.places(), *turns[1:]) for place in turn if place is not None]
    in_order = {name: bands[name] for name in _BANDS if bands[name]}
    return Survey(pages, dict(features.most_common()), in_order, licences, cells, list(dict.fromkeys(order))[:most])


class _Lowest:
    """The `count` places of the lowest keys among those added."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._kept: list[tuple[tuple[float, str], Place]] = []

    def add(self, key: tuple[float, str], place: Place) -> None:
        self._kept.append((key, place))
        if len(self._kept) > 2 * self._count:
            self.places()

    def places(self) -> list[Place]:
        self._kept = sorted(self._kept, key=lambda kept: kept[0])[: self._count]
        return [place for _, place in self._kept]


def _places(folder: Folder) -> Iterator[Place]:
    names = folder.names("data/*.parquet")
    if not names:
        raise UsageError(f"{folder.uri}: no data/*.parquet; give the folder of a dataset that has pages")
    for name in names:
        split = name.rpartition("/")[2].partition("-")[0]
        for number, row in enumerate(rows(folder, name, COLUMNS)):
            if missing := [column for column in COLUMNS if column not in row]:
                raise UsageError(f"{folder.uri}/{name}: no column {', '.join(missing)}; not a dataset of recto")
            said = {column: row[column] or "unknown" for column in _NAMES}
            yield Place(
                file=name,
                row=number,
                page_num=row["page_num"] or 0,
                split=split,
                features=tuple(row["features"] or (PLAIN,)),
                agreement=min(1.0, max(0.0, row["agreement"] or 0.0)),
                **said,
            )
