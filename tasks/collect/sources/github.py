"""GitHub: the Markdown of repositories, whose licence allows it, at the commit where their default branch stands."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any, ClassVar

import httpx
from github import Auth, Github
from github.Repository import Repository
from github.Requester import HTTPRequestsConnectionClass, HTTPSRequestsConnectionClass, Requester
from pydantic import Field

from tasks.collect import source
from tasks.collect.fetch import Fetcher, Manners
from tasks.collect.fetch.answers import is_json
from tasks.collect.fetch.cache import RETRIEVED
from tasks.collect.fetch.requests_adapter import Adapter
from tasks.collect.intake import MAX_BYTES
from tasks.collect.secret import secret
from tasks.collect.source import Original, missing, understood
from tasks.config import CollectConfig
from tasks.licences import may_publish
from tasks.records import Reason, Reject, StageError, digest

TOKEN = "GITHUB_TOKEN"
_NAMED_BY_CONTENT = re.compile(r"/git/(blobs|trees)/([0-9a-f]{40})\b")
_MARKDOWN = re.compile(r"\.(md|markdown)$", re.IGNORECASE)
_LICENCE_FILE = re.compile(r"(licen[cs]e|copying)[^/]*", re.IGNORECASE)
# folders and files that hold no prose, or prose that is the same everywhere
_DULL = re.compile(
    r"(^|/)(\.[^/]+|node_modules|vendor|third[_-]party|tests?|__tests__|fixtures?|templates?)/"
    r"|(^|/)(change_?log|changes|history|release[_-]?notes|releases|licen[cs]e|copying|code[_-]of[_-]conduct|security"
    r"|(pull_request|issue)_template)(\.[^/]*)?$",
    re.IGNORECASE,
)
_RICH = re.compile(r"(^|/)(docs?|documentation|guides?|tutorials?|manual|book|handbook|articles|content|pages)/", re.I)
_README = re.compile(r"(^|/)readme[^/]*$", re.IGNORECASE)
_LANGUAGES = "ar|cs|de|en|es|fa|fr|he|hi|id|it|ja|ko|nl|pl|pt|ru|th|tr|uk|vi|zh"
_LANGUAGE = re.compile(rf"(?:^|/)(?:[^/]*[._])?({_LANGUAGES})(?:[-_][a-z]{{2,4}})?(?:/|\.md$)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Found:
    """A repository at one commit; of its tree, the part under `folder` is wanted."""

    name: str
    folder: str
    repository: Repository
    license: str
    commit: str
    tree: str


class Source(source.Source):
    """Repositories as `owner/name`, or `owner/name:folder` for one folder of it."""

    online: ClassVar[bool] = True
    repositories: tuple[str, ...] = Field(min_length=1)
    language: str = Field("", description="Files in any other language are rejects; empty takes all")
    files: int = Field(15, ge=1, description="Most files of one repository, those rich in content first")
    translations: dict[str, str] = Field({}, description="Repository -> the one that it translates: one family")

    def plan(self) -> list[str]:
        return [f"github.com/{name}, at most {self.files} files" for name in self.repositories]

    def check(self, fetcher: Fetcher) -> Iterator[str | Reject]:
        for found in self._repositories(fetcher):
            yield found if isinstance(found, Reject) else f"github.com/{found.name}, {found.license}"

    def read(self, fetcher: Fetcher, config: CollectConfig) -> Iterator[Original | Reject]:
        for found in self._repositories(fetcher):
            if isinstance(found, Reject):
                yield found
                continue
            try:
                with understood(f"github.com/{found.name}"):
                    yield from self._files(found)
            except StageError as e:
                yield missing(digest("github", found.name), f"github.com/{found.name}", e)

    def _repositories(self, fetcher: Fetcher) -> Iterator[_Found | Reject]:
        """The repositories that are there and may be published, where their default branches stand."""
        client = connect(fetcher)
        for entry in self.repositories:
            name, _, folder = entry.partition(":")
            where = f"github.com/{name}"
            try:
                with understood(where):
                    repository = client.get_repo(name)
                    tip = repository.get_branch(repository.default_branch).commit
                    license = (repository.license and repository.license.spdx_id) or "NOASSERTION"
                    found = _Found(name, folder, repository, license, tip.sha, tip.commit.tree.sha)
            except StageError as e:
                yield missing(digest("github", name), where, e)
                continue
            if may_publish(license):
                yield found
            else:
                detail = f"{where}: {license} is none of the licences that let anybody pass a text on"
                yield Reject("collect", Reason.LICENCE, digest("github", name), detail=detail)

    def _files(self, found: _Found) -> Iterator[Original | Reject]:
        name, repository, license = found.name, found.repository, found.license
        where = f"github.com/{name}"
        tree = repository.get_git_tree(found.tree, recursive=True)
        blobs = {e.path: (e.sha, e.size or 0) for e in tree.tree if e.type == "blob"}
        whole = not tree.raw_data.get("truncated")
        at = f"https://{where}/blob/{found.commit}"
        stated = next((path for path in sorted(blobs) if _LICENCE_FILE.fullmatch(path)), "")
        evidence = f"{at}/{stated}, as GitHub reads it" if stated else "GitHub's record of the repository"
        below = f"{found.folder}/" if found.folder else ""
        paths = ranked([path for path in blobs if path.startswith(below)], self.language)
        if not paths and whole:
            there = any(path.startswith(below) for path in blobs)
            what = "no Markdown that is wanted" if there else "no such folder, or an empty one"
            detail = f"{where}{f'/{found.folder}' if below else ''}: {what}"
            yield Reject("collect", Reason.GONE, digest("github", name, found.folder), detail=detail)
        if len(paths) > self.files or not whole:
            listed = f"{len(paths)} files of Markdown" + ("" if whole else ", in the part that GitHub lists")
            detail = f"{where}: {listed}; {self.files} are taken"
            yield Reject("collect", Reason.SOURCE_CAP, digest("github", name), detail=detail)
        for path in paths[: self.files]:
            sha, size = blobs[path]
            doc_id, shown = digest("github", name, path), f"{where}/{path}"
            if size > MAX_BYTES:
                detail = f"{shown}: {size} bytes; at most {MAX_BYTES} are read"
                yield Reject("collect", Reason.TOO_LONG, doc_id, detail=detail)
                continue
            try:
                with understood(shown):
                    blob = repository.get_git_blob(sha)
                    raw, retrieved = base64.b64decode(blob.content), str(blob.raw_headers.get(RETRIEVED, ""))
            except StageError as e:
                yield missing(doc_id, shown, e)
                continue
            yield Original(
                raw,
                shown,
                doc_id=doc_id,
                source=self.kind,
                family=f"github.com/{self.translations.get(name, name)}",
                url=f"{at}/{path}",
                revision=sha,
                license=license,
                evidence=evidence,
                attribution=f"the contributors of {name}, {at}/{path}, {license}",
                retrieved=retrieved,
                language=self.language,
            )


def ranked(paths: Sequence[str], language: str) -> list[str]:
    """The Markdown files among these paths, rich ones first: the readme, then documentation, then the rest.

    Files that their name puts in another language than the one wanted are left out.
    """
    found: list[tuple[bool, int, int, str]] = []
    for path in paths:
        if not _MARKDOWN.search(path) or _DULL.search(path):
            continue
        named = {match.lower() for match in _LANGUAGE.findall(path)}
        if named and language and language not in named:
            continue
        depth = path.count("/")
        readme = bool(_README.search(path))
        kind = 0 if readme and not depth else 1 if _RICH.search(path) else 2 if readme else 3
        found.append((language not in named, kind, depth, path))
    return [path for *_, path in sorted(found)]


def _problem(response: httpx.Response) -> str:
    """Everything is JSON with what the call is made for, and blobs are what their name says."""
    if problem := is_json(response):
        return problem
    answer, path = response.json(), response.request.url.path
    kinds = {"/git/blobs/": "content", "/git/trees/": "tree", "/branches/": "commit", "/repos/": "full_name"}
    key = next((key for part, key in kinds.items() if part in path), None)
    if not isinstance(answer, dict) or (key and key not in answer):
        return f"JSON without {key}"
    named = _NAMED_BY_CONTENT.search(path)
    if named and named[1] == "blobs":
        try:
            raw = base64.b64decode(answer["content"])
        except (TypeError, ValueError):
            return "no base64"
        if hashlib.sha1(b"blob %d\0" % len(raw) + raw).hexdigest() != named[2]:
            return "another blob than the one that was asked for"
    return ""


MANNERS = Manners(
    pace=0.1,
    check=_problem,
    fixed=_NAMED_BY_CONTENT,
    remedy=f"check that it exists and that the token in {TOKEN} (or the Secret block github-token) may read it",
)
_INJECTING = Lock()


def connect(fetcher: Fetcher) -> Github:
    """PyGithub, whose every request goes through a fetcher."""

    class Polite(HTTPSRequestsConnectionClass):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.session.mount("https://", Adapter(fetcher, MANNERS))

    token = secret(TOKEN)
    with _INJECTING:  # the class that a client connects with is settled when the client is made
        Requester.injectConnectionClasses(HTTPRequestsConnectionClass, Polite)
        try:
            return Github(auth=Auth.Token(token) if token else None, retry=None, seconds_between_requests=0)
        finally:
            Requester.resetConnectionClasses()
