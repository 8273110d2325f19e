"""Sources to Markdown and to pieces."""

from __future__ import annotations

import gzip
from itertools import pairwise
from pathlib import Path

import pytest

from tasks.collect import pandoc
from tasks.evaluate.real.pieces import pieces
from tasks.evaluate.real.sources import decode, to_markdown, unpack
from tasks.records import StageError


def test_a_gzipped_source_is_read() -> None:
    assert to_markdown([gzip.compress(b"\\section{One} Words.")], "latex", "en").split() == ["#", "One", "Words."]


def test_a_source_that_unpacks_to_too_much_is_refused() -> None:
    with pytest.raises(StageError, match="more than 1000 bytes"):
        unpack(gzip.compress(bytes(2000)), limit=1000)


def test_a_source_reads_no_file(tmp_path: Path) -> None:
    (tmp_path / "secret.tex").write_text("secret words")
    source = f"before \\input{{{tmp_path}/secret}} \\lstinputlisting{{{tmp_path}/secret.tex}} after"
    assert "secret words" not in to_markdown([source.encode()], "latex", "en")


def test_a_source_that_pandoc_cannot_read_is_an_error() -> None:
    with pytest.raises(StageError, match="pandoc failed"):
        to_markdown([b"\\begin{itemize} \\item a"], "latex", "en")


def _endless() -> bytes:
    """LaTeX of a few hundred bytes whose macros unfold to 160 thousand million words."""
    macros = [r"\newcommand{\xa}{word word}"]
    for a, b in pairwise("abcdefgh"):
        macros.append(rf"\newcommand{{\x{b}}}{{" + rf"\x{a}" * 40 + "}")
    return "".join([*macros, r"\xh"]).encode()


def test_a_source_that_takes_too_long_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pandoc, "SECONDS", 0.1)
    monkeypatch.setattr(pandoc, "HEAP", "4G")
    with pytest.raises(StageError, match=r"more than 0\.1 s"):
        to_markdown([_endless()], "latex", "en")


def test_a_source_that_takes_too_much_memory_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pandoc, "HEAP", "64M")
    with pytest.raises(StageError, match=r"pandoc failed \(251\)"):
        to_markdown([_endless()], "latex", "en")


@pytest.mark.parametrize("encoding", ["utf-8", "iso2022_jp", "euc_jp"])
def test_japanese_sources_are_decoded(encoding: str) -> None:
    assert decode("日本語の文書。".encode(encoding), "ja") == "日本語の文書。"


def test_a_line_break_in_japanese_is_no_space() -> None:
    assert to_markdown(["日本語の\n文書。".encode()], "latex", "ja").strip() == "日本語の文書。"


def test_sentences_and_what_stands_between_their_formulas_are_pieces() -> None:
    found = pieces("# Head\n\nOne is here. Two has $x^2$ in `it`.\n\n$$y=1$$\n", "en").running
    assert [(piece.kind, piece.text) for piece in found] == [
        ("heading", "Head"),
        ("sentence", "One is here."),
        ("part", "Two has"),
        ("inline", "x^2"),
        ("part", "in"),
        ("part", "."),
        ("display", "y=1"),
    ]


def test_captions_and_footnotes_do_not_flow() -> None:
    markdown = "Text before it.\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\nIts caption.\n\nText.[^1]\n\n[^1]: A note.\n"
    flows = {piece.text: piece.flows for piece in pieces(markdown, "en").running}
    assert flows["Its caption."] is False
    assert flows["A note."] is False
    assert flows["Text."] is True


def test_tables_keep_plain_cells_only() -> None:
    (table,) = pieces("| a | b |\n|---|---|\n| one *two* | `code` |\n", "en").tables
    assert table == [["a", "b"], ["one two", None]]


def test_items_of_a_tight_list_are_sentences() -> None:
    found = pieces("- first thing\n- second\n  - third thing\n", "en").running
    assert [piece.text for piece in found] == ["first thing", "second", "third thing"]
