"""`python -m infra.web_pages [DEBS]`: real web pages the way that Wikipedia's articles go, and what is lost of them.

The pages are of Debian's documentation packages, which apt-get fetches or a folder DEBS holds: sections of the Debian
Administrator's Handbook in English and Japanese, and of Python's library reference. What each is asked for is counted
in its HTML: tables, blocks of code, headings, words.
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from bs4 import BeautifulSoup
from bs4.element import Tag

from tasks.collect.intake import Intake
from tasks.collect.markup import nodes
from tasks.collect.source import Original
from tasks.config import CollectConfig
from tasks.evaluate.real.archive import Wanted, fetch
from tasks.markdown import parse, visible_text
from tasks.records import Document
from tasks.scoring.text import normalise, words
from tasks.statistics import mean_interval
from tasks.store import Folder, home

HANDBOOK = (
    *("apparmor", "apt-cache", "apt-get", "automated-installation", "backup", "building-first-package", "config-misc"),
    *("dhcp", "firewall-packet-filtering", "how-to-migrate", "http-web-server", "kernel-compilation", "ldap-directory"),
    *("manipulating-packages-with-dpkg", "master-plan", "network-config", "package-authentication", "remote-login"),
    *("selinux", "user-space", "virtualization", "windows-file-server-with-samba"),
)
PYTHON = ("2to3", "difflib", "email.policy", "http", "json", "locale", "select", "string", "struct", "time", "winreg")
# package, version, where the pages are in it, their names, and the SHA-256 of them all
GROUPS = {
    "handbook, en": (
        "debian-handbook",
        "11.20220922",
        "usr/share/doc/debian-handbook/html/en-US/sect.{}.html",
        HANDBOOK,
        "7b143ed01d4dbb1bb28d868ef687b46545d0872ad168470da98cdc51451a9564",
    ),
    "handbook, ja": (
        "debian-handbook",
        "11.20220922",
        "usr/share/doc/debian-handbook/html/ja-JP/sect.{}.html",
        HANDBOOK,
        "88afda806cbe26259e0e2235fc957dea4684213db0e49b6d9358731b5799cb4c",
    ),
    "python": (
        "python3.11-doc",
        "3.11.2-6+deb12u9",
        "usr/share/doc/python3.11/html/library/{}.html",
        PYTHON,
        "de2e2b26edc4f6a9103592927292c44857c56b554e46a6362a83355fbd7bc423",
    ),
}
# where a page's article is; Wikipedia's API gives nothing but the article
ARTICLE = "div[role=main], body > div.section"


@dataclass(frozen=True, slots=True)
class Counts:
    """What a reader would miss: tables of two rows and columns or more, blocks of code outside tables, headings."""

    tables: int
    code: int
    headings: int
    words: Counter[str]


@dataclass(frozen=True, slots=True)
class Converted:
    """A page of a group: what its HTML holds, and what its document, where there is one; `problem` says why not."""

    group: str
    name: str
    seconds: float  # of one core, pandoc's too
    html: Counts
    document: Document | None
    markdown: Counts
    problem: str


def pages(debs: str = "") -> Iterator[tuple[str, str, str]]:
    """Group, name and HTML of the article of every page. Raises StageError where a package cannot be had."""
    for group, (package, version, pattern, names, sha256) in GROUPS.items():
        wanted = Wanted(package, version, ((tuple(map(pattern.format, names)), sha256),))
        contents = fetch([wanted], debs, Folder(home()) / "web-pages")[sha256]
        for name, content in zip(names, contents, strict=True):
            found = BeautifulSoup(content.partition(b"?>")[2] or content, "lxml").select_one(ARTICLE)
            yield group, name, f"<html><body>{found}</body></html>"


def convert(group: str, name: str, html: str) -> Converted:
    """One page by itself, as intake takes it."""
    intake = Intake(CollectConfig(max_chars=1_000_000))
    started = _cpu_seconds()
    language = "ja" if group.endswith("ja") else "en"
    family, raw = f"debian.org/{group}/{name}", html.encode()
    intake.take(Original(raw, name, doc_id=name, source="html", family=family, language=language, format="html"))
    seconds = _cpu_seconds() - started
    document = intake.documents[0] if intake.documents else None
    problem = "; ".join(f"{r.reason}: {r.detail}" for r in intake.rejects)
    markdown = document.markdown if document else ""
    return Converted(group, name, seconds, of_html(html), document, of_markdown(markdown), problem)


def of_html(html: str) -> Counts:
    soup = BeautifulSoup(html, "lxml")
    text = Counter(words(normalise(soup.get_text(" "))))
    tables = [table for table in soup.find_all("table") if len(table.find_all("tr")) > 1 and _columns(table) > 1]
    for table in soup.find_all("table"):
        table.decompose()
    return Counts(
        len(tables), len(soup.find_all("pre")), len(soup.find_all(["h1", "h2", "h3", "h4", "h5", "h6"])), text
    )


def _columns(table: Tag) -> int:
    return max(len(row.find_all(["td", "th"])) for row in table.find_all("tr"))


def of_markdown(markdown: str) -> Counts:
    kinds = Counter(node.kind for node, _ in nodes(parse(markdown)))
    text = Counter(words(normalise(visible_text(markdown))))
    return Counts(kinds["Table"], kinds["CodeBlock"], kinds["Heading"], text)


def kept_words(page: Converted) -> float:
    """Share of the words of the HTML that the Markdown has as often."""
    return (page.html.words & page.markdown.words).total() / max(page.html.words.total(), 1)


def _cpu_seconds() -> float:
    return sum(os.times()[:4])


def main(debs: str = "") -> None:
    done = [convert(*page) for page in pages(debs)]
    for group in GROUPS:
        some = [page for page in done if page.group == group]
        share = mean_interval({None: [kept_words(p) for p in some if p.document]}, [p.name for p in some if p.document])
        seconds = sorted(page.seconds for page in some)
        counts = ", ".join(
            f"{what} {sum(getattr(p.markdown, what) for p in some)} of {sum(getattr(p.html, what) for p in some)}"
            for what in ("tables", "code", "headings")
        )
        kept = f"{share.mean:.4f} [{share.low:.4f}, {share.high:.4f}] of a document's words"
        print(
            f"{group}: {sum(p.document is not None for p in some)} of {len(some)} pages are documents; {counts}; "
            f"{kept}; "
            f"{seconds[len(some) // 2]:.2f} s a page (median of one core), at most {seconds[-1]:.2f}"
        )
    for page in done:
        lost = [
            what for what in ("tables", "code", "headings") if getattr(page.markdown, what) != getattr(page.html, what)
        ]
        if page.problem:
            print(f"{page.group}, {page.problem}")
        elif lost or kept_words(page) < 0.99:
            missing = " ".join((page.html.words - page.markdown.words).elements())
            lacking = f"words {kept_words(page):.4f}, without {missing[:100]}"
            print(f"{page.group}, {page.name}: {', '.join([*lost, lacking])}")


if __name__ == "__main__":
    main(*sys.argv[1:])
