"""arXiv: the LaTeX of new papers, whose licence allows it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from typing import Annotated, Any, ClassVar

import arxiv
import httpx
from lxml import etree
from pydantic import Field

from tasks.collect import oai_pmh, source
from tasks.collect.eprint import MAX_BYTES, problem
from tasks.collect.fetch import Fetcher, FetchError, Manners
from tasks.collect.fetch.cache import RETRIEVED
from tasks.collect.fetch.requests_adapter import Adapter
from tasks.collect.intake import Intake
from tasks.collect.latex import flatten_archive
from tasks.collect.source import Original, missing, understood
from tasks.config import CollectConfig
from tasks.licences import may_publish, spdx_of
from tasks.records import Reason, Reject, StageError, digest

API, OAI = "https://export.arxiv.org", "https://oaipmh.arxiv.org/oai"
_ATOM, _SEARCH = "{http://www.w3.org/2005/Atom}", "{http://a9.com/-/spec/opensearch/1.1/}"
_RAW = "{http://arxiv.org/OAI/arXivRaw/}"
_ID = re.compile(r"(?P<id>\d{4}\.\d{4,5}|[a-z-]+(?:\.[A-Z]{2})?/\d{7})(?P<version>v\d+)")
_GROUPS = ("cs", "econ", "eess", "math", "q-bio", "q-fin", "stat")  # every other archive is of the group physics
AT_ONCE = 100  # papers that one answer of the API lists
NAMED = 20  # authors of a paper; the others are counted

Category = Annotated[str, Field(pattern=r"^[a-z-]+(\.[A-Za-z-]+)?$")]


@dataclass(frozen=True, slots=True)
class _Paper:
    """What the API says of a paper: its newest version."""

    id: str
    version: str
    title: str
    authors: tuple[str, ...]
    updated: str

    @property
    def name(self) -> str:
        return f"arxiv.org/abs/{self.id}{self.version}"


@dataclass(frozen=True, slots=True)
class _Terms:
    """What the harvested record says of a paper's newest version; nothing of one that was deleted."""

    license: str = ""
    version: str = ""
    size: int = 0


class Source(source.Source):
    """The newest papers of categories, in turn, until enough are kept.

    A paper is kept when its e-print is had under a licence that lets anybody pass it on, and intake takes its text.
    """

    online: ClassVar[bool] = True
    categories: tuple[Category, ...] = Field(min_length=1)
    papers: int = Field(100, ge=1, description="Papers that are kept, of all categories together")
    scan: int = Field(100, ge=1, le=2000, description="Newest papers of a category that are looked at for them")

    def plan(self) -> list[str]:
        kept = f"{self.papers} papers are kept in all"
        return [f"arxiv.org/list/{name}/recent, the newest {self.scan} looked at; {kept}" for name in self.categories]

    def hosts(self) -> tuple[str, ...]:
        return tuple(httpx.URL(address).host for address in (API, OAI))

    def check(self, fetcher: Fetcher) -> Iterator[str | Reject]:
        for category in self.categories:
            try:
                yield f"arxiv.org/list/{category}/recent, newest {newest(fetcher, category, 1)[0].name}"
            except StageError as e:
                yield _missing_category(category, e)
        try:
            fetcher.client(_HARVESTING).get(OAI, params={"verb": "Identify"})
            yield OAI.removeprefix("https://")
        except StageError as e:
            yield missing(digest("arxiv", OAI), OAI, e)

    def read(self, fetcher: Fetcher, config: CollectConfig) -> Iterator[Original | Reject]:
        terms: dict[str, _Terms] = {}
        found: list[list[_Paper]] = []
        for category in self.categories:
            try:
                papers = newest(fetcher, category, self.scan)
                with understood(f"arxiv.org/list/{category}"):
                    terms |= harvest(fetcher, category, min(paper.updated for paper in papers))
                found.append(papers)
            except StageError as e:
                yield _missing_category(category, e)
        in_turn = (paper for rank in zip_longest(*found) for paper in rank if paper)
        waiting = list({paper.id: paper for paper in in_turn}.values())
        kept = Intake(config)
        while waiting and len(kept.documents) < self.papers:
            paper = waiting.pop(0)
            item = self._read(fetcher, paper, terms.get(paper.id))
            yield item
            kept.take(item)
        if waiting:
            detail = f"arxiv.org: {len(kept.documents)} papers are kept; {len(waiting)} older ones were not looked at"
            yield Reject("collect", Reason.SOURCE_CAP, digest("arxiv", *self.categories), detail=detail)

    def _read(self, fetcher: Fetcher, paper: _Paper, terms: _Terms | None) -> Original | Reject:
        doc_id, name = digest("arxiv", paper.id), paper.name

        def reject(reason: Reason, why: str) -> Reject:
            return Reject("collect", reason, doc_id, detail=f"{name}: {why}")

        if terms is None:
            return reject(Reason.LICENCE, "arXiv's harvested records name no licence, as they do not hold it yet")
        if terms == _Terms():
            return reject(Reason.GONE, "arXiv's record says that it was deleted")
        if terms.version != paper.version:
            return reject(Reason.LICENCE, f"the licence on record is that of {terms.version or 'no version'}")
        license = spdx_of(terms.license)
        if not may_publish(license):
            stated = terms.license or "no licence"
            return reject(Reason.LICENCE, f"{stated} is none of the licences that let anybody pass a text on")
        if terms.size > MAX_BYTES:
            return reject(Reason.TOO_LONG, f"{terms.size} bytes of source; at most {MAX_BYTES} are read")
        try:
            with understood(name):
                answer = fetcher.client(_DOWNLOADING).get(f"{API}/src/{paper.id}{paper.version}")
        except StageError as e:
            return missing(doc_id, name, e)
        try:
            text = flatten_archive(answer.content)
        except StageError as e:
            return reject(Reason.CONVERSION, str(e))
        url, others = f"https://{name}", len(paper.authors) - NAMED
        authors = ", ".join(paper.authors[:NAMED]) + (f" and {others} others" if others > 0 else "")
        return Original(
            text.encode(),
            name,
            doc_id=doc_id,
            source=self.kind,
            family=f"arxiv.org/abs/{paper.id}",
            url=url,
            revision=paper.version,
            license=license,
            evidence=f"{terms.license}, which arXiv's record of {paper.id}{paper.version} states",
            attribution=f"{authors}, “{paper.title}”, {url}, {license}; made Markdown, shortened",
            retrieved=answer.headers.get(RETRIEVED, ""),
            format="latex",
        )


