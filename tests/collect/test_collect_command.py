"""`recto collect` and `recto doctor --sources` as a user calls them, with doubles in the services' place."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from collect_world import eprint
from doubles.arxiv import ArXiv, Paper
from doubles.faults import Fault, serve
from doubles.github import GitHub, Repository
from doubles.wikipedia import Article, Wikipedia

from flows.doctor import CHECKS
from tasks.collect.pandoc import pandoc_version
from tasks.config import CollectConfig, RunConfig, UploadConfig
from tasks.records import StageError, UsageError

RECTO = str(Path(sys.executable).with_name("recto"))


def recto(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "RECTO_HOME": str(home)}
    return subprocess.run([RECTO, *arguments], env=env, capture_output=True, text=True, timeout=120)


def _catalogue(folder: Path) -> Path:
    (folder / "sources.toml").write_text(
        '[docs]\nkind = "github"\nrepositories = ["acme/docs", "acme/gone"]\n'
        '[wiki]\nkind = "wikipedia"\nlanguage = "en"\narticles = ["Compiler"]\n'
        '[papers]\nkind = "arxiv"\ncategories = ["cs.CL"]\npapers = 5\n'
    )
    run = folder / "run.toml"
    run.write_text(
        f'[collect]\nsources = ["docs", "wiki", "papers"]\ncatalogue = "{folder}/sources.toml"\n'
        'contact = "me@example.org"\n'
    )
    return run


def test_a_dry_run_asks_nobody(tmp_path: Path, home: Path) -> None:
    assert recto(home, "collect", "--dry-run", "--run", str(_catalogue(tmp_path))).stdout.splitlines() == [
        "docs: github.com/acme/docs, at most 15 files",
        "docs: github.com/acme/gone, at most 15 files",
        "wiki: en.wikipedia.org/Compiler",
        "papers: arxiv.org/list/cs.CL/recent, the newest 100 looked at; 5 papers are kept in all",
    ]


def test_services_are_collected_from_and_checked(tmp_path: Path, home: Path) -> None:
    run = _catalogue(tmp_path)
    readme = "# Docs\n\n" + "A page says in plain English what its readers want to know. " * 5
    github = GitHub({"acme/docs": Repository({"README.md": readme.encode()})})
    wikipedia = Wikipedia({("en", "Compiler"): Article("<h2>A</h2>" + "<p>It translates programs for us.</p>" * 9)})
    arxiv = ArXiv({"2602.00001": Paper("A paper", eprint("A paper"))})
    with serve(github.app) as one, serve(wikipedia.app) as other, serve(arxiv.app) as third:
        mirrors = {"api.github.com": one, "en.wikipedia.org": other}
        mirrors |= dict.fromkeys(("export.arxiv.org", "oaipmh.arxiv.org"), third)
        named = ", ".join(f'"{host}" = "{service.url}"' for host, service in mirrors.items())
        run.write_text(f"{run.read_text()}mirrors = {{ {named} }}\n")
        told = recto(home, "doctor", "--sources", "--run", str(run))
        assert told.returncode == 1
        assert "ok   docs      github.com/acme/docs, MIT" in told.stdout
        assert "FAIL docs      github.com/acme/gone: " in told.stdout
        assert "ok   wiki      en.wikipedia.org/Compiler" in told.stdout
        assert "ok   papers    arxiv.org/list/cs.CL/recent, newest arxiv.org/abs/2602.00001v1" in told.stdout
        assert "ok   papers    oaipmh.arxiv.org/oai" in told.stdout
        run.write_text(run.read_text().replace(', "papers"', ""))  # whose pace would take its time
        told = recto(home, "collect", "--run", str(run))
    assert told.returncode == 0, told.stderr
    assert "docs: texts 1, gaps 0, rejected: gone 1, requests 5, out of date 0" in told.stdout
    assert "docs: documents 1, gone 1" in told.stdout
    assert "wiki: documents 1" in told.stdout


def test_the_doctor_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    collecting = {"sources": ("arxiv", "github-en", "wikipedia-ja"), "contact": "me@example.org"}
    hosts = ("export.arxiv.org", "oaipmh.arxiv.org", "api.github.com", "ja.wikipedia.org")
    monkeypatch.delenv("GITHUB_TOKEN", raising=False)
    monkeypatch.delenv("HF_TOKEN", raising=False)
    with serve(GitHub({}).app) as service:
        mirrors = dict.fromkeys(hosts, service.url)
        run = RunConfig(collect=CollectConfig(**collecting, mirrors=mirrors))
        assert CHECKS["reach"](run) == ", ".join(hosts)
        service.faults.always(Fault(kind="reset"))
        with pytest.raises(StageError, match=r"https://export\.arxiv\.org/: broke off .* collect\.mirrors"):
            CHECKS["reach"](run)
    assert CHECKS["reach"](RunConfig()) == "nothing is asked"
    assert CHECKS["tokens"](run).startswith("no token in GITHUB_TOKEN: 60 requests an hour")
    assert CHECKS["tokens"](RunConfig()) == "none are needed"
    with pytest.raises(UsageError, match="export it as HF_TOKEN"):
        CHECKS["tokens"](RunConfig(upload=UploadConfig(dataset="me/pages")))
    assert CHECKS["tools"](run).startswith("pandoc 3.")
    monkeypatch.setattr("pypandoc.get_pandoc_version", lambda: (_ for _ in ()).throw(OSError("No pandoc was found")))
    pandoc_version.cache_clear()
    with pytest.raises(StageError, match=r"No pandoc was found.*make setup"):
        CHECKS["tools"](run)


def test_services_want_to_know_who_asks(tmp_path: Path, home: Path) -> None:
    run = _catalogue(tmp_path)
    run.write_text(run.read_text().replace("me@example.org", ""))
    told = recto(home, "collect", "--run", str(run))
    assert (told.returncode, told.stderr.count("\n")) == (2, 1)
    assert "collect.contact is empty" in told.stderr
