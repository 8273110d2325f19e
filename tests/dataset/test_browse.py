from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from browsed import STYLE, document, page, write

from flows.cli import main
from tasks.dataset.browse import document as browser
from tasks.dataset.browse.choice import survey
from tasks.dataset.browse.document import browse
from tasks.dataset.browse.views import CONTEXT, LONGEST, WHOLE, around, page_views, style_line
from tasks.dataset.publish import dataset_at
from tasks.html import frame
from tasks.records import StageRef, UsageError
from tasks.store import Folder


def many(pages: int = 300) -> list[dict[str, object]]:
    """Mostly alike; one Japanese page, one with a formula, one of another source, and three that agree less."""
    odd = {
        10: {"language": "ja"},
        90: {"features": ["math", "heading"]},
        170: {"source": "arxiv"},
        200: {"agreement": 0.97},
        201: {"agreement": 0.985},
        202: {"agreement": 0.9995},
    }
    return [page(n, **odd.get(n, {})) for n in range(pages)]


def test_every_combination_and_the_lowest_agreements_are_chosen(tmp_path: Path) -> None:
    folder = Folder(write(tmp_path / "d", many(), [page(n) for n in range(300, 310)]).uri)
    found = survey(folder, 20)
    assert len(found.chosen) == 20
    assert {cell for place in found.chosen for cell in place.cells} == set(found.cells)
    assert {200, 201, 202} <= {int(place.doc_id.removeprefix("doc")) for place in found.chosen}
    assert found.pages == {
        ("train", "en", "github"): 298,
        ("train", "ja", "github"): 1,
        ("train", "en", "arxiv"): 1,
        ("test", "en", "github"): 10,
    }
    assert found.bands == {"exactly 1": 307, "0.999 to 1": 1, "0.98 to 0.99": 1, "below 0.98": 1}
    assert list(found.features) == ["heading", "math"]


def test_the_choice_is_that_of_the_pages_not_of_their_order(tmp_path: Path) -> None:
    rows = many()
    chosen = [
        [place.doc_id for place in survey(Folder(write(tmp_path / name, given).uri), 30).chosen]
        for name, given in (("a", rows), ("b", rows[::-1]))
    ]
    assert chosen[0] == chosen[1]


def test_the_same_dataset_gives_the_same_bytes_wherever_it_is(built: tuple[Path, StageRef], tmp_path: Path) -> None:
    shutil.copytree(built[1].uri, tmp_path / "copy")
    first = browse(dataset_at(built[1].uri))
    assert first == browse(dataset_at(str(tmp_path / "copy")))
    assert str(tmp_path) not in first
    assert str(built[0]) not in first


def test_a_real_dataset_shows_its_pages_in_their_documents(built: tuple[Path, StageRef]) -> None:
    folder = Folder(built[1].uri)
    views = page_views(folder, survey(folder, 500).chosen)
    assert len(views) == int(built[1].counts["train"]) + int(built[1].counts["test"])
    texts = {row["doc_id"]: row["markdown"] for row in folder.read_table("documents.parquet").to_pylist()}
    for view in views:
        assert view.source is not None
        assert view.image is not None
        marked = "".join(text for kind, text in view.source.parts if kind == "span")
        assert marked == texts[view.place.doc_id][view.start : view.end]
        assert "".join(text for _, text in view.source.parts) == texts[view.place.doc_id]
    html = browse(built[1])
    assert "author 1" in html
    assert "<th>collect</th><td>too short</td>" in html


def test_a_span_stands_in_what_is_around_it() -> None:
    text = "".join(chr(0x4E00 + n % 1_000) for n in range(WHOLE + 4_000))
    before, left, span, right, after = around(text, 3_000, 3_100)
    assert (before, after) == (("gap", "1,500 characters"), ("gap", f"{len(text) - 3_100 - CONTEXT:,} characters"))
    assert (left, span, right) == (
        ("context", text[1_500:3_000]),
        ("span", text[3_000:3_100]),
        ("context", text[3_100:4_600]),
    )
    assert around("abc", 0, 1) == [("span", "a"), ("context", "bc")]
    assert around("abc", 2, 99) == [("context", "ab"), ("span", "c")]
    assert around("abc", -5, -1) == [("context", "abc")]
    long = around("x" * 50_000, 0, 50_000)
    assert sum(len(text) for kind, text in long if kind == "span") == LONGEST
    assert ("gap", f"{50_000 - LONGEST:,} characters") in long


def test_a_style_in_words() -> None:
    assert style_line(json.dumps({**STYLE, "scan": {"blur": 1}})) == (
        "A4, 2 columns, DejaVu Serif 10.5 pt, 150 DPI, scanned"
    )
    assert style_line("plain") == "plain"
    assert style_line("[]") == "[]"


def test_a_large_dataset_says_which_pages_it_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = write(tmp_path / "d", many())
    monkeypatch.setattr(browser, "MOST_PAGES", 40)
    html = browse(dataset)
    assert html.count('<li data-length="') == 40
    assert "40 of 300 pages: first one of every combination" in html
    assert "(4 of 4 are here)" in " ".join(html.split())
    monkeypatch.setattr(frame, "MOST_BYTES", 30_000)
    shorter = browse(dataset)
    assert 5 < shorter.count('<li data-length="') < 40
    assert "(4 of 4 are here)" in " ".join(shorter.split()), "what is left out was chosen last"


def test_what_is_missing_or_broken_is_said(tmp_path: Path) -> None:
    rows = [
        page(0, image=None),
        page(1, image={"bytes": b"\x89PNG broken", "path": "x"}),
        page(2, features=[], agreement=None, style=None, language=None),
    ]
    html = browse(write(tmp_path / "d", rows, documents=[document(0)]))
    assert html.count("No image that can be read.") == 2
    assert "2 pages have no image" in html
    assert html.count("The dataset does not hold its document.") == 2
    with pytest.raises(UsageError, match=r"no data/\*\.parquet"):
        browse(write(tmp_path / "empty", []))
    del rows[0]["agreement"]
    with pytest.raises(UsageError, match="no column agreement"):
        browse(write(tmp_path / "other", rows[:1]))


def test_the_command_writes_the_file_and_says_where(
    tmp_path: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dataset = write(tmp_path / "d", many(5))
    assert main(["report", "--dataset", dataset.uri, "--out", str(tmp_path / "sub" / "d.html")]) == 0
    assert main(["report", "--dataset", dataset.uri]) == 0
    told = [Path(line) for line in capsys.readouterr().out.split()]
    assert told == [tmp_path / "sub" / "d.html", home / "browse" / "c1.html"]
    assert {path.read_text() for path in told} == {browse(dataset)}
    assert main(["report", "--dataset", str(tmp_path / "sub")]) == 2
    assert main(["report", "--dataset", dataset.uri, "--run", "x.toml"]) == 2
    assert main(["report", "--dataset", dataset.uri, "--out", str(tmp_path)]) == 2
    assert [line.split(":")[0] for line in capsys.readouterr().err.splitlines()] == ["recto"] * 3


def test_a_dataset_in_a_bucket_is_browsed(s3: str, tmp_path: Path) -> None:
    dataset = write(tmp_path / "d", many(30))
    bucket = Folder(f"{s3}/browsed")
    bucket.push(tmp_path / "d")
    assert browse(dataset_at(bucket.uri)) == browse(dataset)
