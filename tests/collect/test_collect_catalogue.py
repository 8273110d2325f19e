"""Catalogues of sources; and the project's own rebuild, as large as it is, from doubles that fail."""

from __future__ import annotations

from collections import defaultdict
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from collect_world import ENGLISH, JAPANESE, JAPANESE_PAGE, LATEX, PAGE, Clock
from doubles.arxiv import ArXiv, Paper, tar_gz
from doubles.faults import Fault, serve
from doubles.github import GitHub, Repository
from doubles.wikipedia import Article, Wikipedia

from tasks.collect.fetch import Fetcher
from tasks.collect.fetch.cache import Cache
from tasks.collect.snapshot import take_snapshots
from tasks.collect.sources import open_sources
from tasks.collect.stage import FUNNEL, collect_stage
from tasks.config import RUNS, CollectConfig, load_run
from tasks.records import UsageError
from tasks.store import Folder, home

PER_CATEGORY = 12
FAULTS = [Fault(503), Fault(kind="reset"), Fault(429, {"retry-after": "3"}), Fault(kind="truncate")]


def doubles(sources: dict[str, Any]) -> tuple[GitHub, Wikipedia, ArXiv]:
    """Services that hold one text of everything that the sources name, and a dozen papers of each category."""
    files: dict[str, dict[str, bytes]] = defaultdict(dict)
    articles: dict[tuple[str, str], Article] = {}
    papers: dict[str, Paper] = {}
    for source in sources.values():
        japanese = getattr(source, "language", "") == "ja"
        for entry in getattr(source, "repositories", ()):
            name, _, folder = entry.partition(":")
            latex = source.format == "latex"
            text = LATEX if latex else JAPANESE if japanese else ENGLISH
            path = "/".join(filter(None, (folder, "main.tex" if latex else "guide.md")))
            files[name][path] = text.format(f"Of {entry}".replace("_", "-")).encode()
        for title in getattr(source, "articles", ()):
            articles[source.language, title] = Article((JAPANESE_PAGE if japanese else PAGE).format(title))
        if source.kind == "arxiv":
            for number, category in enumerate(source.categories * PER_CATEGORY):
                eprint = tar_gz({"main.tex": LATEX.format(f"Paper {number}").encode()})
                papers[f"2602.{number:05}"] = Paper(f"Paper {number}", eprint, categories=(category,))
    return GitHub({name: Repository(held) for name, held in files.items()}), Wikipedia(articles), ArXiv(papers, page=10)


def test_the_projects_own_catalogue_is_as_rich_as_it_says() -> None:
    names = ("github-en", "github-ja", "github-latex", "wikipedia-en", "wikipedia-ja", "arxiv")
    plans = {n: list(s.plan()) for n, s in open_sources(CollectConfig(sources=names)).items()}
    assert {
        n: len(p) >= least for (n, p), least in zip(plans.items(), (28, 13, 15, 20, 25, 10), strict=True)
    } == dict.fromkeys(names, True)
    assert all(len(plan) == len(set(plan)) for plan in plans.values())


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ("[x]\nkind = 'gopher'", r"x: kind is 'gopher'; choose from arxiv, corpus, folder, github, wikipedia"),
        ("[x]\nkind = 'github'", r"x: repositories: Field required"),
        ("[x]\nkind = 'github'\nrepositories = ['a/b']\nfile = 3", r"x: file: Extra inputs"),
        ("[y]\nkind = 'github'", r"no source 'x'; there are corpus, folder, y"),
        ("[x", r"not a readable catalogue"),
    ],
)
def test_a_catalogue_says_what_is_wrong(tmp_path: Path, entry: str, problem: str) -> None:
    path = tmp_path / "sources.toml"
    path.write_text(entry)
    with pytest.raises(UsageError, match=problem):
        open_sources(CollectConfig(sources=("x",), catalogue=str(path)))


@pytest.mark.full
@pytest.mark.usefixtures("home")
def test_the_projects_own_rebuild_survives_faults_on_a_third_of_its_calls() -> None:
    config = load_run(RUNS / "rebuild.toml").collect
    sources = {name: source for name, source in open_sources(config).items() if source.online}
    with ExitStack() as stack:
        services = [stack.enter_context(serve(double.app)) for double in doubles(sources)]
        hosts = dict.fromkeys(sources["github-en"].hosts(), services[0])
        hosts |= {host: services[1] for name in ("wikipedia-en", "wikipedia-ja") for host in sources[name].hosts()}
        hosts |= dict.fromkeys(sources["arxiv"].hosts(), services[2])
        mirrors = {host: service.url for host, service in hosts.items()}
        config = config.model_copy(update={"contact": "me@example.org", "mirrors": mirrors})

        def rebuild() -> dict[str, dict[str, int]]:
            clock, answers = Clock(), Cache(Folder(home()) / "answers")
            fetcher = Fetcher("me@example.org", answers, mirrors, clock=lambda: clock.now, sleep=clock.sleep)
            done = collect_stage(config, *take_snapshots(config, fetcher))
            return dict(Folder(done.uri).read_json(FUNNEL))

        for service in services:
            service.faults.every(3, *FAULTS)
        funnel = rebuild()
        print(*(f"{name}: {fates}" for name, fates in funnel.items()), sep="\n")
        repositories = [entry for source in sources.values() for entry in getattr(source, "repositories", ())]
        expected = {name: {"documents": len(list(source.plan()))} for name, source in sources.items()}
        expected["arxiv"] = {"documents": 100, "source_cap": 1}
        assert {name: funnel[name] for name in sources} == expected
        assert sum(bool(call.fault) for service in services for call in service.calls) > 200
        for service in services:
            service.faults.clear()
            service.calls.clear()
        assert rebuild() == funnel
        asked = [call.target for service in services for call in service.calls]
        whole = ("/blobs/", "/trees/", "/revision/", "/src/")
        assert [target for target in asked if any(part in target for part in whole)] == []
        # two a repository; the articles of a language, and of each category one search and two answers of records
        assert len(asked) == 2 * len(repositories) + 2 + 3 * len(sources["arxiv"].plan())
