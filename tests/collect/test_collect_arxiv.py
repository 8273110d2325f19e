"""Papers of arXiv: which are taken, under what licence, and what is asked for them."""

from __future__ import annotations

import gzip
import tracemalloc
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta

import httpx
import pytest
from collect_world import LATEX, Clock, eprint
from doubles.arxiv import ARXIV_ONLY, CC_BY, FIRST, ArXiv, Paper, tar_gz
from doubles.faults import Fault, Service, serve

from tasks.collect.eprint import problem
from tasks.collect.fetch import Fetcher
from tasks.collect.fetch.cache import Cache
from tasks.collect.source import Original
from tasks.collect.sources.arxiv import Source
from tasks.config import CollectConfig
from tasks.records import Reason, Reject
from tasks.store import Folder, home

pytestmark = pytest.mark.usefixtures("home")
CONFIG = CollectConfig(min_chars=100)


@dataclass
class Desk:
    """A source that asks the double, and what it was told."""

    arxiv: ArXiv
    service: Service
    clock: Clock = field(default_factory=Clock)

    def read(self, **changes: object) -> tuple[list[Original], list[Reject]]:
        self.service.calls.clear()
        items = list(self.source(**changes).read(self.fetcher(), CONFIG))
        texts = [item for item in items if isinstance(item, Original)]
        return texts, [item for item in items if isinstance(item, Reject)]

    def source(self, **changes: object) -> Source:
        return Source.model_validate({"kind": "arxiv", "categories": ["cs.CL"], **changes})

    def fetcher(self) -> Fetcher:
        mirrors = dict.fromkeys(("export.arxiv.org", "oaipmh.arxiv.org"), self.service.url)
        cache, clock = Cache(Folder(home()) / "answers"), self.clock
        return Fetcher("me@example.org", cache, mirrors, seconds=5, clock=lambda: clock.now, sleep=clock.sleep)

    def asked(self, part: str) -> list[str]:
        return [call.target for call in self.service.calls if part in call.target]


@pytest.fixture(scope="module")
def served() -> Iterator[Desk]:
    arxiv = ArXiv({})
    with serve(arxiv.app) as service:
        yield Desk(arxiv, service)


@pytest.fixture
def desk(served: Desk) -> Iterator[Desk]:
    """Four papers, the newest last."""
    served.arxiv.clear()
    for number in range(1, 5):
        add(served.arxiv, number)
    served.clock = Clock()
    yield served
    served.service.faults.clear()


def add(arxiv: ArXiv, number: int, **changes: object) -> Paper:
    day = FIRST + timedelta(days=number)
    paper = Paper(f"Paper {number}", eprint(f"Paper {number}"), submitted=day, updated=day)
    for name, value in changes.items():
        setattr(paper, name, value)
    arxiv[f"2602.{number:05}"] = paper
    return paper


def numbers(texts: list[Original]) -> list[str]:
    return [text.url.removeprefix("https://arxiv.org/abs/2602.0000") for text in texts]


def test_a_paper_says_where_it_is_from(desk: Desk) -> None:
    desk.arxiv["2602.00004"].authors = tuple(f"Author {n}" for n in range(23))
    text = desk.read(papers=1)[0][0]
    assert (text.name, text.url) == ("arxiv.org/abs/2602.00004v1", "https://arxiv.org/abs/2602.00004v1")
    assert (text.source, text.family, text.revision) == ("arxiv", "arxiv.org/abs/2602.00004", "v1")
    assert (text.license, text.format) == ("CC-BY-4.0", "latex")
    assert text.evidence == f"{CC_BY}, which arXiv's record of 2602.00004v1 states"
    assert text.attribution.startswith("Author 0, Author 1, ")
    assert "Author 19 and 3 others, “Paper 4”, https://arxiv.org/abs/2602.00004v1, CC-BY-4.0" in text.attribution
    assert text.retrieved == "2026-03-01T10:00:00+00:00"
    assert b"\\section{Paper 4}" in text.raw


def test_what_is_kept_is_what_intake_takes(desk: Desk) -> None:
    desk.arxiv["2602.00004"].source = tar_gz(
        {"main.tex": b"\\documentclass{article}\\begin{document}Short.\\end{document}"}
    )
    desk.arxiv["2602.00003"].license = ARXIV_ONLY
    texts, rejects = desk.read(papers=1)
    assert numbers(texts) == ["4v1", "2v1"], "one that intake rejects is handed to it, and not counted"
    assert [(r.reason, r.detail.partition(": ")[2]) for r in rejects] == [
        (Reason.LICENCE, f"{ARXIV_ONLY} is none of the licences that let anybody pass a text on"),
        (Reason.SOURCE_CAP, "1 papers are kept; 1 older ones were not looked at"),
    ]
    assert len(desk.asked("/src/")) == 2


