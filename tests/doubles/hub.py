"""A double of the Hugging Face Hub: repositories with commits, tags and visibility, LFS, and files at any revision.

It answers what the real clients ask for (huggingface_hub, datasets, hf://). It speaks LFS, not Xet.

    hub = Hub()
    with serve(hub.app) as service:
        HfApi(endpoint=service.url, token=hub.token).create_repo("me/pages", repo_type="dataset")
    assert hub.repositories["dataset", "me/pages"].files.keys() == {".gitattributes"}
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

LFS_SUFFIXES = (".parquet", ".safetensors", ".pdf", ".png")


@dataclass(frozen=True)
class Blob:
    data: bytes
    lfs: bool

    @property
    def oid(self) -> str:
        if self.lfs:
            return hashlib.sha256(self.data).hexdigest()
        return hashlib.sha1(b"blob %d\0" % len(self.data) + self.data).hexdigest()


@dataclass
class Repository:
    """Its commits, the newest last, each with all files at it."""

    private: bool
    commits: dict[str, Mapping[str, Blob]] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)

    @property
    def head(self) -> str:
        return list(self.commits)[-1]

    @property
    def files(self) -> Mapping[str, Blob]:
        return self.commits[self.head]

    def commit(self, files: Mapping[str, Blob]) -> str:
        named = sorted((name, blob.oid) for name, blob in files.items())
        sha = hashlib.sha1(f"{len(self.commits)} {named}".encode()).hexdigest()
        self.commits[sha] = dict(files)
        return sha

    def at(self, revision: str) -> tuple[str, Mapping[str, Blob]]:
        sha = self.head if revision == "main" else self.tags.get(revision, revision)
        if sha not in self.commits:
            raise _error(404, f"Invalid rev id: {revision}", "RevisionNotFound")
        return sha, self.commits[sha]


def _error(status: int, message: str, code: str = "") -> HTTPException:
    """The client knows an error by the code in its headers."""
    return HTTPException(status, message, {"X-Error-Message": message, **({"X-Error-Code": code} if code else {})})


class Hub:
    """`repositories` is keyed by "dataset" or "model" and "owner/name"; `lfs` holds uploaded objects by SHA-256, and
    `received` names each that arrived whole, as often as it did."""

    def __init__(self, token: str = "hf_double") -> None:
        self.token = token
        self.repositories: dict[tuple[str, str], Repository] = {}
        self.lfs: dict[str, bytes] = {}
        self.received: list[str] = []
        api = "/api/{kind}s/{owner}/{name}"
        routes = [
            Route("/api/repos/create", self._create, methods=["POST"]),
            Route("/api/validate-yaml", self._validate, methods=["POST"]),
            Route(api, self._info),
            Route(api + "/refs", self._refs),
            Route(api + "/revision/{revision:path}", self._info),
            Route(api + "/tree/{revision}", self._tree),
            Route(api + "/tree/{revision}/{path:path}", self._tree),
            Route(api + "/paths-info/{revision:path}", self._paths_info, methods=["POST"]),
            Route(api + "/preupload/{revision:path}", self._preupload, methods=["POST"]),
            Route(api + "/commit/{revision:path}", self._commit, methods=["POST"]),
            Route(api + "/tag/{revision:path}", self._tag, methods=["POST"]),
            Route("/lfs/verify", self._verify, methods=["POST"]),
            Route("/lfs/{oid}", self._put, methods=["PUT"]),
        ]
        for kind in ("/datasets", ""):
            routes.append(Route(kind + "/{owner}/{name}.git/info/lfs/objects/batch", self._batch, methods=["POST"]))
            routes.append(Route(kind + "/{owner}/{name}/resolve/{revision}/{path:path}", self._resolve))
        self.app = Starlette(routes=routes, exception_handlers={HTTPException: _answer})

    def create(self, kind: str, name: str, private: bool = False) -> Repository:
        repository = self.repositories[kind, name] = Repository(private)
        repository.commit({".gitattributes": Blob(b"*.parquet filter=lfs\n", lfs=False)})
        return repository

    def _known(self, request: Request) -> bool:
        given = request.headers.get("Authorization")
        if given and given != f"Bearer {self.token}":
            raise _error(401, "Invalid credentials in Authorization header")
        return bool(given)

    def _find(self, request: Request, write: bool = False) -> Repository:
        known, at = self._known(request), request.path_params
        kind = at.get("kind") or ("dataset" if request.url.path.startswith("/datasets/") else "model")
        repository = self.repositories.get((kind, f"{at['owner']}/{at['name']}"))
        if repository is None or (repository.private and not known):
            raise _error(404 if known else 401, "Repository not found", "RepoNotFound")
        if write and not known:
            raise _error(401, "Invalid username or password.")
        return repository

    def _files(self, request: Request, write: bool = False) -> Mapping[str, Blob]:
        return self._find(request, write).at(request.path_params["revision"])[1]

    async def _create(self, request: Request) -> Response:
        if not self._known(request):
            raise _error(401, "Invalid username or password.")
        asked = await request.json()
        kind, name = asked.get("type") or "model", f"{asked['organization']}/{asked['name']}"
        url = _page(request, kind, name)
        if (kind, name) in self.repositories:
            return JSONResponse({"error": "You already created this repo", "url": url}, 409)
        self.create(kind, name, asked.get("visibility") == "private")
        return JSONResponse({"url": url, "name": name})

    async def _validate(self, request: Request) -> Response:
        return JSONResponse({"errors": [], "warnings": []})

    async def _info(self, request: Request) -> Response:
        repository, at = self._find(request), request.path_params
        sha, files = repository.at(at.get("revision", "main"))
        about = {"id": f"{at['owner']}/{at['name']}", "sha": sha, "private": repository.private, "tags": []}
        return JSONResponse({**about, "siblings": [{"rfilename": path} for path in files]})

    async def _refs(self, request: Request) -> Response:
        repository = self._find(request)
        branches, tags = (
            [{"name": name, "ref": f"refs/{where}/{name}", "targetCommit": sha} for name, sha in refs.items()]
            for where, refs in (("heads", {"main": repository.head}), ("tags", repository.tags))
        )
        return JSONResponse({"branches": branches, "tags": tags, "converts": []})

    async def _tree(self, request: Request) -> Response:
        files, path = self._files(request), request.path_params.get("path", "")
        below = f"{path}/" if path else ""
        found = {p: blob for p, blob in files.items() if p.startswith(below)}
        if path and not found:
            raise _error(404, f"{path} does not exist", "EntryNotFound")
        deep = request.query_params.get("recursive", "").lower() == "true"
        entries = [_folder(p) for p in sorted(_folders(found)) if p.startswith(below)]
        entries += [_file(p, blob) for p, blob in sorted(found.items())]
        return JSONResponse([e for e in entries if deep or "/" not in e["path"][len(below) :]])

    async def _paths_info(self, request: Request) -> Response:
        files, form = self._files(request), await request.form()
        asked = [str(path).strip("/") for path in form.getlist("paths")]
        known = [_file(p, files[p]) for p in asked if p in files]
        return JSONResponse(known + [_folder(p) for p in asked if p in _folders(files)])

    async def _resolve(self, request: Request) -> Response:
        sha, files = self._find(request).at(request.path_params["revision"])
        if (blob := files.get(request.path_params["path"])) is None:
            raise _error(404, "Entry not found", "EntryNotFound")
        headers = {"ETag": f'"{blob.oid}"', "X-Repo-Commit": sha, "Accept-Ranges": "bytes"}
        if not (wanted := request.headers.get("Range")):
            return Response(blob.data, 200, headers)
        first, _, last = wanted.removeprefix("bytes=").partition("-")
        part = blob.data[int(first) : int(last or len(blob.data)) + 1]
        headers["Content-Range"] = f"bytes {first}-{int(first) + len(part) - 1}/{len(blob.data)}"
        return Response(part, 206, headers)

    async def _preupload(self, request: Request) -> Response:
        files = self._files(request, write=True)
        answers = [
            {
                "path": asked["path"],
                "uploadMode": "lfs" if asked["path"].endswith(LFS_SUFFIXES) else "regular",
                "shouldIgnore": False,
                "oid": files[asked["path"]].oid if asked["path"] in files else None,
            }
            for asked in (await request.json())["files"]
        ]
        return JSONResponse({"files": answers})

    async def _batch(self, request: Request) -> Response:
        self._find(request, write=True)
        objects = [{"oid": asked["oid"], "size": asked["size"]} for asked in (await request.json())["objects"]]
        for wanted in objects:
            if wanted["oid"] not in self.lfs:
                upload, verify = (f"{request.base_url}lfs/{end}" for end in (wanted["oid"], "verify"))
                wanted["actions"] = {"upload": {"href": upload}, "verify": {"href": verify}}
        return JSONResponse({"transfer": "basic", "objects": objects})

    async def _put(self, request: Request) -> Response:
        data, oid = await request.body(), request.path_params["oid"]
        if hashlib.sha256(data).hexdigest() != oid:
            return Response(status_code=400)
        self.lfs[oid] = data
        self.received.append(oid)
        return Response()

    async def _verify(self, request: Request) -> Response:
        asked = await request.json()
        return JSONResponse({}, 200 if len(self.lfs.get(asked["oid"], b"")) == asked["size"] else 404)

    async def _commit(self, request: Request) -> Response:
        repository = self._find(request, write=True)
        header, *changes = (json.loads(line) for line in (await request.body()).split(b"\n") if line)
        if header["value"].get("parentCommit", repository.head) != repository.head:
            raise _error(412, "A commit has happened since. Please refresh and try again.")
        files = dict(repository.files)
        for change in changes:
            value = change["value"]
            match change["key"]:
                case "file":
                    files[value["path"]] = Blob(base64.b64decode(value["content"]), lfs=False)
                case "lfsFile" if value["oid"] in self.lfs:
                    files[value["path"]] = Blob(self.lfs[value["oid"]], lfs=True)
                case "deletedFile":
                    del files[value["path"]]
                case _:
                    raise _error(400, f"cannot commit {change['key']} {value['path']}")
        sha = repository.commit(files)
        at = request.path_params
        page = _page(request, at["kind"], f"{at['owner']}/{at['name']}")
        return JSONResponse({"success": True, "commitOid": sha, "commitUrl": f"{page}/commit/{sha}"})

    async def _tag(self, request: Request) -> Response:
        repository, tag = self._find(request, write=True), (await request.json())["tag"]
        if tag in repository.tags:
            raise _error(409, f"Tag {tag} already exists")
        repository.tags[tag] = repository.at(request.path_params["revision"])[0]
        return JSONResponse({})


async def _answer(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return JSONResponse({"error": error.detail}, error.status_code, error.headers)


def _page(request: Request, kind: str, name: str) -> str:
    """Where a browser would find a repository."""
    return f"{request.base_url}{'datasets/' if kind == 'dataset' else ''}{name}"


def _folders(paths: Iterable[str]) -> set[str]:
    return {path.rsplit("/", n)[0] for path in paths for n in range(1, path.count("/") + 1)}


def _folder(path: str) -> dict[str, Any]:
    return {"type": "directory", "oid": "0" * 40, "size": 0, "path": path}


def _file(path: str, blob: Blob) -> dict[str, Any]:
    entry: dict[str, Any] = {"type": "file", "oid": blob.oid, "size": len(blob.data), "path": path}
    return {**entry, "lfs": {"oid": blob.oid, "size": len(blob.data), "pointerSize": 134}} if blob.lfs else entry
