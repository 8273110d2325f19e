"""What every fault of every service comes to: the whole table, over real clients and real HTTP."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from email.utils import formatdate
from typing import Any

import pytest
from collect_world import METHOD, Clock, World, english, serve_world
from doubles.faults import Fault
from doubles.github import sha_of

from tasks.records import Reason

JSON = {"content-type": "application/json"}
MAXLAG = b'{"error": {"code": "maxlag", "info": "Waiting for 10.64: 6 seconds lagged."}}'
NOON = 1_772_366_400.0  # the doubles' day, at noon

KEPT, GAP, GONE, CLOSED = "kept", Reason.UNREACHABLE, Reason.GONE, "closed"
# closed: the service wants no more requests today, so all that comes after is a gap too
# fault -> what it is, what comes of one, what comes of one that stays
FAULTS = {
    "429, wait 7 s": (Fault(429, {"retry-after": "7"}), KEPT, GAP),
    "429, wait until": (
        Fault(429, {"retry-after": formatdate(NOON + 9, usegmt=True), "date": formatdate(NOON)}),
        KEPT,
        GAP,
    ),
    "429, wait a day": (Fault(429, {"retry-after": "86400"}), CLOSED, CLOSED),
    "429": (Fault(429), KEPT, GAP),
    "403, limit of requests": (
        Fault(403, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(int(NOON) + 20), "date": formatdate(NOON)}),
        KEPT,
        GAP,
    ),
    "403, secondary limit": (Fault(403, body=b'{"message": "You have exceeded a secondary rate limit."}'), KEPT, GAP),
    "401": (Fault(401), GAP, GAP),
    "403": (Fault(403, body=b'{"message": "Resource not accessible"}'), GAP, GAP),
    "404": (Fault(404), GONE, GONE),
    "410": (Fault(410), GONE, GONE),
    "451": (Fault(451), GONE, GONE),
    "202": (Fault(202), KEPT, GAP),
    "302 to nowhere": (Fault(302), KEPT, GAP),
    "304 to nothing": (Fault(304), KEPT, GAP),
    "500": (Fault(500), KEPT, GAP),
    "502": (Fault(502, body=b"<html>"), KEPT, GAP),
    "503": (Fault(503), KEPT, GAP),
    "504": (Fault(504), KEPT, GAP),
    "error in a success": (Fault(200, {"content-type": "application/json", "retry-after": "5"}, MAXLAG), KEPT, GAP),
    "garbage": (Fault(200, {"content-type": "application/json"}, b'{"a": '), KEPT, GAP),
    "empty": (Fault(200, {"content-type": "application/json"}), KEPT, GAP),
    "not what it says": (Fault(200, {"content-encoding": "gzip"}, b"plain"), KEPT, GAP),
    "silence": (Fault(kind="silence"), KEPT, GAP),
    "reset": (Fault(kind="reset"), KEPT, GAP),
    "truncated": (Fault(kind="truncate"), KEPT, GAP),
}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with serve_world(tmp_path_factory.mktemp("world")) as world:
        yield world


@pytest.fixture
def world(served: World, home: object) -> Iterator[World]:
    yield served
    for service in served.services.values():
        service.faults.clear()


PAPERS = {f"abs/2602.{number:05}v1" for number in (1, 2, 3)}
# call -> service, part of its target, what is lost where it fails for good
CALLS = {
    "github repository": ("github", "/repos/acme/docs?", {"acme/docs/README.md", "acme/docs/docs/guide.md"}),
    "github branch": ("github", "/acme/other/branches/", {"acme/other/README.md"}),
    "github tree": ("github", "/acme/other/git/trees/", {"acme/other/README.md"}),
    "github blob": ("github", f"/git/blobs/{sha_of('blob', english('Guide'))}", {"acme/docs/docs/guide.md"}),
    "latex blob": ("latex", f"/git/blobs/{sha_of('blob', METHOD.encode())}", {"acme/thesis/text/main.tex"}),
    "wikipedia facts": ("wikipedia", "titles=Compiler", {"Compiler", "Parser"}),
    "wikipedia page": ("wikipedia", "/revision/1000/html", {"Compiler"}),
    "arxiv search": ("arxiv", "/api/query", PAPERS),
    "arxiv records": ("arxiv", "/oai?verb=ListRecords&meta", PAPERS),
    "arxiv more records": ("arxiv", "/oai?verb=ListRecords&resumptionToken", PAPERS),
    "arxiv e-print": ("arxiv", "/src/2602.00002v1", {"abs/2602.00002v1"}),
}
SERVICE = {"latex": "github"}
SOURCES = {
    "github": ("github", "github-ja"),
    "latex": ("github-latex",),
    "wikipedia": ("wikipedia-en", "wikipedia-ja"),
    "arxiv": ("arxiv",),
}
ALL = {
    "github": {"acme/docs/README.md", "acme/docs/docs/guide.md", "acme/docs-ja/README.md", "acme/other/README.md"},
    "latex": {"acme/thesis/text/main.tex"},
    "wikipedia": {"Compiler", "Parser", "コンパイラ"},
    "arxiv": PAPERS,
}


def api(*pages: dict[str, Any]) -> bytes:
    """An answer of Wikipedia's API."""
    rights = {"url": "https://creativecommons.org/licenses/by-sa/4.0/deed.en"}
    return json.dumps({"query": {"pages": dict(enumerate(pages)), "rightsinfo": rights}}).encode()


