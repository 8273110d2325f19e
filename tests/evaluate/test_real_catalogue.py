"""The catalogue of real pages: what ships is what is promised, and nothing wrong is taken."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from real_packages import write_catalogue

from tasks.evaluate.real.catalogue import load_catalogue
from tasks.records import UsageError


def test_the_catalogue_holds_pages_of_both_languages_and_a_quarter_of_them_are_scans() -> None:
    documents = load_catalogue()
    pages = Counter(document.language for document in documents for _ in document.pages)
    scans = Counter(document.language for document in documents for _ in document.scans)
    families = {(document.language, document.family or document.name) for document in documents}
    assert pages["en"] >= 60
    assert pages["ja"] >= 20
    assert all(0.2 <= scans[language] / pages[language] <= 0.3 for language in ("en", "ja"))
    assert sum(language == "en" for language, _ in families) >= 12
    assert sum(language == "ja" for language, _ in families) >= 5


def test_translations_of_one_text_are_one_family() -> None:
    families = {document.name: document.family for document in load_catalogue()}
    assert families["debian-reference-en"] == families["debian-reference-ja"] == "debian-reference"


@pytest.mark.parametrize("path", ["../x.pdf", "/etc/passwd", "usr/../../x", ""])
def test_a_path_out_of_the_package_is_refused(tmp_path: Path, path: str) -> None:
    with pytest.raises(UsageError, match="no path inside a package"):
        load_catalogue(write_catalogue(tmp_path / "c.toml", b"", pdf=path))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"pages": [2, 1]}, "in order"),
        ({"pages": [-1]}, "from 0"),
        ({"scans": [9]}, "among the pages"),
        ({"package": "-o Dir=/x"}, "package"),
        ({"version": "1 2"}, "version"),
        ({"name": "../a"}, "name"),
        ({"pdf_sha256": "12"}, "pdf_sha256"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_wrong_entry_is_named(tmp_path: Path, changes: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        load_catalogue(write_catalogue(tmp_path / "c.toml", b"", **changes))


def test_a_name_is_used_once(tmp_path: Path) -> None:
    path = write_catalogue(tmp_path / "c.toml", b"")
    path.write_text(path.read_text() * 2)
    with pytest.raises(UsageError, match="two documents"):
        load_catalogue(path)


def test_a_file_that_is_no_catalogue_is_named(tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text("[[")
    with pytest.raises(UsageError, match="not a readable catalogue"):
        load_catalogue(tmp_path / "c.toml")
