"""Real LaTeX: every document of a Debian package is Markdown or a named error."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.latex_documents import convert, download
from tasks.markdown import parse

pytestmark = [pytest.mark.full, pytest.mark.timeout(1200)]


def test_every_document_is_markdown_or_a_named_error(tmp_path: Path) -> None:
    outcomes = list(convert(download("texlive-humanities-doc", tmp_path)))
    converted = [outcome.markdown for outcome in outcomes if not outcome.error]
    assert len(outcomes) >= 25
    assert len(converted) >= 0.3 * len(outcomes)
    assert not [outcome.error for outcome in outcomes if outcome.kind == "another"]
    assert all(len(markdown) > 200 and parse(markdown).children for markdown in converted)