@pytest.mark.parametrize(
    ("changes", "reason", "detail"),
    [
        ({"license": "http://creativecommons.org/licenses/by-nc-nd/4.0/"}, Reason.LICENCE, "by-nc-nd/4.0/ is none of"),
        ({"license": ""}, Reason.LICENCE, "no licence is none of"),
        ({"record": ""}, Reason.LICENCE, "do not hold it yet"),
        ({"record": "deleted"}, Reason.GONE, "it was deleted"),
        ({"recorded": 2}, Reason.LICENCE, "the licence on record is that of v2"),
        ({"size": 20_001}, Reason.TOO_LONG, "20001000 bytes of source; at most 20000000 are read"),
    ],
)
def test_what_may_not_or_need_not_be_had_is_not_downloaded(
    desk: Desk, changes: dict[str, object], reason: Reason, detail: str
) -> None:
    add(desk.arxiv, 4, **changes)
    texts, (reject,) = desk.read()
    assert numbers(texts) == ["3v1", "2v1", "1v1"]
    assert (reject.reason, detail in reject.detail) == (reason, True), reject.detail
    assert reject.detail.startswith("arxiv.org/abs/2602.00004v1: ")
    assert desk.asked("00004v") == []


@pytest.mark.parametrize(
    ("source", "what"),
    [
        (b"%PDF-1.7 \xe2", "a PDF"),
        (gzip.compress(b"%!PS-Adobe"), "PostScript"),
        (tar_gz({"a.txt": b"x"}), "no file with a \\documentclass"),
    ],
    ids=["pdf", "ps", "text"],
)
def test_what_is_no_latex_is_a_reject(desk: Desk, source: bytes, what: str) -> None:
    desk.arxiv["2602.00004"].source = source
    texts, (reject,) = desk.read()
    assert (len(texts), reject.reason) == (3, Reason.CONVERSION)
    assert reject.detail.startswith(f"arxiv.org/abs/2602.00004v1: {what}")


def test_more_than_is_allowed_is_not_taken_whatever_the_record_says(desk: Desk) -> None:
    desk.arxiv["2602.00004"].source, desk.arxiv["2602.00004"].size = bytes(20_000_001), 1
    texts, (reject,) = desk.read()
    assert (len(texts), reject.reason) == (3, Reason.TOO_LONG)


@pytest.mark.parametrize("kind", ["tar.gz", "gz", "tar", "tex"])
def test_every_form_of_an_e_print_is_read(desk: Desk, kind: str) -> None:
    """A server may also call the packing an encoding, which is undone on the way."""
    paper, tex = desk.arxiv["2602.00004"], LATEX.format("Packed").encode()
    paper.source = gzip.compress(tex) if kind in ("gz", "tex") else tar_gz({"a.tex": tex, "figure.png": b"\x89PNG"})
    paper.encoding = "x-gzip" if kind in ("tar", "tex") else ""
    assert b"\\section{Packed}" in desk.read(papers=1)[0][0].raw


def test_an_unchanged_version_is_not_downloaded_again(desk: Desk) -> None:
    first, _ = desk.read()
    assert len(desk.service.calls) == 7, "one search, two answers of records, four e-prints"
    assert desk.read()[0] == first
    assert len(desk.service.calls) == 3
    desk.arxiv["2602.00002"].replace(eprint("Paper 2, revised"))
    again, rejects = desk.read()
    assert numbers(again) == ["4v1", "3v1", "2v2", "1v1"]
    assert (rejects, desk.asked("/src/")) == ([], ["/src/2602.00002v2"])
    assert [text.doc_id for text in again] == [text.doc_id for text in first]


def test_categories_take_turns_and_a_paper_comes_once(desk: Desk) -> None:
    for number, categories in {5: ("cs.CV",), 6: ("cs.CV", "cs.CL"), 7: ("hep-th",)}.items():
        add(desk.arxiv, number, categories=categories)
    texts, _ = desk.read(categories=["cs.CL", "cs.CV", "hep-th"], scan=2)
    assert numbers(texts) == ["6v1", "7v1", "4v1", "5v1"]
    sets = [target for target in desk.asked("/oai") if "set=" in target]
    wanted = ("set=cs%3Acs%3ACL", "set=cs%3Acs%3ACV", "set=physics%3Ahep-th")
    assert all(part in target for part, target in zip(wanted, sets, strict=True))


