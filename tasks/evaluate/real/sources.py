"""A document's source to Markdown, by pandoc, which reads nothing but what it is given and is stopped in time."""

from __future__ import annotations

import gzip
import importlib
import io
import re
import subprocess
import tempfile
from collections.abc import Sequence
from typing import Any

from tasks.records import StageError

MAX_BYTES = 16_000_000  # of one source, unpacked, and of its Markdown
HEAP, SECONDS = "512M", 60
_READERS = {"latex": "latex", "html": "html"}
_WRITER = "gfm-raw_html-tex_math_gfm+tex_math_dollars"
_ENCODINGS = {"ja": ("utf-8", "euc_jp"), "en": ("utf-8",)}
_ESCAPE = b"\x1b$"  # begins Japanese in ISO-2022-JP, which is ASCII to other decoders
_WIDE = r"[\u3000-\u30ff\u3400-\u9fff\uff00-\uff9f]"
_GAP = re.compile(rf"(?<={_WIDE}) (?={_WIDE})")


def _pypandoc() -> Any:
    try:
        return importlib.import_module("pypandoc")
    except ImportError:
        raise StageError("real pages need pandoc: install recto[baselines]") from None


def pandoc_version() -> str:
    """Raises StageError where pandoc is not installed."""
    return str(_pypandoc().get_pandoc_version())


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


def to_markdown(files: Sequence[bytes], kind: str, language: str) -> str:
    """Markdown of a document whose source is in one or more files ("latex" or "html"), in their order.

    Raises StageError where pandoc fails or takes too long or too much memory.
    """
    parts = [_pandoc(decode(unpack(raw), language), kind) for raw in files]
    # a line break in the source of a text without spaces is none
    return "\n\n".join(_GAP.sub("", part) if language == "ja" else part for part in parts)


def _pandoc(text: str, kind: str) -> str:
    command = [
        str(_pypandoc().get_pandoc_path()),
        "+RTS",
        f"-M{HEAP}",
        "-RTS",
        "--sandbox",
        "-f",
        _READERS[kind],
        "-t",
        _WRITER,
    ]
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as errors:
        try:
            run = subprocess.run(
                [*command, "--wrap=none"], input=text.encode(), stdout=out, stderr=errors, timeout=SECONDS
            )
        except subprocess.TimeoutExpired:
            raise StageError(f"pandoc took more than {SECONDS} s") from None
        for file in (out, errors):
            file.seek(0)
        if run.returncode:
            said = " ".join(errors.read(2000).decode(errors="replace").split())
            raise StageError(f"pandoc failed ({run.returncode}): {said[:300]}")
        markdown = out.read(MAX_BYTES + 1)
    if len(markdown) > MAX_BYTES:
        raise StageError(f"pandoc wrote more than {MAX_BYTES} bytes")
    return markdown.decode()
