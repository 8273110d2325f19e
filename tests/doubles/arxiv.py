"""A double of arXiv: the search API (Atom), the records (OAI-PMH 2.0) and the e-prints.

    arxiv = ArXiv({"2401.01234": Paper("A title", tar_gz({"main.tex": b"..."}), license=CC_BY)})
    with serve(arxiv.app) as service: ...
    arxiv["2401.01234"].replace(tar_gz({"main.tex": b"..."}))      # version 2
    arxiv.expire()                                                 # resumption tokens given out so far

The newest paper is the last one. Dates and answers follow https://github.com/arXiv/oaipmh and arxiv-browse.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from urllib.parse import parse_qsl, urlencode
from xml.sax.saxutils import escape, quoteattr

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

DATE = {"date": "Sun, 01 Mar 2026 10:00:00 GMT"}
CC_BY = "http://creativecommons.org/licenses/by/4.0/"
ARXIV_ONLY = "http://arxiv.org/licenses/nonexclusive-distrib/1.0/"
FIRST = date(2026, 2, 1)


@dataclass
class Paper:
    """`source` is what its e-print is; `record` what OAI-PMH has of it: the newest version, a deleted one, or none."""

    title: str
    source: bytes
    license: str = CC_BY
    categories: tuple[str, ...] = ("cs.CL",)
    authors: tuple[str, ...] = ("Ada Example", "Bo Example")
    version: int = 1
    record: str = "kept"
    recorded: int = 0
    size: int = 0
    submitted: date = FIRST
    updated: date = FIRST
    encoding: str = ""

    def replace(self, source: bytes) -> None:
        self.source, self.version, self.updated = source, self.version + 1, self.updated + timedelta(days=20)


class ArXiv(dict[str, Paper]):
    """`page` is how many records one answer of OAI-PMH holds."""

    def __init__(self, papers: dict[str, Paper], page: int = 2) -> None:
        super().__init__(papers)
        self.page = page
        self.issue = 0
        for number, paper in enumerate(papers.values()):
            paper.submitted = paper.updated = FIRST + timedelta(days=number)
        eprints = Route("/src/{name:path}", self._source)
        old = Route("/e-print/{name:path}", lambda r: RedirectResponse(f"/src/{r.path_params['name']}", 301))
        self.app = Starlette(routes=[Route("/api/query", self._search), Route("/oai", self._oai), eprints, old])

    def expire(self) -> None:
        self.issue += 1

    def _search(self, request: Request) -> Response:
        asked = request.query_params
        category, start = asked["search_query"].removeprefix("cat:"), int(asked["start"])
        assert (asked["sortBy"], asked["sortOrder"]) == ("submittedDate", "descending")
        found = [(name, paper) for name, paper in self.items() if category in paper.categories]
        found.sort(key=lambda pair: (pair[1].submitted, pair[0]), reverse=True)
        entries = "".join(_entry(*pair) for pair in found[start : start + int(asked["max_results"])])
        search = 'xmlns:opensearch="http://a9.com/-/spec/opensearch/1.1/"'
        numbers = f"<opensearch:totalResults {search}>{len(found)}</opensearch:totalResults>"
        numbers += f"<opensearch:startIndex {search}>{start}</opensearch:startIndex>"
        feed = f'<feed xmlns="http://www.w3.org/2005/Atom"><title>x</title>{numbers}{entries}</feed>'
        return _xml(feed, "application/atom+xml")

    def _oai(self, request: Request) -> Response:
        asked = dict(request.query_params)
        if asked.get("verb") == "Identify":
            return _xml(_envelope("<Identify><repositoryName>arXiv</repositoryName></Identify>"))
        skip = 0
        if token := asked.get("resumptionToken"):
            asked = dict(parse_qsl(token))
            if asked.pop("issue", "") != str(self.issue):
                return _xml(_envelope("<error code='badResumptionToken'>The token is invalid or expired.</error>"))
            skip = int(asked.pop("skip"))
        assert asked["metadataPrefix"] == "arXivRaw"
        category = asked["set"].split(":", 1)[1].replace(":", ".")
        found = [
            (name, paper)
            for name, paper in sorted(self.items(), key=lambda pair: pair[1].updated)
            if category in paper.categories and paper.record and f"{paper.updated}" >= asked["from"]
        ]
        if not found:
            return _xml(_envelope("<error code='noRecordsMatch'>The list is empty.</error>"))
        end = skip + self.page
        more = urlencode({**asked, "skip": end, "issue": self.issue}) if end < len(found) else ""
        token = f"<resumptionToken>{escape(more)}</resumptionToken>" if more or skip else ""
        listed = "".join(_record(*pair) for pair in found[skip:end])
        return _xml(_envelope(f"<ListRecords>{listed}{token}</ListRecords>"))

    def _source(self, request: Request) -> Response:
        name, _, version = request.path_params["name"].rpartition("v")
        paper = self.get(name)
        if paper is None or paper.version != int(version):
            raise HTTPException(404)
        kind = "application/pdf" if paper.source.startswith(b"%PDF") else "application/gzip"
        headers = {"etag": f'"{hashlib.md5(paper.source).hexdigest()}"', "content-type": kind, **DATE}
        if paper.encoding:
            headers["content-encoding"] = paper.encoding
        return Response(paper.source, headers=headers)


def tar_gz(files: Mapping[str, bytes]) -> bytes:
    """A gzipped tar of files, as most e-prints are."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return gzip.compress(out.getvalue(), mtime=0)


def _entry(name: str, paper: Paper) -> str:
    address = f"http://arxiv.org/abs/{name}v{paper.version}"
    authors = "".join(f"<author><name>{escape(author)}</name></author>" for author in paper.authors)
    categories = "".join(f"<category term={quoteattr(c)}/>" for c in paper.categories)
    return (
        f"<entry><id>{address}</id><updated>{paper.updated}T09:00:00Z</updated>"
        f"<published>{paper.submitted}T09:00:00Z</published><title>{escape(paper.title)}</title><summary>s</summary>"
        f'{authors}{categories}<link title="pdf" href="{address.replace("abs", "pdf")}" rel="related"/></entry>'
    )


def _record(name: str, paper: Paper) -> str:
    header = f"<identifier>oai:arXiv.org:{name}</identifier><datestamp>{paper.updated}</datestamp>"
    if paper.record == "deleted":
        return f'<record><header status="deleted">{header}</header></record>'
    license = f"<license>{escape(paper.license)}</license>" if paper.license else ""
    size = paper.size or -(-len(paper.source) // 1000)
    versions = "".join(
        f'<version version="v{n}"><date>Sun, 01 Feb 2026 09:00:00 GMT</date><size>{size}kb</size></version>'
        for n in range(1, (paper.recorded or paper.version) + 1)
    )
    raw = f'<arXivRaw xmlns="http://arxiv.org/OAI/arXivRaw/"><id>{name}</id>{versions}{license}</arXivRaw>'
    return f"<record><header>{header}</header><metadata>{raw}</metadata></record>"


def _envelope(content: str) -> str:
    return f'<OAI-PMH xmlns="http://www.openarchives.org/OAI/2.0/"><request/>{content}</OAI-PMH>'


def _xml(text: str, kind: str = "text/xml") -> Response:
    return Response(f'<?xml version="1.0" encoding="UTF-8"?>{text}', headers={"content-type": kind, **DATE})