def test_all_interfaces_share_one_pace(desk: Desk) -> None:
    desk.read()
    assert desk.clock.waits == [3.0] * (len(desk.service.calls) - 1)


def test_a_list_whose_token_expired_is_begun_again(desk: Desk) -> None:
    desk.service.faults.next(Fault(503, {"retry-after": "9"}, call=desk.arxiv.expire), "GET", "resumptionToken")
    texts, rejects = desk.read()
    assert (len(texts), rejects) == (4, [])
    assert [("set=" in target) for target in desk.asked("/oai")] == [True, False, False, True, False]


OAI = '<OAI-PMH xmlns="http://www.openarchives.org/OAI/2.0/">{}</OAI-PMH>'


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        ("<error code='badResumptionToken'>gone</error>", "OAI-PMH error badResumptionToken: gone"),
        ("<error code='badArgument'>Set does not exist</error>", "OAI-PMH error badArgument: Set does not exist"),
        ("<ListRecords><resumptionToken>x</resumptionToken></ListRecords>", "the list of records has no end"),
        ("<ListRecords><record/></ListRecords>", "makes no sense to the client"),
        ("", "answered with no OAI-PMH"),
    ],
)
def test_records_that_make_no_sense_are_a_gap(desk: Desk, answer: str, problem: str) -> None:
    add(desk.arxiv, 5, categories=("cs.CV",))
    desk.service.faults.always(Fault(200, body=OAI.format(answer).encode()), "%3ACL")
    desk.service.faults.always(Fault(200, body=OAI.format(answer).encode()), "resumptionToken=x")
    texts, (reject,) = desk.read(categories=["cs.CL", "cs.CV"])
    assert numbers(texts) == ["5v1"]
    assert (reject.reason, problem in reject.detail) == (Reason.UNREACHABLE, True), reject.detail


def test_no_records_are_no_licences(desk: Desk) -> None:
    for paper in desk.arxiv.values():
        paper.record = ""
    texts, rejects = desk.read()
    assert (texts, {reject.reason for reject in rejects}) == ([], {Reason.LICENCE})


def test_an_empty_answer_to_a_search_is_asked_for_again(desk: Desk) -> None:
    search = 'xmlns:s="http://a9.com/-/spec/opensearch/1.1/"'
    feed = f'<feed xmlns="http://www.w3.org/2005/Atom" {search}><s:totalResults>4</s:totalResults></feed>'
    desk.service.faults.add(Fault(200, body=feed.encode()), Fault(200, body=b"<feed>"), Fault(200, body=b"<a/>"))
    texts, rejects = desk.read()
    assert (len(texts), rejects) == (4, [])


def test_an_address_that_is_no_papers_goes_nowhere(desk: Desk) -> None:
    add(desk.arxiv, 5)
    desk.arxiv["../../etc/passwd"] = desk.arxiv.pop("2602.00005")
    texts, (reject,) = desk.read()
    assert (texts, reject.reason) == ([], Reason.UNREACHABLE)
    assert "is no paper's address" in reject.detail
    assert [call for call in desk.service.calls if "passwd" in call.target] == []


def test_what_an_entry_names_is_listed_and_checked(desk: Desk) -> None:
    source = desk.source(categories=["cs.CL", "cs.XX"], papers=7)
    assert list(source.plan()) == [
        f"arxiv.org/list/{name}/recent, the newest 100 looked at; 7 papers are kept in all"
        for name in ("cs.CL", "cs.XX")
    ]
    there, missing, records = source.check(desk.fetcher())
    assert there == "arxiv.org/list/cs.CL/recent, newest arxiv.org/abs/2602.00004v1"
    assert isinstance(missing, Reject)
    assert missing.reason is Reason.GONE
    assert records == "oaipmh.arxiv.org/oai"


def test_an_e_print_that_is_cut_is_asked_for_again(desk: Desk) -> None:
    whole = desk.arxiv["2602.00004"].source
    desk.service.faults.next(Fault(200, body=whole[:-20]), "GET", "/src/2602.00004v1")
    desk.service.faults.next(Fault(200, body=b"<!DOCTYPE html><p>Are you a robot? \\o/"), "GET", "/src/2602.00003v1")
    texts, rejects = desk.read()
    assert (len(texts), rejects) == (4, [])


def test_a_bomb_is_looked_through_in_bounded_memory() -> None:
    bomb = gzip.compress(bytes(110_000_000), 1)
    tracemalloc.start()
    try:
        assert problem(httpx.Response(200, content=bomb)) == ""
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()
