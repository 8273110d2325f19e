"""GitHub: Markdown or LaTeX of repositories whose licence allows it, at the commit of their default branch."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import ClassVar, Literal

from pydantic import Field

from tasks.collect import source
from tasks.collect.fetch import Fetcher
from tasks.collect.github_api import Files, Found, connect
from tasks.collect.intake import MAX_BYTES
from tasks.collect.latex import LatexError, flatten_files, parts
from tasks.collect.latex.archive import MAX_TEXT, MAX_TEXTS, is_text
from tasks.collect.latex.main_file import find_main
from tasks.collect.source import Original, missing, understood
from tasks.config import CollectConfig
from tasks.licences import may_publish
from tasks.records import Reason, Reject, StageError, digest

MAX_FILES = 400  # of LaTeX, in one repository
_MARKDOWN = re.compile(r"\.(md|markdown)$", re.IGNORECASE)
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


class Source(source.Source):
    """Repositories as `owner/name`, or `owner/name:folder` for one folder of it."""

    online: ClassVar[bool] = True
    repositories: tuple[str, ...] = Field(min_length=1)
    language: str = Field("", description="Files in any other language are rejects; empty takes all")
    format: Literal["markdown", "latex"] = Field("markdown", description="latex: one document, by chapters if large")
    files: int = Field(15, ge=1, description="Most texts of one repository, those rich in content first")
    translations: dict[str, str] = Field({}, description="Repository -> the one that it translates: one family")

    def plan(self) -> list[str]:
        what = "files" if self.format == "markdown" else "chapters of its LaTeX"
        return [f"github.com/{name}, at most {self.files} {what}" for name in self.repositories]

    def hosts(self) -> tuple[str, ...]:
        return ("api.github.com",)

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

    def _repositories(self, fetcher: Fetcher) -> Iterator[Found | Reject]:
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
                    found = Found(name, folder, repository, license, tip.sha, tip.commit.tree.sha)
            except StageError as e:
                yield missing(digest("github", name), where, e)
                continue
            if may_publish(license):
                yield found
            else:
                detail = f"{where}: {license} is none of the licences that let anybody pass a text on"
                yield Reject("collect", Reason.LICENCE, digest("github", name), detail=detail)

    def _files(self, found: Found) -> Iterator[Original | Reject]:
        there = found.files()
        wanted = ranked(list(there.blobs), self.language) if self.format == "markdown" else texts(list(there.blobs))
        what = "Markdown" if self.format == "markdown" else "LaTeX"
        if not wanted and there.whole:
            why = f"no {what} that is wanted" if there.blobs else "no such folder, or an empty one"
            detail = f"{found.where}{f'/{found.folder}' if found.folder else ''}: {why}"
            yield Reject("collect", Reason.GONE, digest("github", found.name, found.folder), detail=detail)
        most = self.files if self.format == "markdown" else MAX_FILES
        if len(wanted) > most or not there.whole:
            listed = f"{len(wanted)} files of {what}" + ("" if there.whole else ", in the part that GitHub lists")
            detail = f"{found.where}: {listed}; {most} are taken"
            yield Reject("collect", Reason.SOURCE_CAP, digest("github", found.name), detail=detail)
        read = self._markdown if self.format == "markdown" else self._latex
        if wanted:
            yield from read(found, there, wanted[:most])

    def _markdown(self, found: Found, there: Files, paths: Sequence[str]) -> Iterator[Original | Reject]:
        """Every file as a text of its own."""
        for path in paths:
            sha, size = there.blobs[path]
            if size > MAX_BYTES:
                yield _too_long(found, path, size, MAX_BYTES)
                continue
            try:
                raw, retrieved = found.read(path, sha)
            except StageError as e:
                yield missing(digest("github", found.name, path), f"{found.where}/{path}", e)
                continue
            yield self._original(found, there, raw, path, sha, retrieved)

    def _latex(self, found: Found, there: Files, paths: Sequence[str]) -> Iterator[Original | Reject]:
        """The document of the files together, a large one by chapters. Without one of its files it is a gap."""
        raws: dict[str, bytes] = {}
        retrieved, left = "", MAX_TEXTS
        for path in paths:
            sha, size = there.blobs[path]
            if size > min(MAX_TEXT, left):
                yield _too_long(found, path, size, min(MAX_TEXT, left))
                continue
            left -= size
            raws[path], retrieved = found.read(path, sha)
        folder = f"{found.where}/{found.folder}".rstrip("/")
        try:
            main = find_main(raws)
            chapters = parts(flatten_files(raws, main), self.files)
        except LatexError as e:
            yield Reject(
                "collect", Reason.CONVERSION, digest("github", found.name, found.folder), detail=f"{folder}: {e}"
            )
            return
        revision = digest(*(there.blobs[path][0] for path in sorted(raws)), length=40)
        for title, text in chapters:
            name = f"{main}#{title}" if title else main
            yield self._original(found, there, text.encode(), name, revision, retrieved)

    def _original(self, found: Found, there: Files, raw: bytes, path: str, revision: str, retrieved: str) -> Original:
        url = f"{found.at}/{path.partition('#')[0]}"
        return Original(
            raw,
            f"{found.where}/{path}",
            doc_id=digest("github", found.name, path),
            source=self.kind,
            family=f"github.com/{self.translations.get(found.name, found.name)}",
            url=url,
            revision=revision,
            license=found.license,
            evidence=there.evidence,
            attribution=f"the contributors of {found.name}, {url}, {found.license}",
            retrieved=retrieved,
            language=self.language,
            format=self.format,
        )


def _too_long(found: Found, path: str, size: int, most: int) -> Reject:
    detail = f"{found.where}/{path}: {size} bytes; at most {most} are read"
    return Reject("collect", Reason.TOO_LONG, digest("github", found.name, path), detail=detail)


def texts(paths: Sequence[str]) -> list[str]:
    """The texts of LaTeX among these paths, those near the root first."""
    return sorted(filter(is_text, paths), key=lambda path: (path.count("/"), path))


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
