"""`recto collect` and `recto doctor --sources` as a user calls them, with doubles in the services' place."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from doubles.faults import serve
from doubles.github import GitHub, Repository
from doubles.wikipedia import Article, Wikipedia

RECTO = str(Path(sys.executable).with_name("recto"))


def recto(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "RECTO_HOME": str(home)}
    return subprocess.run([RECTO, *arguments], env=env, capture_output=True, text=True, timeout=120)


def _catalogue(folder: Path) -> Path:
    (folder / "sources.toml").write_text(
        '[docs]\nkind = "github"\nrepositories = ["acme/docs", "acme/gone"]\n'
        '[wiki]\nkind = "wikipedia"\nlanguage = "en"\narticles = ["Compiler"]\n'
    )
    run = folder / "run.toml"
    run.write_text(
        f'[collect]\nsources = ["docs", "wiki"]\ncatalogue = "{folder}/sources.toml"\ncontact = "me@example.org"\n'
    )
    return run


def test_a_dry_run_asks_nobody(tmp_path: Path, home: Path) -> None:
    assert recto(home, "collect", "--dry-run", "--run", str(_catalogue(tmp_path))).stdout.splitlines() == [
        "docs: github.com/acme/docs, at most 15 files",
        "docs: github.com/acme/gone, at most 15 files",
        "wiki: en.wikipedia.org/Compiler",
    ]


def test_services_are_collected_from_and_checked(tmp_path: Path, home: Path) -> None:
    run = _catalogue(tmp_path)
    readme = "# Docs\n\n" + "A page says in plain English what its readers want to know. " * 5
    github = GitHub({"acme/docs": Repository({"README.md": readme.encode()})})
    wikipedia = Wikipedia({("en", "Compiler"): Article("<h2>A</h2>" + "<p>It translates programs for us.</p>" * 9)})
    with serve(github.app) as one, serve(wikipedia.app) as other:
        mirrors = f'mirrors = {{ "api.github.com" = "{one.url}", "en.wikipedia.org" = "{other.url}" }}\n'
        run.write_text(run.read_text() + mirrors)
        told = recto(home, "doctor", "--sources", "--run", str(run))
        assert told.returncode == 1
        assert "ok   docs      github.com/acme/docs, MIT" in told.stdout
        assert "FAIL docs      github.com/acme/gone: " in told.stdout
        assert "ok   wiki      en.wikipedia.org/Compiler" in told.stdout
        told = recto(home, "collect", "--run", str(run))
    assert told.returncode == 0, told.stderr
    assert "docs: texts 1, gaps 0, rejected: gone 1, requests 5, out of date 0" in told.stdout
    assert "docs: documents 1, gone 1" in told.stdout
    assert "wiki: documents 1" in told.stdout


def test_services_want_to_know_who_asks(tmp_path: Path, home: Path) -> None:
    run = _catalogue(tmp_path)
    run.write_text(run.read_text().replace("me@example.org", ""))
    told = recto(home, "collect", "--run", str(run))
    assert (told.returncode, told.stderr.count("\n")) == (2, 1)
    assert "collect.contact is empty" in told.stderr
