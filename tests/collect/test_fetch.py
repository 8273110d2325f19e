"""How services are asked: over real HTTP, on a clock that passes only by waiting."""

from __future__ import annotations

import gzip
import re
import tracemalloc
import zlib
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from collect_world import Clock
from doubles.faults import Fault, Service, serve
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from tasks.collect.fetch import Fetcher, FetchError, Manners
from tasks.collect.fetch.cache import RETRIEVED, Cache
from tasks.records import UsageError
from tasks.store import Folder

MANNERS = Manners(pace=0.5, max_bytes=10_000, fixed=re.compile("/fixed"), remedy="set TOKEN")
URL = "https://api.example.org/a"
DATE = {"date": "Sun, 01 Mar 2026 10:00:00 GMT"}


async def _value(request: Request) -> Response:
    headers = {"etag": '"1"', **DATE}
    if request.headers.get("if-none-match") == '"1"':
        return Response(status_code=304, headers=headers)
    return JSONResponse({"words": "many " * 200}, headers=headers)


async def _large(request: Request) -> Response:
    return Response(bytes(20_000))


BOMB = gzip.compress(bytes(50_000_000))


async def _bomb(request: Request) -> Response:
    return Response(BOMB, headers={"content-encoding": "gzip"})


async def _moved(request: Request) -> Response:
    return RedirectResponse(URL, 301)


ROUTES = {"/a": _value, "/fixed": _value, "/large": _large, "/bomb": _bomb, "/moved": _moved}


@pytest.fixture
def service() -> Iterator[Service]:
    with serve(Starlette(routes=[Route(path, answer) for path, answer in ROUTES.items()])) as running:
        yield running


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def fetcher(service: Service, clock: Clock, tmp_path: Path) -> Fetcher:
    mirrors = dict.fromkeys(("api.example.org", "other.example.org"), service.url)
    cache = Cache(Folder(str(tmp_path / "answers")))
    return Fetcher("me@example.org", cache, mirrors, seconds=5, clock=lambda: clock.now, sleep=clock.sleep)


@pytest.fixture
def client(fetcher: Fetcher) -> httpx.Client:
    return fetcher.client(MANNERS)


def test_requests_say_who_asks_and_keep_their_distance(client: httpx.Client, service: Service, clock: Clock) -> None:
    for _ in range(3):
        client.get(URL)
    client.get("https://other.example.org/a")
    assert clock.waits == [0.5, 0.5]
    assert {call.headers["user-agent"] for call in service.calls} == {"recto/0.1.0 (me@example.org)"}
    assert [call.host for call in service.calls] == ["api.example.org"] * 3 + ["other.example.org"]


def test_nobody_asks_without_a_name() -> None:
    with pytest.raises(UsageError, match=r"collect\.contact"):
        Fetcher(" ").client(MANNERS).get(URL)


@pytest.mark.parametrize("contact", ["山田@example.org", "me@example.org\r\nx: y", "me\t@example.org"])
def test_a_contact_that_no_header_can_hold_is_refused(contact: str) -> None:
    with pytest.raises(UsageError, match=r"collect\.contact is .* printable ASCII"):
        Fetcher(contact).client(MANNERS).get(URL)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7),
        ({"retry-after": "Sun, 01 Mar 2026 10:00:12 GMT"}, 12),
        ({"retry-after": "Sun, 01 Mar 2026 09:00:00 GMT"}, 0.5),
        ({"retry-after": "soon"}, 1),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1772359230"}, 31),
        ({}, 1),
    ],
)
def test_a_service_is_given_the_time_it_asks_for(
    client: httpx.Client, service: Service, clock: Clock, headers: dict[str, str], seconds: float
) -> None:
    service.faults.add(Fault(429, {**headers, **DATE}))
    assert client.get(URL).status_code == 200
    assert clock.waits == [seconds]


def test_waiting_has_an_end(client: httpx.Client, service: Service, clock: Clock) -> None:
    service.faults.always(Fault(503))
    for _ in range(60):
        with pytest.raises(FetchError, match="try again later"):
            client.get(URL)
    with pytest.raises(FetchError, match="given up after"):
        client.get(URL)
    assert 500 < sum(clock.waits) <= 600
    asked = len(service.calls)
    with pytest.raises(FetchError):
        client.get(URL)
    assert len(service.calls) == asked, "a host that was given up is left alone"


def test_one_answer_clears_the_account(client: httpx.Client, service: Service, clock: Clock) -> None:
    for _ in range(100):
        service.faults.add(*[Fault(503)] * 4)
        assert client.get(URL).status_code == 200
    assert sum(clock.waits) > 600


