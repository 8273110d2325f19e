"""Cutting: within the limit, at a boundary, never inside a fence."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.collect.clean import cut, normalise
from tasks.markdown import parse

BLOCKS = [
    "# Heading\n\n",
    "A paragraph of words\nover two lines.\n\n",
    "- one\n- two\n  - nested\n- three\n\n",
    "> quoted\n> lines\n\n",
    "```py\nfor x in y:\n\n    print(x)\n```\n\n",
    "| a | b |\n|---|---|\n| 1 | 2 |\n| 3 | 4 |\n\n",
]
# headings between them, so that two lists do not become one
documents = st.lists(st.sampled_from(BLOCKS), min_size=1, max_size=12).map("# Part\n\n".join).map(normalise)


@settings(max_examples=200, deadline=None)
@given(documents, st.integers(60, 400))
def test_whole_blocks_are_kept(text: str, limit: int) -> None:
    part = cut(text, limit)
    assert len(part) <= limit
    assert text.startswith(part.rstrip("\n"))
    kept, whole = parse(part).children, parse(text).children
    assert [node.kind for node in kept] == [node.kind for node in whole[: len(kept)]]
    if part != text:
        assert whole[len(kept)].end > limit - 1, "one more block would have fitted"


@pytest.mark.parametrize(
    ("text", "limit", "part"),
    [
        ("short\n", 20, "short\n"),
        ("# T\n\none\n\ntwo\n", 12, "# T\n\none\n"),
        ("- aaaa\n- bbbb\n- cccc\n", 18, "- aaaa\n- bbbb\n"),
        ("# T\n\n- aaaa\n- bbbb\n- cccc\n", 20, "# T\n\n- aaaa\n- bbbb\n"),
        ("one line\nsecond line\nthird line\n", 25, "one line\nsecond line\n"),
        ("word word **bold and long** word\n", 20, "word word\n"),
        ("x" * 40, 20, "x" * 19 + "\n"),
        ("```py\nline1\nline2\nline3\nline4\n```\n", 24, "```py\nline1\nline2\n```\n"),
        ("~~~~\nline1\nline2\nline3\nline4\n~~~~\n", 24, "~~~~\nline1\nline2\n~~~~\n"),
        ("> ```py\n> line1\n> line2\n> line3\n> ```\n", 34, "> ```py\n> line1\n> line2\n> ```\n"),
        ("    code 1\n    code 2\n    code 3\n", 25, "    code 1\n    code 2\n"),
        ("| a | b |\n|-|-|\n| 1 | 2 |\n| 3 | 4 |\n| 5 | 6 |\n", 40, "| a | b |\n|-|-|\n| 1 | 2 |\n| 3 | 4 |\n"),
    ],
)
def test_examples(text: str, limit: int, part: str) -> None:
    assert cut(text, limit) == part


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="ab `*_[]()<>|-#\n~\\", max_size=300), st.integers(10, 200))
def test_never_over_the_limit(text: str, limit: int) -> None:
    assert len(cut(text, limit)) <= limit
