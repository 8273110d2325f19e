"""Answers kept in the store, so that what has not changed is not sent again."""

from __future__ import annotations

import json

import httpx

from tasks.records import digest
from tasks.store import Folder

_KEPT = ("content-type", "etag", "last-modified", "link")
RETRIEVED = "x-retrieved"


class Cache:
    """One file an answer, named by host and a digest of URL and format. Holds no credentials."""

    def __init__(self, folder: Folder) -> None:
        self.folder = folder

    def get(self, request: httpx.Request) -> httpx.Response | None:
        """The answer that was kept for a request, if one was."""
        try:
            head, _, body = self.folder.read(_name(request)).partition(b"\n")
            return httpx.Response(200, headers=json.loads(head), content=body, request=request)
        except (FileNotFoundError, ValueError):
            return None

    def put(self, request: httpx.Request, response: httpx.Response) -> None:
        headers = {name: response.headers[name] for name in (*_KEPT, RETRIEVED) if name in response.headers}
        self.folder.write(_name(request), json.dumps(headers).encode() + b"\n" + response.content)


def conditions(kept: httpx.Response) -> dict[str, str]:
    """Headers that ask for an answer only if it is another one."""
    pairs = (("etag", "If-None-Match"), ("last-modified", "If-Modified-Since"))
    return {asked: kept.headers[told] for told, asked in pairs if told in kept.headers}


def _name(request: httpx.Request) -> str:
    key = digest(str(request.url), request.headers.get("accept", ""), length=32)
    return f"{request.url.host}/{key[:2]}/{key}"
