"""Wikipedia: articles as Parsoid draws them, because extracts of the text have neither tables nor code."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

import httpx
import wikipediaapi
from pydantic import Field

from tasks.collect import source
from tasks.collect.fetch import Fetcher, Manners
from tasks.collect.fetch.answers import is_json
from tasks.collect.fetch.cache import RETRIEVED
from tasks.collect.fetch.fetcher import Transport
from tasks.collect.source import Original, missing, understood
from tasks.config import CollectConfig
from tasks.licences import may_publish, spdx_of
from tasks.records import Reason, Reject, StageError, digest

_REVISION = re.compile(r"/w/rest\.php/v1/revision/\d+/html")
AT_ONCE = 50  # titles that the API takes in one call
LISTED = 500  # members of a category that it lists in one


class Source(source.Source):
    """Articles of one language, by title and from categories."""

    online: ClassVar[bool] = True
    language: str
    articles: tuple[str, ...] = ()
    categories: tuple[str, ...] = Field((), description="With the namespace's name, such as 'Category:Compilers'")
    per_category: int = Field(10, ge=1, le=LISTED, description="Most articles of one category")

    def plan(self) -> list[str]:
        site = f"{self.language}.wikipedia.org"
        found = [f"{site}/{name}, at most {self.per_category} articles" for name in self.categories]
        return [f"{site}/{title}" for title in self.articles] + found

    def hosts(self) -> tuple[str, ...]:
        return (f"{self.language}.wikipedia.org",)

    def check(self, fetcher: Fetcher) -> Iterator[str | Reject]:
        for found in self._pages(_Wiki(fetcher, self.language)):
            yield found if isinstance(found, Reject) else self._name(str(found["title"]))

    def read(self, fetcher: Fetcher, config: CollectConfig) -> Iterator[Original | Reject]:
        wiki = _Wiki(fetcher, self.language)
        for found in self._pages(wiki):
            yield found if isinstance(found, Reject) else self._article(wiki, found)

    def _pages(self, wiki: _Wiki) -> Iterator[dict[str, Any] | Reject]:
        """What the API says of every article, once, where its licence lets it be published."""
        titles = dict.fromkeys(self.articles)
        for category in self.categories:
            try:
                titles |= dict.fromkeys(wiki.members(category)[: self.per_category])
            except StageError as e:
                yield self._missing(category, e)
        seen: set[str] = set()
        wanted = tuple(titles)
        for some in (wanted[i : i + AT_ONCE] for i in range(0, len(wanted), AT_ONCE)):
            try:
                rights, pages = wiki.facts(some)
            except StageError as e:
                yield from (self._missing(title, e) for title in some)
                continue
            for title, page in pages.items():
                if page is None:
                    detail = f"{self._name(title)}: there is no such article"
                    yield Reject("collect", Reason.GONE, self._id(title), detail=detail)
                elif not may_publish(spdx_of(rights)):
                    detail = f"{self._name(title)}: the site states {rights or 'no licence'}"
                    yield Reject("collect", Reason.LICENCE, self._id(title), detail=detail)
                elif page["title"] not in seen:
                    seen.add(page["title"])
                    yield {**page, "rights": rights}

    def _article(self, wiki: _Wiki, page: dict[str, Any]) -> Original | Reject:
        title, rights = str(page["title"]), str(page["rights"])
        license = spdx_of(rights)
        try:
            with understood(self._name(title)):
                answer = wiki.html(page["lastrevid"])
                url = str(page.get("canonicalurl") or page.get("fullurl", ""))
                item = page.get("pageprops", {}).get("wikibase_item")
                return Original(
                    answer.content,
                    self._name(title),
                    doc_id=self._id(title),
                    source=self.kind,
                    # translations of one article stay together
                    family=f"wikidata.org/{item}" if item else self._name(title),
                    url=url,
                    revision=str(page["lastrevid"]),
                    license=license,
                    evidence=f"{rights}, which {self.language}.wikipedia.org states for its texts",
                    attribution=f"the authors of “{title}”, {url}?action=history, {license}; made Markdown, shortened",
                    retrieved=answer.headers.get(RETRIEVED, ""),
                    language=self.language,
                    format="html",
                )
        except StageError as e:
            return self._missing(title, e)

    def _name(self, title: str) -> str:
        return f"{self.language}.wikipedia.org/{title}"

    def _id(self, title: str) -> str:
        return digest("wikipedia", self.language, title)

    def _missing(self, title: str, error: StageError) -> Reject:
        return missing(self._id(title), self._name(title), error)


def _problem(response: httpx.Response) -> str:
    """The API says what is wrong in a successful answer."""
    if not response.request.url.path.endswith("api.php"):
        return "" if b"<body" in response.content else "no page"
    if problem := is_json(response):
        return problem
    answer = response.json()
    if not isinstance(answer, dict) or "query" not in answer:
        error = answer.get("error", {}) if isinstance(answer, dict) else {}
        return f"error {error.get('code', '?')}: {error.get('info', 'no query')}"
    return ""


MANNERS = Manners(pace=0.5, check=_problem, fixed=_REVISION)


class _Wiki(wikipediaapi.Wikipedia):  # type: ignore[misc]
    """The client, asking through a fetcher, with one call for many titles."""

    def __init__(self, fetcher: Fetcher, language: str) -> None:
        transport = Transport(fetcher, MANNERS)
        polite = {"maxlag": 5}  # asks to be refused while the service is behind with its work
        super().__init__(fetcher.identity, language, max_retries=0, extra_api_params=polite, transport=transport)
        self._pages = fetcher.client(MANNERS)

    def facts(self, titles: Sequence[str]) -> tuple[str, dict[str, dict[str, Any] | None]]:
        """The licence of the site's texts, and each title's page with its revision, address and Wikidata item; None
        where there is none."""
        asked = {
            "action": "query",
            "prop": "info|pageprops",
            "inprop": "url",
            "ppprop": "wikibase_item",
            "meta": "siteinfo",
            "siprop": "rightsinfo",
            "titles": "|".join(titles),
        }
        with understood(f"{self.language}.wikipedia.org"):
            answer = self._get(self.language, self._construct_params(self.page(titles[0]), asked))
            query = answer["query"]
            pages = {p["title"]: p for p in query["pages"].values() if "missing" not in p and "invalid" not in p}
            for key in ("redirects", "normalized"):
                pages |= {r["from"]: pages[r["to"]] for r in query.get(key, ()) if r["to"] in pages}
            return str(query["rightsinfo"]["url"]), {title: pages.get(title) for title in titles}

    def members(self, category: str) -> list[str]:
        """The titles of a category's articles, sorted; of a large category, of the first that one call lists."""
        asked = {
            "action": "query",
            "list": "categorymembers",
            "cmtitle": category,
            "cmtype": "page",
            "cmlimit": LISTED,
        }
        with understood(f"{self.language}.wikipedia.org/{category}"):
            found = self._get(self.language, self._construct_params(self.page(category), asked))
            return sorted(page["title"] for page in found["query"]["categorymembers"] if page["ns"] == 0)

    def html(self, revision: int) -> httpx.Response:
        url = f"https://{self.language}.wikipedia.org/w/rest.php/v1/revision/{revision}/html"
        return self._pages.get(url)