def newest(fetcher: Fetcher, category: str, most: int) -> list[_Paper]:
    """The newest papers of a category by their first versions. Raises FetchError, also where there are none."""
    client = arxiv.Client(page_size=min(most, AT_ONCE), delay_seconds=0, num_retries=0)  # the fetcher waits and retries
    # the only way in; the package's version is fixed
    client._session.mount("https://", Adapter(fetcher, _SEARCHING))
    asked = arxiv.Search(f"cat:{category}", max_results=most, sort_by=arxiv.SortCriterion.SubmittedDate)
    with understood(f"arxiv.org/list/{category}"):
        papers = [_paper(result) for result in client.results(asked)]
    if not papers:
        raise FetchError(f"arxiv.org/list/{category}", "there is no such category", 404)
    return papers


def _paper(result: arxiv.Result) -> _Paper:
    named = _ID.fullmatch(result.get_short_id())
    if named is None:
        raise ValueError(f"{result.entry_id!r} is no paper's address")
    title, authors = " ".join(result.title.split()), tuple(author.name for author in result.authors)
    return _Paper(named["id"], named["version"], title, authors, f"{result.updated:%Y-%m-%d}")


def harvest(fetcher: Fetcher, category: str, since: str) -> dict[str, _Terms]:
    """What the records of a category say that were changed from that day on, by the paper's id."""
    archive = category.partition(".")[0]
    asked = {
        "metadataPrefix": "arXivRaw",
        "set": f"{archive if archive in _GROUPS else 'physics'}:{category.replace('.', ':')}",
        "from_": since,
    }
    found = oai_pmh.records(fetcher.client(_HARVESTING), OAI, **asked)
    return {record.identifier.removeprefix("oai:arXiv.org:"): _terms(record.metadata) for record in found}


def _terms(raw: Any | None) -> _Terms:
    if raw is None:
        return _Terms()
    *_, last = raw.iterfind(f"{_RAW}version")
    size = re.fullmatch(r"(\d+)kb", (last.findtext(f"{_RAW}size") or "").strip())
    license = (raw.findtext(f"{_RAW}license") or "").strip()
    return _Terms(license, last.get("version", ""), 1000 * int(size[1]) if size else 0)


def _missing_category(category: str, error: StageError) -> Reject:
    return missing(digest("arxiv", category), f"arxiv.org/list/{category}", error)


def _listing_problem(response: httpx.Response) -> str:
    """The client takes broken feeds for empty ones; and the API answers with empty ones when it is overworked."""
    try:
        root = oai_pmh.parse_xml(response.content)
    except etree.XMLSyntaxError as e:
        return f"no XML: {e}"
    entries, total = root.findall(f"{_ATOM}entry"), root.findtext(f"{_SEARCH}totalResults") or ""
    if root.tag != f"{_ATOM}feed" or not total.strip().isdigit():
        return "no feed"
    if not entries and int(total) > int(root.findtext(f"{_SEARCH}startIndex") or 0):
        return "none of the papers that it counts"
    errors = (e.findtext(f"{_ATOM}summary") for e in entries if "/api/errors" in (e.findtext(f"{_ATOM}id") or ""))
    return next((f"an error: {error}" for error in errors), "")


# one request in three seconds for all of arXiv's interfaces together, as its terms of use ask
_SEARCHING = Manners(pace=3, service="arxiv.org", check=_listing_problem)
_HARVESTING = Manners(pace=3, service="arxiv.org", check=oai_pmh.problem, max_bytes=50_000_000)
_DOWNLOADING = Manners(
    pace=3, service="arxiv.org", check=problem, max_bytes=MAX_BYTES, fixed=re.compile(r"/src/\S+v\d+$")
)
