"""A double of Wikipedia in all its languages: the action API, and pages as Parsoid draws them.

    wikipedia = Wikipedia({("en", "Compiler"): Article("<h2>History</h2><p>…</p>", item="Q47506")})
    with serve(wikipedia.app) as service: ...
    wikipedia["en", "Compiler"].edit("<p>Changed.</p>")

The language is that of the Host header, so one double serves them all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

DATE = {"date": "Sun, 01 Mar 2026 10:00:00 GMT"}
BY_SA = "https://creativecommons.org/licenses/by-sa/4.0/deed.en"


@dataclass
class Article:
    html: str
    item: str = ""
    category: str = ""
    redirect: str = ""
    revision: int = 0

    def edit(self, html: str) -> None:
        self.html, self.revision = html, self.revision + 100_000


class Wikipedia(dict[tuple[str, str], Article]):
    def __init__(self, articles: dict[tuple[str, str], Article], rights: str = BY_SA) -> None:
        super().__init__(articles)
        self.rights = rights
        for number, article in enumerate(self.values(), start=1000):
            article.revision = number
        pages = Route("/w/rest.php/v1/revision/{revision:int}/html", self._html)
        self.app = Starlette(routes=[Route("/w/api.php", self._api), pages])

    def _api(self, request: Request) -> Response:
        language, asked = request.headers["host"].split(".")[0], dict(request.query_params)
        if asked.get("list") == "categorymembers":
            return self._members(language, asked)
        query: dict[str, Any] = {"pages": {}, "redirects": []}
        if asked.get("meta") == "siteinfo":
            query["rightsinfo"] = {"url": self.rights, "text": "the licence of the texts"}
        for number, title in enumerate(asked.get("titles", "").split("|")):
            article = self.get((language, title))
            if article and article.redirect:
                query["redirects"].append({"from": title, "to": article.redirect})
                title, article = article.redirect, self.get((language, article.redirect))
            if article is None:
                query["pages"][str(-1 - number)] = {"ns": 0, "title": title, "missing": ""}
                continue
            query["pages"][str(article.revision)] = {
                "pageid": article.revision,
                "ns": 0,
                "title": title,
                "lastrevid": article.revision,
                "canonicalurl": f"https://{language}.wikipedia.org/wiki/{quote(title.replace(' ', '_'))}",
                "pageprops": {"wikibase_item": article.item} if article.item else {},
            }
        return JSONResponse({"batchcomplete": "", "query": query}, headers=DATE)

    def _members(self, language: str, asked: dict[str, str]) -> Response:
        """As many members as are asked for in one answer, and where to go on."""
        titles = sorted(t for (lang, t), a in self.items() if lang == language and a.category == asked["cmtitle"])
        place = int(asked.get("cmcontinue", "0"))
        end = place + int(asked.get("cmlimit", "10"))
        found = [{"pageid": n, "ns": 0, "title": title} for n, title in enumerate(titles[place:end], start=1 + place)]
        more = {"continue": {"cmcontinue": str(end), "continue": "-||"}} if end < len(titles) else {}
        return JSONResponse({"query": {"categorymembers": found}, **more}, headers=DATE)

    def _html(self, request: Request) -> Response:
        revision = request.path_params["revision"]
        article = next((a for a in self.values() if a.revision == revision and not a.redirect), None)
        if article is None:
            raise HTTPException(404)
        page = f"<!DOCTYPE html><html><head><title>x</title></head><body>{article.html}</body></html>"
        return HTMLResponse(page, headers={"etag": f'W/"{revision}/abc"', **DATE})
