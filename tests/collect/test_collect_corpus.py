"""The embedded corpus is what its index and its notice say."""

from __future__ import annotations

import json
import re
import shutil
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pytest

from tasks.collect import collect
from tasks.collect.clean import RAW, normalise
from tasks.collect.figures import figures
from tasks.collect.language import detect
from tasks.collect.markup import nodes
from tasks.collect.snapshot import fetcher_for
from tasks.collect.source import Original
from tasks.collect.sources.corpus import CORPUS, Source, load_index
from tasks.config import CollectConfig
from tasks.markdown import parse
from tasks.records import Document, StageError

COLUMNS = ("files", "families", "characters", "tables", "code_blocks", "lists", "nested_lists", "quotes")
KINDS = {"Table": "tables", "CodeBlock": "code_blocks", "List": "lists", "BlockQuote": "quotes"}
PERMISSIVE = {"MIT", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC"}


@pytest.fixture(scope="module")
def index() -> dict[str, Any]:
    return load_index()


@pytest.fixture(scope="module")
def documents() -> list[Document]:
    return collect(CollectConfig())[0]


def census(index: dict[str, Any]) -> dict[str, dict[str, int]]:
    """Recount every part of the corpus from its files."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    families: dict[str, set[str]] = defaultdict(set)
    for package in index["packages"]:
        for file in package["files"]:
            text = (CORPUS / file["path"]).read_text(encoding="utf-8")
            part = re.match(r"(cc-by-sa/)?(en|ja)", file["path"])[0]  # type: ignore[index]
            families[part].add(package["family"])
            counts[part].update(files=1, characters=len(text))
            lists: list[int] = []
            for node, depth in nodes(parse(text)):
                while lists and lists[-1] >= depth:
                    lists.pop()
                if node.kind in KINDS:
                    counts[part][KINDS[node.kind]] += 1
                if node.kind == "List":
                    counts[part]["nested_lists"] += bool(lists)
                    lists.append(depth)
    return {part: {c: len(families[part]) if c == "families" else counts[part][c] for c in COLUMNS} for part in counts}


def test_counts_are_true(index: dict[str, Any]) -> None:
    counts = census(index)
    assert index["counts"] == counts
    notice = (CORPUS / "NOTICE").read_text(encoding="utf-8")
    for part, row in counts.items():
        assert f"| {part} | {' | '.join(str(row[c]) for c in COLUMNS)} |" in notice


def test_it_is_large_enough_and_small_enough(index: dict[str, Any]) -> None:
    counts = index["counts"]
    assert counts["en"]["files"] >= 45
    assert counts["ja"]["files"] >= 25
    assert counts["en"]["families"] >= 35
    assert counts["ja"]["families"] >= 20
    assert sum(f.stat().st_size for f in CORPUS.rglob("*") if f.is_file()) < 2_900_000


def test_index_names_every_file_once(index: dict[str, Any]) -> None:
    listed = [file["path"] for package in index["packages"] for file in package["files"]]
    assert sorted(listed) == sorted(p.relative_to(CORPUS).as_posix() for p in CORPUS.rglob("*.md"))


def test_licences_are_permissive_or_apart(index: dict[str, Any]) -> None:
    notice = (CORPUS / "NOTICE").read_text(encoding="utf-8")
    for package in index["packages"]:
        apart = {file["path"].startswith("cc-by-sa/") for file in package["files"]}
        assert apart == {package["license"] == "CC-BY-SA-3.0"}
        assert package["license"] in PERMISSIVE | {"CC-BY-SA-3.0"}
        assert package["copyright"]
        assert (CORPUS / "licenses" / f"{package['license']}.txt").is_file()
        assert f"{package['package']} {package['version']}" in notice or package["package"] == "debian-handbook"
        for line in package["copyright"] if package["license"] != "CC-BY-SA-3.0" else ():
            assert f"- {line}" in notice
        for file in package["files"]:
            assert f"- `{file['path']}` from `{file['upstream']}`, sha256 {file['sha256']}" in notice


def test_every_file_becomes_a_clean_document(index: dict[str, Any], documents: list[Document]) -> None:
    assert len(documents) == sum(row["files"] for row in index["counts"].values())
    assert len({d.doc_id for d in documents}) == len(documents)
    for document in documents:
        assert normalise(document.markdown) == document.markdown
        everything = [node for node, _ in nodes(parse(document.markdown))]
        assert {node for node in everything if node.kind in RAW} == figures(everything)
        assert 200 <= len(document.markdown) <= 50_000
        assert "@" in document.revision
        assert document.revision in document.attribution


def test_code_is_what_upstream_wrote() -> None:
    """Cleaning may add code (preformatted HTML) but loses and changes none, up to tabs."""
    for path in sorted(CORPUS.rglob("*.md"))[::4]:
        raw = path.read_text(encoding="utf-8")
        before = [_code(raw, n.start, n.end) for n, _ in nodes(parse(raw)) if n.kind == "CodeBlock"]
        clean = normalise(raw)
        after = Counter(_code(clean, n.start, n.end) for n, _ in nodes(parse(clean)) if n.kind == "CodeBlock")
        assert not Counter(before) - after, path


def _code(text: str, start: int, end: int) -> tuple[str, ...]:
    lines = text[text.rfind("\n", 0, start) + 1 : end].expandtabs(4).split("\n")
    return tuple(re.sub("[\ufe0f\u200b-\u200f\u2028\u00ad]", "", line).strip() for line in lines if line.strip())


def test_the_filter_keeps_the_order(documents: list[Document]) -> None:
    japanese, rejects = collect(CollectConfig(languages=("ja",)))
    assert japanese == [d for d in documents if d.language == "ja"]
    assert len(rejects) == len(documents) - len(japanese)


def test_translations_share_a_family(documents: list[Document]) -> None:
    families = defaultdict(set)
    for document in documents:
        families[document.family].add(document.language)
    assert sum(len(languages) == 2 for languages in families.values()) >= 5


def test_detection_agrees_with_the_index(documents: list[Document]) -> None:
    assert [d.revision for d in documents if detect(d.markdown) != d.language] == []


def read(root: Path) -> list[Original]:
    config = CollectConfig()
    return list(Source(root=root).read(fetcher_for(config), config))


def test_a_changed_or_missing_file_stops_the_stage(tmp_path: Path) -> None:
    index = load_index()
    package = next(p for p in index["packages"] if p["package"] == "chalk")
    (tmp_path / "index.json").write_text(json.dumps({"packages": [package]}))
    path = tmp_path / package["files"][0]["path"]
    with pytest.raises(StageError, match="No such file"):
        read(tmp_path)
    path.parent.mkdir(parents=True)
    shutil.copy(CORPUS / package["files"][0]["path"], path)
    (document,) = read(tmp_path)
    assert document.family == "chalk"
    path.write_text(path.read_text() + "x")
    with pytest.raises(StageError, match=r"sha256 is .*restore"):
        read(tmp_path)


def test_a_missing_or_broken_index_stops_the_stage(tmp_path: Path) -> None:
    with pytest.raises(StageError, match="index cannot be read"):
        read(tmp_path)
    (tmp_path / "index.json").write_text("{")
    with pytest.raises(StageError, match="index cannot be read"):
        read(tmp_path)
