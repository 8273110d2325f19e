"""Doubles of every service that is collected from, what is in them, and a fetcher whose waiting takes no time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from doubles.arxiv import ArXiv, Paper, tar_gz
from doubles.faults import Service, serve
from doubles.github import GitHub, Repository
from doubles.wikipedia import Article, Wikipedia

from tasks.collect.fetch import Fetcher
from tasks.collect.fetch.cache import Cache
from tasks.collect.snapshot import read_snapshot, take_snapshots
from tasks.collect.source import Original
from tasks.config import CollectConfig
from tasks.records import Reject
from tasks.store import Folder, home

ENGLISH = "# {}\n\n" + "A page says in plain English what its readers want to know, and then a little more. " * 4 + "\n"
JAPANESE = "# {}\n\n" + "このページは日本語で書かれていて、読者が知りたいことを詳しく説明しています。" * 8 + "\n"
PAGE = "<h2>{}</h2>" + "<p>An article says in plain English what its readers want to know about it.</p>" * 4
JAPANESE_PAGE = "<h2>{}</h2>" + "<p>この記事は日本語で書かれていて、読者が知りたいことを詳しく説明しています。</p>" * 8

LATEX = r"""\documentclass{{article}}
\begin{{document}}
\section{{{0}}}
A paper says in plain English what its readers want to know about the matter that they study, and why it is so.
It follows from $a^2 + b^2 = c^2$ that there is nothing more to say of it, and so the paper ends with this sentence.
\end{{document}}
"""

THESIS = r"""\documentclass{report}
\newcommand{\half}[1]{\frac{#1}{2}}
\begin{document}
\chapter{Method}
\input{method}
\end{document}
"""
METHOD = r"A thesis says in plain English what was done, and that $\half{x}$ is all of it \cite{knuth}. " * 4

CATALOGUE = """
[github]
kind = "github"
repositories = ["acme/docs", "acme/other"]
language = "en"

[github-ja]
kind = "github"
repositories = ["acme/docs-ja"]
language = "ja"
translations = { "acme/docs-ja" = "acme/docs" }

[github-latex]
kind = "github"
format = "latex"
repositories = ["acme/thesis:text"]
language = "en"

[wikipedia-en]
kind = "wikipedia"
language = "en"
articles = ["Compiler", "Parser"]

[wikipedia-ja]
kind = "wikipedia"
language = "ja"
articles = ["コンパイラ"]

[arxiv]
kind = "arxiv"
categories = ["cs.CL"]
"""
SOURCES = ("github", "github-ja", "github-latex", "wikipedia-en", "wikipedia-ja", "arxiv")


def english(title: str) -> bytes:
    return ENGLISH.format(title).encode()


def eprint(title: str) -> bytes:
    return tar_gz({"main.tex": LATEX.format(title).encode()})


@dataclass
class Clock:
    """Time that passes only by waiting."""

    now: float = 0.0
    waits: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds


@dataclass
class World:
    """The services, and a run that collects from them."""

    github: GitHub
    wikipedia: Wikipedia
    arxiv: ArXiv
    services: dict[str, Service]
    config: CollectConfig

    def fetcher(self, clock: Clock | None = None, seconds: float = 5) -> Fetcher:
        clock = clock or Clock()
        cache = Cache(Folder(home()) / "answers")
        mirrors = self.config.mirrors
        return Fetcher(self.config.contact, cache, mirrors, seconds=seconds, clock=lambda: clock.now, sleep=clock.sleep)

    def collect(self, fetcher: Fetcher | None = None) -> tuple[dict[str, Original], list[Reject]]:
        """What the sources handed over, by name, and their rejects."""
        items = [i for ref in take_snapshots(self.config, fetcher or self.fetcher()) for i in read_snapshot(ref)]
        originals = {item.name: item for item in items if isinstance(item, Original)}
        return originals, [item for item in items if isinstance(item, Reject)]

    def calls(self) -> int:
        return sum(len(service.calls) for service in self.services.values())


@contextmanager
def serve_world(folder: Path) -> Iterator[World]:
    github = GitHub(
        {
            "acme/docs": Repository(
                {"README.md": english("Docs"), "docs/guide.md": english("Guide"), "LICENSE": b"MIT"}
            ),
            "acme/other": Repository({"README.md": english("Other")}, license="Apache-2.0"),
            "acme/thesis": Repository(
                {"text/main.tex": THESIS.encode(), "text/method.tex": METHOD.encode(), "text/f.pdf": b"%PDF"}
            ),
            "acme/docs-ja": Repository({"README.md": JAPANESE.format("文書").encode()}),
        }
    )
    wikipedia = Wikipedia(
        {
            ("en", "Compiler"): Article(PAGE.format("Compiler"), item="Q47506"),
            ("en", "Parser"): Article(PAGE.format("Parser"), item="Q12345"),
            ("ja", "コンパイラ"): Article(JAPANESE_PAGE.format("コンパイラ"), item="Q47506"),
        }
    )
    titles = {"2602.00001": "Parsing", "2602.00002": "Reading", "2602.00003": "Writing"}
    arxiv = ArXiv({number: Paper(title, eprint(title)) for number, title in titles.items()})
    catalogue = folder / "sources.toml"
    catalogue.write_text(CATALOGUE, encoding="utf-8")
    with ExitStack() as stack:
        services = {"github": stack.enter_context(serve(github.app))}
        services["wikipedia"] = stack.enter_context(serve(wikipedia.app))
        mirrors = {"api.github.com": services["github"].url}
        services["arxiv"] = stack.enter_context(serve(arxiv.app))
        mirrors |= dict.fromkeys(("export.arxiv.org", "oaipmh.arxiv.org"), services["arxiv"].url)
        mirrors |= {f"{language}.wikipedia.org": services["wikipedia"].url for language in ("en", "ja")}
        config = CollectConfig(
            sources=SOURCES, catalogue=str(catalogue), contact="tester@example.org", mirrors=mirrors, min_chars=100
        )
        yield World(github, wikipedia, arxiv, services, config)