def test_a_service_that_wants_no_requests_today_gets_none(client: httpx.Client, service: Service, clock: Clock) -> None:
    service.faults.add(Fault(429, {"retry-after": "86400"}))
    for _ in range(3):
        with pytest.raises(FetchError, match="at most 600 s are waited"):
            client.get(URL)
    assert (len(service.calls), clock.waits) == (1, [])
    assert client.get("https://other.example.org/a").status_code == 200


@pytest.mark.parametrize(("status", "gone"), [(401, False), (403, False), (404, True), (410, True), (451, True)])
def test_a_refusal_is_final_and_names_the_remedy(
    client: httpx.Client, service: Service, status: int, gone: bool
) -> None:
    service.faults.always(Fault(status))
    with pytest.raises(FetchError, match=f"refused with {status}; set TOKEN") as error:
        client.get(URL)
    assert (error.value.status, error.value.gone, len(service.calls)) == (status, gone, 1)


def test_what_has_not_changed_is_not_sent_again(client: httpx.Client, service: Service) -> None:
    first, second = client.get(URL), client.get(URL)
    assert service.calls[1].headers["if-none-match"] == '"1"'
    assert first.content == second.content
    assert first.headers[RETRIEVED] == second.headers[RETRIEVED] == "2026-03-01T10:00:00+00:00"


def test_what_never_changes_is_asked_for_once(client: httpx.Client, service: Service) -> None:
    assert client.get("https://api.example.org/fixed").content == client.get("https://api.example.org/fixed").content
    assert len(service.calls) == 1


def test_what_was_had_once_outlasts_an_outage(client: httpx.Client, service: Service, fetcher: Fetcher) -> None:
    had = client.get(URL).content
    service.faults.always(Fault(kind="reset"))
    assert client.get(URL).content == had
    assert fetcher.stale == {"api.example.org": 1}


@pytest.mark.parametrize("status", [401, 403])
def test_what_was_had_once_outlasts_an_expired_token(
    client: httpx.Client, service: Service, fetcher: Fetcher, status: int
) -> None:
    had = client.get(URL).content
    service.faults.always(Fault(status))
    assert client.get(URL).content == had
    assert fetcher.stale == {"api.example.org": 1}


def test_what_is_gone_does_not_live_on_in_the_cache(client: httpx.Client, service: Service) -> None:
    client.get(URL)
    service.faults.always(Fault(404))
    with pytest.raises(FetchError, match="404"):
        client.get(URL)


@pytest.mark.parametrize("path", ["/large", "/bomb"])
def test_nothing_larger_than_allowed_is_taken(client: httpx.Client, service: Service, path: str) -> None:
    with pytest.raises(FetchError, match="more than 10000 bytes"):
        client.get(f"https://api.example.org{path}")
    assert len(service.calls) == 1


def test_memory_is_bounded_whatever_an_answer_unpacks_to(client: httpx.Client) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(FetchError, match="more than 10000 bytes"):
            client.get("https://api.example.org/bomb")
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()


def test_a_packed_answer_is_unpacked(client: httpx.Client, service: Service) -> None:
    service.faults.add(Fault(200, {"content-encoding": "gzip"}, gzip.compress(b"word " * 1900)))
    assert client.get(URL).content == b"word " * 1900
    assert service.calls[0].headers["accept-encoding"] == "gzip"


@pytest.mark.parametrize(
    ("encoding", "body", "problem"),
    [
        ("deflate", zlib.compress(b"words"), "encoded as 'deflate'"),
        ("gzip, gzip", gzip.compress(gzip.compress(b"words")), "encoded as 'gzip, gzip'"),
        ("gzip", gzip.compress(b"words")[:-4], "without its end"),
        ("gzip", gzip.compress(b"words") * 2, "more than one gzip"),
        ("gzip", b"words", "incorrect header"),
    ],
    ids=["deflate", "twice", "cut", "two", "none"],
)
def test_no_other_packing_is_taken(
    client: httpx.Client, service: Service, encoding: str, body: bytes, problem: str
) -> None:
    service.faults.always(Fault(200, {"content-encoding": encoding}, body))
    with pytest.raises(FetchError, match=problem):
        client.get(URL)


def test_redirects_are_followed(client: httpx.Client) -> None:
    assert "words" in client.get("https://api.example.org/moved").json()


def test_credentials_are_not_kept(client: httpx.Client, tmp_path: Path) -> None:
    client.get(URL, headers={"authorization": "token very-secret"})
    kept = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert len(kept) == 1
    assert b"very-secret" not in kept[0]
