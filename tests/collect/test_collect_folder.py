"""A folder of Markdown: every *.md is a document or a reject."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tasks.collect import collect
from tasks.collect.intake import MAX_BYTES
from tasks.config import CollectConfig
from tasks.records import Document, Reason, Reject, UsageError, digest

CONFIG = CollectConfig(sources=("folder",), min_chars=20)
TEXT = "# Title\n\nThis page says enough to be taken in, in plain English words.\n"
JAPANESE = "# 題名\n\nこのページは日本語で書かれていて、十分な長さがあります。\n"


def collect_folder(folder: Path | str, config: CollectConfig = CONFIG) -> tuple[list[Document], list[Reject]]:
    return collect(config.model_copy(update={"folder": str(folder)}))


def write(root: Path, name: str, content: str | bytes = TEXT) -> Path:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_documents_are_named_by_their_relative_path(tmp_path: Path) -> None:
    for root in (tmp_path / "here", tmp_path / "there"):
        write(root, "b/c/two.md", TEXT + "Two.\n")
        write(root, "b/one.md", TEXT + "One.\n")
        write(root, "top.md", JAPANESE)
        write(root, "notes.txt")
        write(root, ".hidden/x.md", TEXT + "Hidden.\n")
        write(root, ".hidden.md", TEXT + "Hidden.\n")
    documents, rejects = collect_folder(tmp_path / "here")
    assert rejects == []
    assert [d.url for d in documents] == ["b/c/two.md", "b/one.md", "top.md"]
    assert [d.family for d in documents] == ["b", "b", "top.md"]
    assert [d.language for d in documents] == ["en", "en", "ja"]
    assert {d.license for d in documents} == {"NOASSERTION"}
    assert documents[1].doc_id == digest("folder", "b/one.md")
    assert documents == collect_folder(tmp_path / "there")[0]


def test_a_new_revision_keeps_the_identity(tmp_path: Path) -> None:
    write(tmp_path, "a.md")
    (before,), _ = collect_folder(tmp_path)
    write(tmp_path, "a.md", TEXT + "More.\n")
    (after,), _ = collect_folder(tmp_path)
    assert before.doc_id == after.doc_id
    assert before.revision != after.revision


def test_every_file_is_a_document_or_a_reject(tmp_path: Path) -> None:
    write(tmp_path, "a-good.md")
    write(tmp_path, "b-copy.md", "\ufeff" + TEXT.replace("\n", "\r\n"))
    write(tmp_path, "binary.md", b"\x89PNG\r\n\0\0\0")
    write(tmp_path, "empty.md", "")
    write(tmp_path, "latin.md", "# Caf\xe9, enough words here\n".encode("latin-1"))
    write(tmp_path, "wide.md", TEXT.encode("utf-16"))
    write(tmp_path, "plain.md", "Only words, and a good many of them too.\n")
    write(tmp_path, "deep.md", TEXT + ">" * 500 + " deep\n")
    write(tmp_path, "big.md", TEXT * (MAX_BYTES // len(TEXT) + 1))
    write(tmp_path, "name\udcff.md", TEXT + "A name that is not UTF-8.\n")
    os.mkfifo(tmp_path / "pipe.md")
    (tmp_path / "folder.md").mkdir()
    documents, rejects = collect_folder(tmp_path)
    assert [d.url for d in documents] == ["a-good.md", "name\\xff.md"]
    reasons = {r.detail.split(":")[0]: r.reason for r in rejects}
    assert reasons == {
        "b-copy.md": Reason.DUPLICATE,
        "big.md": Reason.TOO_LONG,
        "binary.md": Reason.NOT_MARKDOWN,
        "deep.md": Reason.NOT_MARKDOWN,
        "empty.md": Reason.TOO_SHORT,
        "latin.md": Reason.UNREADABLE,
        "pipe.md": Reason.UNREADABLE,
        "plain.md": Reason.NO_MARKER,
        "wide.md": Reason.UNREADABLE,
    }
    assert next(r for r in rejects if r.reason is Reason.DUPLICATE).detail.endswith("a-good.md")


def test_links_that_leave_the_folder_are_not_followed(tmp_path: Path) -> None:
    outside = write(tmp_path / "outside", "secret.md", TEXT + "Secret.\n")
    root = tmp_path / "in"
    write(root, "a.md")
    (root / "file.md").symlink_to(outside)
    (root / "tree").symlink_to(outside.parent)
    (root / "loop.md").symlink_to("loop.md")
    (root / "gone.md").symlink_to("nothing.md")
    documents, rejects = collect_folder(root)
    assert [d.url for d in documents] == ["a.md"]
    assert {(r.detail.split(":")[0], r.reason) for r in rejects} == {
        (name, Reason.UNREADABLE) for name in ("file.md", "loop.md", "gone.md")
    }


def test_a_file_that_may_not_be_read_is_a_reject(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, "a.md")
    write(tmp_path, "b.md")
    real = Path.open

    def refuse(self: Path, *args: object) -> object:
        if self.name == "b.md":
            raise PermissionError(13, "Permission denied")
        return real(self, *args)  # type: ignore[call-overload]

    monkeypatch.setattr(Path, "open", refuse)
    documents, (reject,) = collect_folder(tmp_path)
    assert len(documents) == 1
    assert (reject.reason, reject.detail) == (Reason.UNREADABLE, "b.md: Permission denied")


def test_a_long_document_is_cut_and_counted(tmp_path: Path) -> None:
    paragraph = "A paragraph of some length that fills the page.\n\n"
    write(tmp_path, "a.md", "# T\n\n" + paragraph * 50)
    (document,), (reject,) = collect_folder(tmp_path, CollectConfig(sources=("folder",), min_chars=20, max_chars=500))
    assert len(document.markdown) <= 500
    assert document.markdown.endswith("page.\n")
    assert (reject.reason, reject.doc_id) == (Reason.CUT, document.doc_id)
    whole = len("# T\n\n" + paragraph * 50) - 1
    assert reject.detail == f"a.md: {whole - len(document.markdown)} of {whole} characters cut"


def test_languages_are_a_filter(tmp_path: Path) -> None:
    write(tmp_path, "en.md")
    write(tmp_path, "ja.md", JAPANESE)
    write(tmp_path, "ja-long.md", JAPANESE + "長い段落です。\n\n" * 100)
    config = CollectConfig(sources=("folder",), languages=("en",), min_chars=20, max_chars=200)
    documents, rejects = collect_folder(tmp_path, config)
    assert [d.url for d in documents] == ["en.md"]
    assert [r.reason for r in rejects] == [Reason.WRONG_LANGUAGE] * 2
    assert rejects[0].detail == "ja-long.md: ja; wanted en"


@pytest.mark.parametrize("case", ["", "missing", "file", "empty"])
def test_a_folder_that_cannot_be_used_is_one_clear_line(tmp_path: Path, case: str) -> None:
    write(tmp_path, "file")
    write(tmp_path, "empty/readme.txt")
    with pytest.raises(UsageError) as error:
        collect_folder(str(tmp_path / case) if case else "")
    message = str(error.value)
    assert "\n" not in message
    assert {"": "''", "missing": "no such folder", "file": "not a folder", "empty": "among its 1 files"}[
        case
    ] in message