def bare(name: str) -> str:
    """The name of a text without its host."""
    return name.split("/", 1)[1]


@pytest.mark.parametrize("stays", [False, True], ids=["once", "stays"])
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("call", CALLS)
def test_a_fault_comes_to_what_is_promised(world: World, call: str, fault: str, stays: bool) -> None:
    service, part, lost = CALLS[call]
    done, once, always = FAULTS[fault]
    world.services[SERVICE.get(service, service)].faults.next(done, "GET", part, times=1000 if stays else 1)
    clock = Clock()
    config = world.config.model_copy(update={"sources": SOURCES[service]})
    originals, rejects = replace(world, config=config).collect(
        world.fetcher(clock, 0.3 if done.kind == "silence" else 5)
    )
    outcome = always if stays else once
    missing = ALL[service] - {bare(name) for name in originals}
    if outcome is CLOSED:
        assert missing >= lost
        assert {reject.reason for reject in rejects} == {Reason.UNREACHABLE}
        assert sum(clock.waits) < 60
    else:
        assert missing == (set() if outcome is KEPT else lost)
        assert {reject.reason for reject in rejects} == (set() if outcome is KEPT else {outcome})
    assert sum(clock.waits) <= 600


HTML = {"location": "https://en.wikipedia.org/w/rest.php/v1/revision/1000/html"}
# call -> an answer that makes no sense, what is lost by it
ODD = {
    "a loop of redirects": ("wikipedia", "/revision/1000/html", Fault(302, HTML), {"Compiler"}),
    "an article without a revision": (
        "wikipedia",
        "titles=Compiler",
        Fault(200, JSON, api({"title": "Compiler"}, {"title": "Parser", "lastrevid": 1001})),
        {"Compiler"},
    ),
    "properties that are null": (
        "wikipedia",
        "titles=Compiler",
        Fault(200, JSON, api({"title": "Compiler", "lastrevid": 1000, "pageprops": None}, {"title": "Parser"})),
        {"Compiler", "Parser"},
    ),
    "a branch without a commit": (
        "github",
        "/acme/other/branches/",
        Fault(200, JSON, b'{"name": "main", "commit": null}'),
        {"acme/other/README.md"},
    ),
    "a commit whose tree is not there": (
        "github",
        "/acme/other/branches/",
        Fault(200, JSON, b'{"name": "main", "commit": {"sha": "1", "url": "https://api.github.com/lost"}}'),
        {"acme/other/README.md"},
    ),
    "a commit without a tree": (
        "github",
        "/acme/other/branches/",
        Fault(200, JSON, b'{"name": "main", "commit": {"sha": "1", "commit": {"sha": "1", "tree": null}}}'),
        {"acme/other/README.md"},
    ),
    "a tree of nameless things": (
        "github",
        "/acme/other/git/trees/",
        Fault(200, JSON, b'{"sha": "1", "tree": [{"type": "blob", "path": null}]}'),
        {"acme/other/README.md"},
    ),
}


@pytest.mark.parametrize("odd", ODD)
def test_an_answer_that_makes_no_sense_stops_nothing_else(world: World, odd: str) -> None:
    service, part, fault, lost = ODD[odd]
    world.services[service].faults.always(fault, part)
    originals, rejects = world.collect()
    assert {name for names in ALL.values() for name in names} - {bare(name) for name in originals} == lost
    assert len(rejects) == len(lost)


def test_a_licence_that_github_does_not_know_is_none(world: World) -> None:
    answer = b'{"full_name": "acme/other", "url": "https://api.github.com/repos/acme/other", "default_branch": "main",'
    answer += b'"license": {"key": "other", "spdx_id": null}}'
    world.services["github"].faults.always(Fault(200, JSON, answer), "/repos/acme/other?")
    originals, (reject,) = world.collect()
    assert reject.reason is Reason.LICENCE
    assert len(originals) == 10
