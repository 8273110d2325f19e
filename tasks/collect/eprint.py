"""What comes in an e-print's place: a page for robots, an error, or a part of it."""

from __future__ import annotations

import re
import zlib

import httpx

MAX_BYTES = 20_000_000
_GZIP = b"\x1f\x8b"
_PAGE = re.compile(rb"\s*<(?:!doctype|html)", re.IGNORECASE)
_PIECE, _MOST = 1 << 20, 100  # pieces that are unpacked to see whether a gzip is whole


def problem(response: httpx.Response) -> str:
    """What is wrong with an answer that should be an e-print; nothing, as a rule."""
    raw, kind = response.content, response.headers.get("content-type", "")
    if not raw:
        return "nothing"
    if "html" in kind or "json" in kind or _PAGE.match(raw):
        return f"no e-print: {kind or 'HTML'}"
    return "a gzip that is cut or garbled" if raw.startswith(_GZIP) and not _is_whole(raw) else ""


def _is_whole(raw: bytes) -> bool:
    """Whether a gzip reaches its end, and its checksum is right. One that unpacks to far too much is not read on."""
    gzip, pieces = zlib.decompressobj(zlib.MAX_WBITS | 16), 0
    try:
        while not gzip.eof and pieces < _MOST:
            if not gzip.decompress(gzip.unconsumed_tail if pieces else raw, _PIECE) and not gzip.unconsumed_tail:
                break
            pieces += 1
    except zlib.error:
        return False
    return gzip.eof or pieces == _MOST
