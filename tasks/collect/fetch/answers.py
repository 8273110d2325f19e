"""What an answer says besides its content: how long to wait, and whether it is one."""

from __future__ import annotations

import json
import time
import zlib
from collections.abc import Iterator
from email.utils import parsedate_to_datetime

import httpx

# asking again may help
PASSING = frozenset({408, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524})
# a service that limits its callers without saying for how long means about a minute
LIMITED = 60.0


def told_at(response: httpx.Response) -> float:
    """When the service answered, by its own clock, in seconds since 1970; by ours where it does not say."""
    return _date(response.headers.get("date", "")) or time.time()


def asked_to_wait(response: httpx.Response) -> float | None:
    """Seconds until the service wants the next request: Retry-After, in seconds or as a date, else GitHub's reset of
    the rate limit. None if it does not say."""
    after = response.headers.get("retry-after", "")
    if after.isdigit():
        return float(after)
    if moment := _date(after):
        return max(moment - told_at(response), 0.0)
    reset = response.headers.get("x-ratelimit-reset", "")
    if response.headers.get("x-ratelimit-remaining") == "0" and reset.isdigit():
        return max(float(reset) - told_at(response), 0.0) + 1
    return LIMITED if response.status_code == 403 else None


def is_limit(response: httpx.Response) -> bool:
    """Whether a 403 means too many requests, as GitHub's does; any other is a refusal."""
    headers = response.headers
    says = "retry-after" in headers or headers.get("x-ratelimit-remaining") == "0"
    return says or b"rate limit" in response.content[:2000].lower()


def is_json(response: httpx.Response) -> str:
    """What is wrong with an answer that should be JSON; nothing, as a rule."""
    try:
        json.loads(response.content)
    except ValueError as e:
        return f"no JSON: {e}"
    return ""


def as_declared(response: httpx.Response) -> str:
    """What is wrong with an answer, by what it calls itself."""
    return is_json(response) if "json" in response.headers.get("content-type", "") else ""


def unpacked(response: httpx.Response, most: int) -> Iterator[bytes]:
    """The body of an answer as it comes: as it is, or out of one gzip in pieces of at most `most` bytes.

    Raises httpx.DecodingError for any other encoding, and for a gzip that is cut, garbled or followed by something.
    """
    encoding = response.headers.get("content-encoding", "identity").lower()
    if encoding == "identity":
        yield from response.iter_raw()
        return
    if encoding not in ("gzip", "x-gzip"):  # two names of one (RFC 9110, section 8.4.1.3)
        raise httpx.DecodingError(f"encoded as {encoding!r}, which was not asked for")
    gzip = zlib.decompressobj(zlib.MAX_WBITS | 16)
    for chunk in response.iter_raw():
        try:
            yield gzip.decompress(chunk, most)
            while gzip.unconsumed_tail:
                yield gzip.decompress(gzip.unconsumed_tail, most)
        except zlib.error as e:
            raise httpx.DecodingError(str(e)) from None
        if gzip.unused_data:
            raise httpx.DecodingError("more than one gzip")
    if response.num_bytes_downloaded and not gzip.eof:
        raise httpx.DecodingError("a gzip without its end")


def _date(text: str) -> float | None:
    try:
        return parsedate_to_datetime(text).timestamp()
    except ValueError:
        return None
