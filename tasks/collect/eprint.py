"""What comes as an e-print of arXiv: told by its first bytes, because its name and type tell little."""

from __future__ import annotations

import zlib

import httpx

MAX_BYTES = 20_000_000
_GZIP = b"\x1f\x8b"
_NO_TEX = (b"%PDF-", b"%!PS", b"PK\x03\x04", b"\x04%!PS")
_PIECE, _MOST = 1 << 20, 100  # pieces that are unpacked to see whether a gzip is whole; larger ones are not it


def is_source(raw: bytes) -> bool:
    """Whether an e-print may hold TeX: not a PDF, PostScript or an office document, packed or not."""
    return not _unpacked_start(raw).startswith(_NO_TEX)


def problem(response: httpx.Response) -> str:
    """What is wrong with an e-print that came: a web page in its place, or one that is not all there."""
    raw = response.content
    if not raw:
        return "nothing"
    if raw[:1000].lstrip().lower().startswith((b"<!doctype html", b"<html")):
        return "a web page"
    if raw.startswith(_GZIP):
        return "" if _is_whole(raw) else "a gzip that is cut or garbled"
    # a server may unpack on the way what it keeps packed
    return "" if raw.startswith(_NO_TEX) or b"\\" in raw else "no e-print"


def _unpacked_start(raw: bytes) -> bytes:
    if not raw.startswith(_GZIP):
        return raw[:1000]
    try:
        return zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(raw, 1000)
    except zlib.error:
        return b""


def _is_whole(raw: bytes) -> bool:
    """Whether a gzip reaches its end, and its checksum is right; where it unpacks to far too much, it is not read on."""
    gzip, pieces = zlib.decompressobj(zlib.MAX_WBITS | 16), 0
    try:
        while not gzip.eof and pieces < _MOST:
            if not gzip.decompress(gzip.unconsumed_tail if pieces else raw, _PIECE) and not gzip.unconsumed_tail:
                break
            pieces += 1
    except zlib.error:
        return False
    return gzip.eof or pieces == _MOST
