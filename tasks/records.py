"""What crosses rooms: frozen records, the closed list of reject reasons, and errors that name a remedy."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


def digest(*parts: str | bytes, length: int = 16) -> str:
    """Hex digest of the parts, each length-prefixed so that ("ab", "c") differs from ("a", "bc")."""
    h = hashlib.sha256()
    for part in parts:
        raw = part.encode() if isinstance(part, str) else part
        h.update(len(raw).to_bytes(8, "big"))
        h.update(raw)
    return h.hexdigest()[:length]


def family_rank(family: str, seed: int = 0) -> float:
    """A family's place in [0, 1) in the order in which families are dealt to the test split, lowest first."""
    return int(digest("split", str(seed), family), 16) / 16**16


class UsageError(Exception):
    """Bad usage or configuration, in one clear line: the command exits with code 2."""


class StageError(Exception):
    """A stage failed: what failed, on what, and what to do. The command exits with code 1."""


class TransportError(StageError, OSError):
    """The network failed, not the work: the same call may succeed later."""


class Reason(StrEnum):
    """Why a document, a page or a model answer was dropped. The list is closed."""

    # documents
    NOT_MARKDOWN = "not_markdown"
    UNREADABLE = "unreadable"
    UNREACHABLE = "unreachable"
    GONE = "gone"
    CONVERSION = "conversion"
    SOURCE_CAP = "source_cap"
    TOO_SHORT = "too_short"
    NO_MARKER = "no_marker"
    WRONG_LANGUAGE = "wrong_language"
    DUPLICATE = "duplicate"
    CUT = "cut"
    LICENCE = "licence"
    BENCHMARK = "benchmark"
    RENDER_ERROR = "render_error"
    RENDER_TIMEOUT = "render_timeout"
    RENDER_CRASH = "render_crash"
    # pages
    BLANK = "blank"
    MISSING_GLYPH = "missing_glyph"
    FONT_SUBSTITUTED = "font_substituted"
    CHARACTER_MISMATCH = "character_mismatch"
    NOT_CONTIGUOUS = "not_contiguous"
    LABEL_STRUCTURE = "label_structure"
    GEOMETRY = "geometry"
    DISAGREEMENT = "disagreement"
    FAMILY_CAP = "family_cap"
    NEAR_DUPLICATE = "near_duplicate"
    FEW_FACTS = "few_facts"
    # answers
    TOO_LONG = "too_long"


@dataclass(frozen=True, slots=True)
class Document:
    """One normalised Markdown document.

    `doc_id` digests kind and canonical locator only, so it is the same for every revision;
    `family` names the documents that must never be separated by a split. `license` is an SPDX identifier, `evidence`
    where it was read; `retrieved` is when the text was, in UTC, empty where nothing was fetched.
    """

    doc_id: str
    markdown: str
    language: str
    source: str
    url: str
    revision: str
    license: str
    attribution: str
    family: str
    evidence: str = ""
    retrieved: str = ""


@dataclass(frozen=True, slots=True)
class Reject:
    """A document, page or answer that was dropped, and why."""

    stage: str
    reason: Reason
    doc_id: str
    page_num: int | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """One rendered page.

    `markdown` is what this page shows, well-formed by itself. `page_start_char` and `page_end_char`
    are a half-open interval in characters of the document's Markdown; over all rendered pages of a
    document, kept or rejected, the intervals tile it. `content_box` is x0, y0, x1, y1 in PDF points
    from the top left. `image` is PNG bytes, or JPEG of a page that looks scanned; `style` is JSON and then holds
    what was drawn under "scan". `content_box` is that of the page before it was scanned. `reject` is None for a
    kept page.
    """

    doc_id: str
    page_num: int
    image: bytes
    markdown: str
    page_start_char: int
    page_end_char: int
    content_box: tuple[float, float, float, float]
    style: str
    agreement: float
    reject: Reason | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class StageRef:
    """A finished stage folder: its URI, its digest, and the counts of its manifest."""

    uri: str
    digest: str
    counts: Mapping[str, int | float | str]
    reused: bool = False


@dataclass(frozen=True, slots=True)
class DatasetRef:
    """A published dataset: a folder URI (digest of its content) or a Hub `repo@revision`."""

    uri: str
    digest: str


@dataclass(frozen=True, slots=True)
class Score:
    """A weighted score in [0, 1] with its parts; a part is None where neither text has the feature."""

    total: float
    parts: Mapping[str, float | None]
