"""What near-duplicates are found by: a MinHash of every text and a coarse picture of every page, kept per document."""

from __future__ import annotations

import os
import zlib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version

import cv2
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tasks.records import digest
from tasks.render.cache import cached
from tasks.scoring.text import normalise, words
from tasks.store import Folder, home

VERSION = 1
"""Raised when a fingerprint changes."""

PERMUTATIONS = 128
GRID = 32
_SHINGLE = 5  # words; a CJK character is a word
_SIDE = 384  # pixels to which a page is brought before its ink is told from shadows
_AROUND = 83  # of these, on a side of what a pixel's surroundings are
_WHOLE = -1  # page_num of the row of the document as a whole

SCHEMA = pa.schema([("page_num", pa.int32()), ("text", pa.binary(4 * PERMUTATIONS)), ("image", pa.binary(GRID * GRID))])


@dataclass(frozen=True, slots=True)
class Fingerprints:
    """Of documents: `whole` (documents, PERMUTATIONS). Of pages, in the order of `names` (doc_id, page_num): `texts`
    (pages, PERMUTATIONS) and `images` (pages, GRID * GRID). 1.6 KB a page."""

    doc_ids: list[str]
    whole: NDArray[np.uint32]
    names: list[tuple[str, int]]
    texts: NDArray[np.uint32]
    images: NDArray[np.uint8]


@cache
def made_by() -> str:
    """Digest of what makes fingerprints."""
    return digest(str(VERSION), *(version(name) for name in ("datasketch", "opencv-python-headless")))


def text_fingerprint(text: str) -> NDArray[np.uint32]:
    """MinHash (Broder 1997) of the shingles of five words. The share of equal places of two estimates the Jaccard
    similarity of their texts, with a standard error of at most 0.044."""
    from datasketch import MinHash

    found = words(normalise(text))
    shingles = {" ".join(found[i : i + _SHINGLE]) for i in range(max(1, len(found) - _SHINGLE + 1))}
    hashed = MinHash(PERMUTATIONS, seed=1, hashfunc=zlib.crc32, scheme="affine32")
    hashed.update_batch(shingle.encode() for shingle in shingles)
    return np.asarray(hashed.hashvalues, np.uint32)


def image_fingerprint(image: bytes) -> NDArray[np.uint8]:
    """How much ink is in each cell of a grid over the page, as a share of the fullest cell.

    Ink is what is darker than its surroundings, so that paper, shadows and the backdrop of a scan do not count.
    """
    pixels = cv2.imdecode(np.frombuffer(image, np.uint8), cv2.IMREAD_GRAYSCALE)
    if pixels is None:
        raise ValueError("not an image")
    page = cv2.resize(pixels, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
    ink = np.clip(cv2.blur(page, (_AROUND, _AROUND)) - page, 0, None)
    ink[ink < 0.15 * ink.max()] = 0  # paper and noise
    cells = cv2.resize(ink, (GRID, GRID), interpolation=cv2.INTER_AREA).reshape(-1)
    return np.asarray(np.rint(255 * cells / max(float(cells.max()), 1e-6)), np.uint8)


def fingerprints(pages: Mapping[tuple[str, str], set[int]], workers: int = 0) -> Fingerprints:
    """Of the drawn documents (doc_id, page file) and of their pages with these numbers, in the order of doc_id.

    Those that the store does not hold yet are made, `workers` documents at a time (0: one a core).
    """
    count = sum(map(len, pages.values()))
    whole = np.empty((len(pages), PERMUTATIONS), np.uint32)
    texts, images = np.empty((count, PERMUTATIONS), np.uint32), np.empty((count, GRID * GRID), np.uint8)
    names: list[tuple[str, int]] = []
    order = sorted(pages)
    with ThreadPoolExecutor(workers or os.cpu_count()) as pool:  # decoding and hashing release the interpreter's lock
        for place, ((doc_id, file), table) in enumerate(zip(order, pool.map(_of_document, order), strict=True)):
            for row in table.to_pylist():
                if row["page_num"] == _WHOLE:
                    whole[place] = np.frombuffer(row["text"], np.uint32)
                elif row["page_num"] in pages[doc_id, file]:
                    texts[len(names)] = np.frombuffer(row["text"], np.uint32)
                    images[len(names)] = np.frombuffer(row["image"], np.uint8)
                    names.append((doc_id, row["page_num"]))
    return Fingerprints([doc_id for doc_id, _ in order], whole, names, texts, images)


def _of_document(drawn: tuple[str, str]) -> pa.Table:
    doc_id, file = drawn
    folder = Folder(home()) / "fingerprints" / made_by() / file[:2]
    if not folder.exists(file):
        pages = cached(file).read(doc_id)
        rows: list[dict[str, object]] = [
            {
                "page_num": p.page_num,
                "text": text_fingerprint(p.markdown).tobytes(),
                "image": image_fingerprint(p.image).tobytes(),
            }
            for p in pages
            if not p.reject
        ]
        text = text_fingerprint("\n\n".join(p.markdown for p in pages)).tobytes()
        rows.append({"page_num": _WHOLE, "text": text, "image": None})
        folder.write_table(file, pa.Table.from_pylist(rows, SCHEMA))
    return folder.read_table(file)
