"""A document's source to Markdown."""

from __future__ import annotations

import gzip
import io
import re
from collections.abc import Sequence
from typing import Literal

from tasks.collect import pandoc
from tasks.records import StageError

MAX_BYTES = 16_000_000  # of one source, unpacked
_ENCODINGS = {"ja": ("utf-8", "euc_jp"), "en": ("utf-8",)}
_ESCAPE = b"\x1b$"  # begins Japanese in ISO-2022-JP, which is ASCII to other decoders
_WIDE = r"[\u3000-\u30ff\u3400-\u9fff\uff00-\uff9f]"
_GAP = re.compile(rf"(?<={_WIDE}) (?={_WIDE})")


def unpack(raw: bytes, limit: int = MAX_BYTES) -> bytes:
    """The bytes of a file that may be gzipped. Raises StageError where they are more than `limit`."""
    if raw[:2] != b"\x1f\x8b":
        return raw
    with gzip.GzipFile(fileobj=io.BytesIO(raw)) as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise StageError(f"a gzipped file unpacks to more than {limit} bytes")
    return data


def decode(raw: bytes, language: str) -> str:
    """The text of a source: the first encoding of its language that fits, Latin-1 if none does."""
    for encoding in ("iso2022_jp",) if _ESCAPE in raw else _ENCODINGS[language]:
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    return raw.decode("latin-1")


def to_markdown(files: Sequence[bytes], kind: Literal["html", "latex"], language: str) -> str:
    """Markdown of a document whose source is in one or more files ("latex" or "html"), in their order.

    Raises StageError where pandoc fails or takes too long or too much memory.
    """
    parts = [pandoc.to_markdown(decode(unpack(raw), language), kind) for raw in files]
    # a line break in the source of a text without spaces is none
    return "\n\n".join(_GAP.sub("", part) if language == "ja" else part for part in parts)
