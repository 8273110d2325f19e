"""A rebuild from the services: what comes in, what it costs the second time, and what does not stop it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from collect_world import PAGE, World, english, serve_world
from doubles.faults import Fault
from doubles.github import Repository
from doubles.wikipedia import Article

from tasks.collect.snapshot import take_snapshots
from tasks.collect.source import Original
from tasks.collect.sources import github
from tasks.collect.stage import FUNNEL, collect_stage
from tasks.records import Document, Reason, StageError, UsageError
from tasks.store import Folder, read_documents

pytestmark = pytest.mark.usefixtures("home")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with serve_world(tmp_path) as running:
        yield running


def documents(world: World) -> dict[str, Document]:
    done = collect_stage(world.config, *take_snapshots(world.config, world.fetcher()))
    return {d.url: d for d in read_documents(Folder(done.uri))}


def test_faults_on_a_third_of_the_calls_lose_nothing_and_the_second_run_repeats_nothing(
    world: World, home: Path
) -> None:
    quiet, rejects = world.collect()
    clean = world.calls()
    assert (len(quiet), rejects) == (11, [])
    faults = [Fault(503), Fault(kind="reset"), Fault(429, {"retry-after": "3"}), Fault(kind="truncate")]
    for service in world.services.values():
        service.faults.every(3, *faults)
        service.calls.clear()
    Folder(f"{home}/answers").delete()
    assert world.collect() == (quiet, [])
    met = [call for service in world.services.values() for call in service.calls if call.fault]
    assert world.calls() > clean
    assert len(met) >= sum(len(service.calls) // 3 for service in world.services.values())
    assert {fault.kind for fault in faults} == {call.fault.kind for call in met if call.fault}
    for service in world.services.values():
        service.faults.clear()
        service.calls.clear()
    assert world.collect()[0] == quiet
    asked = [call.target for service in world.services.values() for call in service.calls]
    whole = ("/blobs/", "/trees/", "/revision/", "/src/")
    assert not [target for target in asked if any(part in target for part in whole)]
    assert len(asked) == 13, (
        "two calls a repository, one for fifty articles, one for a hundred papers and their records"
    )


def test_a_document_says_where_it_is_from(world: World) -> None:
    found = documents(world)
    commit = world.github["acme/docs"].commit
    guide = found[f"https://github.com/acme/docs/blob/{commit}/docs/guide.md"]
    assert (guide.source, guide.language, guide.license) == ("github", "en", "MIT")
    assert guide.evidence == f"https://github.com/acme/docs/blob/{commit}/LICENSE, as GitHub reads it"
    assert guide.retrieved == "2026-03-01T10:00:00+00:00"
    assert guide.attribution.startswith("the contributors of acme/docs")
    article = found["https://en.wikipedia.org/wiki/Compiler"]
    assert (article.source, article.license, article.revision) == ("wikipedia", "CC-BY-SA-4.0", "1000")
    assert article.markdown.startswith("## Compiler\n\nAn article says in plain English")
    assert "?action=history" in article.attribution


def test_every_document_of_every_source_says_all_of_it(world: World, tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "own.md").write_bytes(english("Own"))
    everywhere = {"sources": ("corpus", "folder", *world.config.sources), "folder": str(tmp_path / "notes")}
    config = world.config.model_copy(update={**everywhere, "license": "CC0-1.0"})
    done = collect_stage(config, *take_snapshots(config, world.fetcher()))
    found = read_documents(Folder(done.uri))
    assert {d.source for d in found} == {"corpus", "folder", "github", "wikipedia", "arxiv"}
    for document in found:
        own = document.source in ("corpus", "folder")  # files of this machine: nothing was fetched
        assert all((document.revision, document.license, document.family, document.language)), document
        assert document.url or document.source == "corpus", "three of its packages name no page of their project"
        assert document.license != "NOASSERTION", document
        assert bool(document.retrieved) != own, document
        assert document.source == "folder" or (document.attribution and document.evidence), document
    assert len({d.doc_id for d in found}) == len(found)


def test_translations_are_one_family(world: World) -> None:
    found = documents(world).values()
    families = {d.family: {other.language for other in found if other.family == d.family} for d in found}
    assert families["wikidata.org/Q47506"] == families["github.com/acme/docs"] == {"en", "ja"}


def test_a_change_costs_what_changed(world: World) -> None:
    before = documents(world)
    world.github["acme/other"].files["README.md"] = english("Another")
    world.wikipedia["en", "Parser"].edit("<h2>Parser</h2>" + "<p>The article was changed by its authors today.</p>" * 5)
    for service in world.services.values():
        service.calls.clear()
    after = documents(world)
    asked = [c.target for s in world.services.values() for c in s.calls]
    assert sum("/blobs/" in target or "/revision/" in target for target in asked) == 2
    assert {d.doc_id for d in after.values()} == {d.doc_id for d in before.values()}
    changed = {d.doc_id for d in after.values()} - {d.doc_id for d in before.values() if d in after.values()}
    assert len(changed) == 2


def test_an_outage_uses_what_was_had_before(world: World) -> None:
    before = documents(world)
    for service in world.services.values():
        service.faults.always(Fault(kind="reset"))
    fetcher = world.fetcher()
    done = collect_stage(world.config, *take_snapshots(world.config, fetcher))
    assert done.reused
    assert len(read_documents(Folder(done.uri))) == len(before)
    assert fetcher.stale.keys() == set(world.config.mirrors)


def test_a_full_rebuild_asks_for_everything_again_and_keeps_what_it_cannot_have(world: World) -> None:
    found, asked = world.collect(), world.calls()
    assert world.collect(replace(world.fetcher(), anew=True)) == found
    assert world.calls() == 2 * asked
    for service in world.services.values():
        service.faults.always(Fault(kind="reset"))
    assert world.collect(replace(world.fetcher(), anew=True)) == found


def test_a_source_that_is_down_is_a_gap_unless_it_is_required(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.services["wikipedia"].faults.always(Fault(503))
    repositories, _, _, english_articles, japanese, *_ = take_snapshots(world.config, world.fetcher())
    assert (repositories.counts["texts"], repositories.counts["gaps"]) == (3, 0)
    assert (english_articles.counts["gaps"], japanese.counts["gaps"]) == (2, 1)
    assert "'wikipedia-en': 2 of its texts were not had this time" in caplog.text
    config = world.config.model_copy(update={"required": ("wikipedia-ja",)})
    with pytest.raises(StageError, match=r"'wikipedia-ja' is required, .* answered 503"):
        replace(world, config=config).collect()


def test_a_source_that_breaks_off_is_a_gap_and_the_others_go_on(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def read(self: github.Source, *_: object) -> Iterator[Original]:
        yield Original(english("Found"), "found", doc_id="1", source="github", family="f")
        raise RuntimeError("the client has a bug")

    monkeypatch.setattr(github.Source, "read", read)
    originals, rejects = world.collect()
    assert len(originals) == 7
    assert [(r.reason, r.detail) for r in rejects] == [
        (Reason.UNREACHABLE, f"{name}: broke off after 1 texts (RuntimeError: the client has a bug)")
        for name in ("github", "github-ja", "github-latex")
    ]
    config = world.config.model_copy(update={"required": ("github-ja",)})
    with pytest.raises(StageError, match=r"'github-ja' is required, .* the client has a bug"):
        replace(world, config=config).collect()


def test_a_required_source_is_one_of_the_sources_and_has_texts(world: World) -> None:
    def requiring(name: str) -> World:
        return replace(world, config=world.config.model_copy(update={"required": (name,)}))

    with pytest.raises(UsageError, match=r"collect\.required names 'github-jp', .* github, github-ja"):
        requiring("github-jp").collect()
    del world.github["acme/docs-ja"]
    with pytest.raises(
        StageError, match=r"'github-ja' is required, and has no texts: github\.com/acme/docs-ja: .* 404"
    ):
        requiring("github-ja").collect()
    assert len(requiring("github").collect()[0]) == 10


def test_the_funnel_tells_sources_and_reasons(world: World) -> None:
    world.github["acme/closed"] = Repository({"README.md": english("Closed")}, license=None)
    world.github["acme/free"] = Repository({"README.md": english("Docs"), "docs/ja.md": "日本語です。".encode() * 30})
    world.github["acme/free"].files |= {f"docs/{i:02}.md": english(f"Number {i}") for i in range(20)}
    world.github["acme/free"].files["huge.md"] = bytes(2_000_001)
    catalogue = Path(world.config.catalogue)
    names = '"acme/docs", "acme/closed", "acme/free", "acme/gone"'
    text = catalogue.read_text(encoding="utf-8").replace('"acme/docs", "acme/other"', names)
    catalogue.write_text(text.replace('"Parser"', '"Parser", "No such article"'), encoding="utf-8")
    done = collect_stage(world.config, *take_snapshots(world.config, world.fetcher()))
    funnel = Folder(done.uri).read_json(FUNNEL)
    assert funnel == {
        "github": {"documents": 16, "licence": 1, "gone": 1, "source_cap": 1, "duplicate": 1},
        "github-ja": {"documents": 1},
        "github-latex": {"documents": 1},
        "wikipedia-en": {"documents": 2, "gone": 1},
        "wikipedia-ja": {"documents": 1},
        "arxiv": {"documents": 3},
    }
    assert done.counts["documents"] == 24
    details = {r["reason"]: r["detail"] for r in Folder(done.uri).read_rejects()}
    assert details["licence"].startswith("github.com/acme/closed: NOASSERTION")
    assert details["source_cap"] == "github.com/acme/free: 22 files of Markdown; 15 are taken"


def test_a_repository_without_markdown_and_a_folder_that_is_not_there_are_gone(world: World) -> None:
    world.github["acme/other"].files = {"main.c": b"int main;", "CHANGELOG.md": english("Changes")}
    catalogue = Path(world.config.catalogue)
    text = catalogue.read_text(encoding="utf-8")
    catalogue.write_text(text.replace('["acme/docs", ', '["acme/docs:doc", "acme/docs:docs", '), encoding="utf-8")
    originals, rejects = world.collect()
    assert [name for name in originals if "docs/" in name and "github" in name] == [
        "github.com/acme/docs/docs/guide.md"
    ]
    assert [(r.reason, r.detail) for r in rejects] == [
        (Reason.GONE, "github.com/acme/docs/doc: no such folder, or an empty one"),
        (Reason.GONE, "github.com/acme/other: no Markdown that is wanted"),
    ]


def test_files_are_left_out_by_their_whole_name() -> None:
    dull = ["CHANGELOG.md", "docs/security.md", "LICENSE", "License.ja.md", ".github/a.md", "tests/a.md"]
    prose = ["docs/security-guide.md", "history-of-ai.md", "docs/changes-in-v2.md", "docs/releases/a.md"]
    assert github.ranked([*dull, *prose], "") == sorted(
        prose, key=lambda p: (not p.startswith("docs/"), p.count("/"), p)
    )


def test_a_category_is_asked_for_once_however_large_it_is(world: World) -> None:
    for n in range(501):
        world.wikipedia["en", f"Term {n:03}"] = Article(PAGE.format(n), category="Category:Terms", revision=5000 + n)
    catalogue = Path(world.config.catalogue)
    categories = 'categories = ["Category:Terms", "Category:Nothing"]\nper_category = 2'
    text = catalogue.read_text(encoding="utf-8").replace('articles = ["Compiler", "Parser"]', categories)
    catalogue.write_text(text, encoding="utf-8")
    originals, rejects = world.collect()
    found = [name for name in originals if name.startswith("en.wikipedia.org/")]
    assert found == ["en.wikipedia.org/Term 000", "en.wikipedia.org/Term 001"]
    assert rejects == []
    asked = [call.target for call in world.services["wikipedia"].calls if "categorymembers" in call.target]
    assert len(asked) == 2


def test_what_is_not_in_its_language_is_a_reject(world: World) -> None:
    world.github["acme/docs-ja"].files["docs/note.md"] = english("In English")
    world.wikipedia["ja", "コンパイラ"] = Article("<h2>x</h2>" + "<p>This is not Japanese at all, dear reader.</p>" * 9)
    world.wikipedia["ja", "コンパイラ"].revision = 5000
    done = collect_stage(world.config, *take_snapshots(world.config, world.fetcher()))
    rejects = [r for r in Folder(done.uri).read_rejects() if r["reason"] == Reason.WRONG_LANGUAGE]
    assert sorted(r["detail"] for r in rejects) == [
        "github.com/acme/docs-ja/docs/note.md: en; wanted ja",
        "ja.wikipedia.org/コンパイラ: en; wanted ja",
    ]


def test_a_moved_repository_is_found(world: World) -> None:
    world.github["acme/new-name"] = world.github.pop("acme/other")
    world.github.moved["acme/other"] = "acme/new-name"
    originals, rejects = world.collect()
    assert "github.com/acme/other/README.md" in originals
    assert rejects == []


def test_the_token_is_sent_to_github_and_written_nowhere(
    world: World, monkeypatch: pytest.MonkeyPatch, home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    world.github.token = "ghp_secret"
    _, rejects = world.collect()
    assert {r.reason for r in rejects} == {Reason.UNREACHABLE}
    assert "GITHUB_TOKEN" in rejects[0].detail
    monkeypatch.setenv("GITHUB_TOKEN", "ghp_secret")
    originals, rejects = world.collect()
    assert len(originals) == 11
    assert rejects == []
    assert not [path for path in home.rglob("*") if path.is_file() and b"ghp_secret" in path.read_bytes()]
    assert "ghp_secret" not in caplog.text
    assert not [call for call in world.services["wikipedia"].calls if "authorization" in call.headers]
