"""Which of the texts that sources hand over is a document."""

from __future__ import annotations

import pytest

from tasks.collect.intake import Intake
from tasks.collect.source import Original
from tasks.config import CollectConfig
from tasks.records import Reason

ENGLISH = "# Title\n\nThis page says enough to be taken in, in plain English words.\n"


def given(name: str, text: str = ENGLISH, doc_id: str = "", language: str = "") -> Original:
    return Original(text.encode(), name, doc_id=doc_id or f"id of {name}", source="x", family="x", language=language)


@pytest.fixture
def intake() -> Intake:
    return Intake(CollectConfig(min_chars=20))


def test_a_text_that_was_rejected_makes_no_other_a_duplicate(intake: Intake) -> None:
    intake.take(given("ja/a.md", language="ja"))
    intake.take(given("en/a.md", language="en"))
    assert [r.reason for r in intake.rejects] == [Reason.WRONG_LANGUAGE]
    assert [d.doc_id for d in intake.documents] == ["id of en/a.md"]


@pytest.mark.parametrize("name", ["a.md", "b.md"])
def test_a_text_comes_in_once_whatever_it_is_called(intake: Intake, name: str) -> None:
    intake.take(given("a.md", doc_id="1"))
    intake.take(given(name, doc_id="2"))
    assert [d.doc_id for d in intake.documents] == ["1"]
    assert [(r.reason, r.detail) for r in intake.rejects] == [(Reason.DUPLICATE, f"{name}: the same text as a.md")]


@pytest.mark.parametrize(
    "line",
    [
        "**[⬆ back to top](#table-of-contents)**",
        '<p align="right"><a href="#top">⬆ Return to top</a></p>',
        "([Back to the top](#a))",
        "[トップに戻る](#top)",
        "[Edit this page on GitHub](https://github.com/a/b)",
        "[![build](https://img.shields.io/x.svg)](https://ci) [![npm](https://badge.fury.io/x.svg)](https://npm)",
    ],
)
def test_what_says_nothing_of_the_document_goes(intake: Intake, line: str) -> None:
    intake.take(given("a.md", f"{ENGLISH}\n{line}\n\n## More\n\nIt went back to the top of the page.\n\n{line}\n"))
    assert intake.documents[0].markdown == f"{ENGLISH}\n## More\n\nIt went back to the top of the page.\n"


def test_an_identity_is_taken_once(intake: Intake) -> None:
    intake.take(given("a.md", doc_id="1"))
    intake.take(given("b.md", ENGLISH + "More.\n", doc_id="1"))
    assert len(intake.documents) == 1
    assert [(r.reason, r.detail) for r in intake.rejects] == [(Reason.DUPLICATE, "b.md: the same document as a.md")]
