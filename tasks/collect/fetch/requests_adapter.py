"""The way out for clients that are built on requests."""

from __future__ import annotations

import io
from typing import Any

import httpx
import requests
from requests.adapters import BaseAdapter

from tasks.collect.fetch.fetcher import Fetcher, Manners


class Adapter(BaseAdapter):
    """Sends what a requests session is asked through a fetcher."""

    def __init__(self, fetcher: Fetcher, manners: Manners) -> None:
        super().__init__()
        self.fetcher = fetcher
        self.manners = manners

    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
        assert request.method == "GET"
        headers = {name: str(value) for name, value in request.headers.items()}
        answer = self.fetcher.ask(httpx.Request("GET", str(request.url), headers=headers), self.manners)
        response = requests.Response()
        response.status_code = answer.status_code
        response.headers.update(answer.headers)
        response.encoding = answer.encoding
        response.url = str(request.url)
        response.raw = io.BytesIO(answer.content)
        response.request = request
        return response

    def close(self) -> None:
        pass
