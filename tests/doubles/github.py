"""A double of GitHub's REST API: repositories with files, commits, trees, blobs and licences.

github = GitHub({"acme/docs": Repository({"README.md": b"# Hello"}, license="MIT")})
with serve(github.app) as service: ...
github["acme/docs"].files["README.md"] = b"# Changed"
"""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

API = "https://api.github.com"
DATE = {"date": "Sun, 01 Mar 2026 10:00:00 GMT"}


def sha_of(kind: str, raw: bytes) -> str:
    return hashlib.sha1(f"{kind} {len(raw)}\0".encode() + raw).hexdigest()


@dataclass
class Repository:
    files: dict[str, bytes]
    license: str | None = "MIT"
    branch: str = "main"
    truncated: bool = False

    @property
    def tree(self) -> str:
        return sha_of("tree", json.dumps({p: sha_of("blob", b) for p, b in sorted(self.files.items())}).encode())

    @property
    def commit(self) -> str:
        return sha_of("commit", self.tree.encode())


class GitHub(dict[str, Repository]):
    """`moved` maps old names of repositories to new ones. With a token, calls without it are refused."""

    def __init__(self, repositories: dict[str, Repository], token: str = "") -> None:
        super().__init__(repositories)
        self.token = token
        self.moved: dict[str, str] = {}
        root = "/repos/{owner}/{name}"
        routes = {
            root: self._repository,
            "/repositories/{owner}/{name}": self._repository,
            f"{root}/branches/{{branch}}": self._branch,
            f"{root}/git/trees/{{sha}}": self._tree,
            f"{root}/git/blobs/{{sha}}": self._blob,
            "/rate_limit": self._rate_limit,
        }
        self.app = Starlette(routes=[Route(path, answer) for path, answer in routes.items()])

    def _named(self, request: Request) -> tuple[str, Repository]:
        name = f"{request.path_params['owner']}/{request.path_params['name']}"
        if self.token and request.headers.get("authorization") not in (f"token {self.token}", f"Bearer {self.token}"):
            raise HTTPException(401, "Bad credentials")
        if name not in self:
            raise HTTPException(404, "Not Found")
        return name, self[name]

    def _repository(self, request: Request) -> Response:
        old = f"{request.path_params['owner']}/{request.path_params['name']}"
        if new := self.moved.get(old):
            return RedirectResponse(f"{API}/repositories/{new}", 301, headers=DATE)
        name, repository = self._named(request)
        spdx = repository.license
        license = (
            {"key": spdx.lower(), "name": spdx, "spdx_id": spdx, "url": f"{API}/licenses/{spdx}"} if spdx else None
        )
        return _answer(
            request,
            {
                "id": 1,
                "full_name": name,
                "name": name.split("/")[1],
                "url": f"{API}/repos/{name}",
                "html_url": f"https://github.com/{name}",
                "default_branch": repository.branch,
                "license": license,
            },
        )

    def _branch(self, request: Request) -> Response:
        name, repository = self._named(request)
        if request.path_params["branch"] != repository.branch:
            raise HTTPException(404, "Branch not found")
        commit = f"{API}/repos/{name}/commits/{repository.commit}"
        tree = {"sha": repository.tree, "url": f"{API}/repos/{name}/git/trees/{repository.tree}"}
        inner = {"sha": repository.commit, "url": commit, "tree": tree}
        outer = {"sha": repository.commit, "url": commit, "commit": inner}
        return _answer(request, {"name": repository.branch, "commit": outer, "protected": False})

    def _tree(self, request: Request) -> Response:
        name, repository = self._named(request)
        if request.path_params["sha"] != repository.tree:
            raise HTTPException(404, "Not Found")
        folders = {"/".join(path.split("/")[:i]) for path in repository.files for i in range(1, path.count("/") + 1)}
        entries: list[dict[str, Any]] = [
            {"path": p, "mode": "040000", "type": "tree", "sha": sha_of("tree", p.encode())} for p in sorted(folders)
        ]
        for path, raw in sorted(repository.files.items()):
            entries.append(
                {"path": path, "mode": "100644", "type": "blob", "sha": sha_of("blob", raw), "size": len(raw)}
            )
        url = f"{API}/repos/{name}/git/trees/{repository.tree}"
        return _answer(
            request, {"sha": repository.tree, "url": url, "truncated": repository.truncated, "tree": entries}
        )

    def _blob(self, request: Request) -> Response:
        name, repository = self._named(request)
        sha = request.path_params["sha"]
        raw = next((raw for raw in repository.files.values() if sha_of("blob", raw) == sha), None)
        if raw is None:
            raise HTTPException(404, "Not Found")
        content = base64.encodebytes(raw).decode()
        url = f"{API}/repos/{name}/git/blobs/{sha}"
        return _answer(request, {"sha": sha, "size": len(raw), "url": url, "content": content, "encoding": "base64"})

    def _rate_limit(self, request: Request) -> Response:
        rate = {"limit": 5000, "used": 1, "remaining": 4999, "reset": 1772362800}
        return _answer(request, {"resources": {"core": rate}, "rate": rate})


def _answer(request: Request, value: object) -> Response:
    etag = f'W/"{hashlib.sha256(json.dumps(value).encode()).hexdigest()}"'
    headers = {"etag": etag, "x-ratelimit-remaining": "4999", **DATE}
    if request.headers.get("if-none-match") == etag:
        return Response(status_code=304, headers=headers)
    return JSONResponse(value, headers=headers)
