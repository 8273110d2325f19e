"""Leakage: train pages and documents that a test page or document gives away, and the proof that none is left."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.dataset.fingerprint import Fingerprints
from tasks.dataset.near import SAME_IMAGE, SAME_TEXT, nearest_image, nearest_text
from tasks.records import StageError

DOCUMENT, TEXT, IMAGE = "text of documents", "text of pages", "image of pages"
LEAST = {DOCUMENT: SAME_TEXT, TEXT: SAME_TEXT, IMAGE: SAME_IMAGE}
PageName = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Nearest:
    """For each train document (page_num -1) or page, the test one most like it and how like it is."""

    kind: str
    train: list[PageName]
    test: list[PageName]
    similarity: NDArray[np.float32]
    which: NDArray[np.int64]

    def leaks(self) -> Iterator[tuple[PageName, str]]:
        """What of train is too like test, and why."""
        for place in np.flatnonzero(self.similarity >= LEAST[self.kind]):
            doc_id, page_num = self.test[self.which[place]]
            of = f"{doc_id}, page {page_num}" if page_num >= 0 else doc_id
            yield self.train[place], f"{self.kind}: {self.similarity[place]:.2f} like {of} of test"


def compare(prints: Fingerprints, sides: Mapping[str, str], dropped: Collection[PageName] = ()) -> Iterator[Nearest]:
    """Train against test, by text and by image, without the pages that are dropped. `sides`: doc_id -> split."""
    left = [i for i, name in enumerate(prints.names) if name not in dropped]
    pages = _parted(left, [sides[prints.names[i][0]] for i in left])
    documents = {prints.names[i][0] for i in left}
    still = [i for i, doc_id in enumerate(prints.doc_ids) if doc_id in documents]
    parted = _parted(still, [sides[prints.doc_ids[i]] for i in still])
    names = [(doc_id, -1) for doc_id in prints.doc_ids]
    yield _nearest(DOCUMENT, names, prints.whole, *parted)
    yield _nearest(TEXT, prints.names, prints.texts, *pages)
    yield _nearest(IMAGE, prints.names, prints.images, *pages)


def _parted(places: list[int], sides: list[str]) -> tuple[list[int], list[int]]:
    train = [i for i, side in zip(places, sides, strict=True) if side == "train"]
    return train, [i for i, side in zip(places, sides, strict=True) if side == "test"]


def _nearest(kind: str, names: list[PageName], prints: NDArray[Any], train: list[int], test: list[int]) -> Nearest:
    search = nearest_image if kind == IMAGE else nearest_text
    similarity, which = search(prints[train], prints[test])
    return Nearest(kind, [names[i] for i in train], [names[i] for i in test], similarity, which)


def leaks(prints: Fingerprints, sides: Mapping[str, str]) -> dict[PageName, str]:
    """The train pages to drop, and why: those like a test page, and all of a document like a test document."""
    found: dict[PageName, str] = {}
    for nearest in compare(prints, sides):
        why = dict(nearest.leaks())
        for name in prints.names:
            if reason := why.get((name[0], -1)) or why.get(name):
                found.setdefault(name, reason)
    return found


def prove(
    prints: Fingerprints, sides: Mapping[str, str], families: Mapping[str, str], dropped: Collection[PageName]
) -> dict[str, Any]:
    """Compare what is left once more. Raises StageError where a family or a near-duplicate stands on both sides."""
    left = [name for name in prints.names if name not in dropped]
    of = {side: {families[d] for d, _ in left if sides[d] == side} for side in ("train", "test")}
    proof: dict[str, Any] = {"families on both sides": len(of["train"] & of["test"]), "compared": []}
    for nearest in compare(prints, sides, dropped):
        row = {
            "what": nearest.kind,
            "train": len(nearest.train),
            "test": len(nearest.test),
            "from": LEAST[nearest.kind],
        }
        closest = max(nearest.similarity.tolist(), default=0.0)
        proof["compared"].append({**row, "left": len(list(nearest.leaks())), "closest": round(closest, 3)})
    if proof["families on both sides"] or any(row["left"] for row in proof["compared"]):
        raise StageError(f"the split leaks, so nothing is published: {proof}; this is a fault of recto, report it")
    return proof
