"""Near-duplicates: which texts share most of their shingles, and which images show the same page."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

SAME_TEXT = 0.6
"""Estimated Jaccard similarity from which two texts are near-duplicates."""

SAME_IMAGE = 0.88
"""Correlation from which two pages look the same. Of a million pairs of different families the most alike reach 0.875
(docs/dataset.md)."""

_BLOCK = 2048  # images on a side of what is compared at once
_ROWS = 4  # of a band: a pair at 0.6 shares one of the 32 bands with probability 0.988, at 0.7 with 0.9998


def similar(hashes: NDArray[np.uint32]) -> set[tuple[int, int]]:
    """Pairs (i, j), i < j, of the MinHashes (texts, permutations) that are near-duplicates.

    Not all of them, which of n copies of a boilerplate are n * n: as many as link what near-duplicates link.
    """
    texts, first, inverse = np.unique(hashes, axis=0, return_index=True, return_inverse=True)
    found = {(int(first[text]), i) for i, text in enumerate(inverse.reshape(-1)) if first[text] != i}
    group = np.arange(len(texts))
    for members in _buckets(texts):
        for place, one in enumerate(members):
            others = members[place + 1 :]
            others = others[group[others] != group[one]]
            same = others[(texts[others] == texts[one]).mean(1) >= SAME_TEXT]
            if len(same):
                pairs = ((int(first[one]), int(first[other])) for other in same)
                found.update((min(pair), max(pair)) for pair in pairs)
                group[np.isin(group, group[same])] = group[one]
    return found


def nearest_text(train: NDArray[np.uint32], test: NDArray[np.uint32]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """For each MinHash of `train` the most similar of `test` among those that share a band: similarity (0 where none
    does), and its place in `test`."""
    texts, inverse = np.unique(train, axis=0, return_inverse=True)
    others, places = np.unique(test, axis=0, return_index=True)
    most, which = np.zeros(len(texts), np.float32), np.full(len(texts), -1)
    for members in _buckets(np.concatenate([texts, others])):
        ours = members[members < len(texts)]
        for other in members[members >= len(texts)] - len(texts):
            similarity = (texts[ours] == others[other]).mean(1, dtype=np.float32)
            better = ours[similarity > most[ours]]
            most[ours] = np.maximum(most[ours], similarity)
            which[better] = places[other]
    return most[inverse.reshape(-1)], which[inverse.reshape(-1)]


def _buckets(hashes: NDArray[np.uint32]) -> Iterator[NDArray[np.int64]]:
    """Places of the texts that share a band, band by band: locality-sensitive hashing (Leskovec, Rajaraman and Ullman,
    Mining of Massive Datasets, 3.4). One band is in memory at a time; it is sorted, so n log n."""
    for start in range(0, hashes.shape[1], _ROWS):
        band = hashes[:, start : start + _ROWS]
        order = np.lexsort(band.T)
        ends = np.flatnonzero((band[order][1:] != band[order][:-1]).any(1)) + 1
        yield from (members for members in np.split(order, ends) if len(members) > 1)


def nearest_image(train: NDArray[np.uint8], test: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """For each coarse picture of `train` the most similar of `test`: their correlation, and its place in `test`.

    Every pair is compared, in blocks, so time grows with train x test and memory with neither's product.
    """
    most, which = np.full(len(train), -1, np.float32), np.full(len(train), -1)
    for start in range(0, len(train), _BLOCK):
        ours = _standard(train[start : start + _BLOCK])
        for begin in range(0, len(test), _BLOCK):
            found = ours @ _standard(test[begin : begin + _BLOCK]).T
            best, part = found.max(1), slice(start, start + len(ours))
            better = best > most[part]
            which[part] = np.where(better, begin + found.argmax(1), which[part])
            most[part] = np.maximum(most[part], best)
    return most, which


def _standard(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Each image with mean 0 and length 1; one without any contrast is 0 everywhere, and like no other."""
    centred = images - images.mean(1, keepdims=True, dtype=np.float32)
    return np.asarray(centred / np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-6), np.float32)
