"""LaTeX of repositories: one document, or one a chapter, or a named reject."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from collect_world import METHOD, World, serve_world

from tasks.collect.snapshot import take_snapshots
from tasks.collect.stage import collect_stage
from tasks.records import Document, Reason
from tasks.store import Folder, read_documents

pytestmark = pytest.mark.usefixtures("home")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with serve_world(tmp_path) as running:
        running.config = running.config.model_copy(update={"sources": ("github-latex",)})
        yield running


def documents(world: World) -> dict[str, Document]:
    done = collect_stage(world.config, *take_snapshots(world.config, world.fetcher()))
    return {d.doc_id: d for d in read_documents(Folder(done.uri))}


def test_the_latex_of_a_repository_is_one_document(world: World) -> None:
    commit = world.github["acme/thesis"].commit
    (thesis,) = documents(world).values()
    assert thesis.url == f"https://github.com/acme/thesis/blob/{commit}/text/main.tex"
    assert (thesis.source, thesis.license, thesis.family) == ("github", "MIT", "github.com/acme/thesis")
    assert thesis.markdown.startswith(
        "# Method\n\nA thesis says in plain English what was done, and that $\\frac{x}{2}$"
    )
    assert "is all of it [knuth]." in thesis.markdown
    world.github["acme/thesis"].files |= {"text/more.txt": b"unused"}
    before = {call.target for call in world.services["github"].calls}
    documents(world)
    blobs = {c.target for c in world.services["github"].calls if "/blobs/" in c.target and "thesis" in c.target}
    assert len(blobs - before) == 1


def test_latex_that_cannot_be_used_is_a_named_reject(world: World) -> None:
    files = world.github["acme/thesis"].files
    files["text/method.tex"] = b"\\input{/etc/passwd}"
    _, (reject,) = world.collect()
    assert (reject.reason, reject.detail) == (
        Reason.CONVERSION,
        "github.com/acme/thesis/text: text/method.tex: asks for /etc/passwd, which is no file of the document",
    )
    files["text/method.tex"] = bytes(5_000_001)
    originals, (reject,) = world.collect()
    assert reject.reason is Reason.TOO_LONG
    assert "github.com/acme/thesis/text/main.tex" in originals
    files.clear()
    files["README.md"] = b"no LaTeX"
    _, (reject,) = world.collect()
    assert (reject.reason, "no such folder" in reject.detail) == (Reason.GONE, True)


def test_a_book_is_a_document_a_chapter(world: World) -> None:
    words = METHOD * 60
    book = f"\\documentclass{{book}}\\begin{{document}}\\chapter{{One}}{words}\\chapter{{Two}}{words}\\end{{document}}"
    world.github["acme/thesis"].files = {"text/main.tex": book.encode()}
    found = documents(world).values()
    assert {d.family for d in found} == {"github.com/acme/thesis"}
    assert {d.markdown.partition("\n")[0] for d in found} == {"# One", "# Two"}
