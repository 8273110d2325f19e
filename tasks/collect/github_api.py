"""GitHub's API, through PyGithub and politely: repositories at one commit, and their files by what they hold."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass
from threading import Lock
from typing import Any

import httpx
from github import Auth, Github
from github.Repository import Repository
from github.Requester import HTTPRequestsConnectionClass, HTTPSRequestsConnectionClass, Requester

from tasks.collect.fetch import Fetcher, Manners
from tasks.collect.fetch.answers import is_json
from tasks.collect.fetch.cache import RETRIEVED
from tasks.collect.fetch.requests_adapter import Adapter
from tasks.collect.source import understood
from tasks.secret import secret

TOKEN = "GITHUB_TOKEN"
_NAMED_BY_CONTENT = re.compile(r"/git/(blobs|trees)/([0-9a-f]{40})\b")
_LICENCE_FILE = re.compile(r"(licen[cs]e|copying)[^/]*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Found:
    """A repository at one commit; of its tree, the part under `folder` is wanted."""

    name: str
    folder: str
    repository: Repository
    license: str
    commit: str
    tree: str

    @property
    def where(self) -> str:
        return f"github.com/{self.name}"

    @property
    def at(self) -> str:
        """The address below which its files are at this commit."""
        return f"https://{self.where}/blob/{self.commit}"

    def files(self) -> Files:
        """What it holds: one call."""
        tree = self.repository.get_git_tree(self.tree, recursive=True)
        blobs = {e.path: (e.sha, e.size or 0) for e in tree.tree if e.type == "blob"}
        stated = next((path for path in sorted(blobs) if _LICENCE_FILE.fullmatch(path)), "")
        evidence = f"{self.at}/{stated}, as GitHub reads it" if stated else "GitHub's record of the repository"
        below = f"{self.folder}/" if self.folder else ""
        inside = {path: blob for path, blob in blobs.items() if path.startswith(below)}
        return Files(inside, not tree.raw_data.get("truncated"), evidence)

    def read(self, path: str, sha: str) -> tuple[bytes, str]:
        """A file's content, and when it was had. Raises FetchError."""
        with understood(f"{self.where}/{path}"):
            blob = self.repository.get_git_blob(sha)
            return base64.b64decode(blob.content), str(blob.raw_headers.get(RETRIEVED, ""))


@dataclass(frozen=True, slots=True)
class Files:
    """The files under a repository's folder: path -> sha and size. `whole`: GitHub listed them all."""

    blobs: dict[str, tuple[str, int]]
    whole: bool
    evidence: str
    """Where its licence was read."""


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
