"""Long junk is scored, in bounded time and without deep recursion."""

import time

import pytest
from scoring_pages import INSTALL, LISTS, TABLES

from tasks.scoring import composite_reward, score_page

N = 100_000
JUNK = {
    "pipes": "|" * N,
    "backticks": "`" * N,
    "quotes": ">" * N,
    "stars": "*" * N,
    "stars around": "*" * (N // 2) + "a" + "*" * (N // 2 - 1),
    "brackets": "[" * N,
    "list in list": "1. " * (N // 3),
    "indented lists": "\n".join(" " * i + "- a" for i in range(440)),
    "quote staircase": "\n".join("> " * i + "a" for i in range(310)),
    "emphasis": "*a _b " * (N // 6),
    "fences": "```\n" * (N // 4),
    "code blocks": "".join(f"```\nx{i}\n```\n" for i in range(7_000)),
    "headings": "".join(f"# {i}\n" for i in range(14_000)),
    "tables": "".join(f"|a{i}|b|\n|-|-|\n|{i}|2|\n\n" for i in range(4_000)),
    "long table": "|a|b|c|d|\n|-|-|-|-|\n" + "".join(f"|{i}|{i * 7}|{i * 3}|{i}x|\n" for i in range(4_000)),
    "wide table": f"|{'ab|' * 4_000}\n|{'-|' * 4_000}\n" + f"|{'xy|' * 4_000}\n" * 6,
    "sentences": "あ。" * (N // 2),
    "combining marks": "a" + "\u0301\u0316" * (N // 2),
    "ligatures that NFKC grows": "\ufdfa" * N,
    "html": "<a " * (N // 3),
    "html tables": "<table><tr><td>a</td><td>b</td></tr></table>\n" * (N // 45),
    "html tables in cells": "<table><tr><td>" * (N // 15),
    "html rows": "<table>" + "<tr>" * (N // 4),
    "formulas": "".join(f"$x_{i}$ " for i in range(12_000)),
    "bracketed formulas": r"\(x_1\)" * (N // 7),
    "list items": "".join(f"- item {i}\n" for i in range(8_000)),
    "nul": "\0" * N,
    "lone surrogates": "\ud800a" * (N // 2),
    "spaces": " " * N,
}


@pytest.mark.parametrize("name", JUNK)
def test_junk(name: str) -> None:
    junk = JUNK[name][:N]
    begin = time.process_time()
    assert composite_reward(junk, INSTALL).total <= 0.2
    assert composite_reward(f"{TABLES}\n\n{junk}", TABLES).total <= 0.7 or not junk.strip()
    near = junk[: N // 2] + LISTS + junk[N // 2 :]
    assert all(value is None or 0 <= value <= 1 for value in score_page(near, junk).values())
    assert all(value in (1, None) for value in score_page(junk, junk).values())
    assert time.process_time() - begin < 15


def test_an_ordinary_page_is_scored_in_milliseconds() -> None:
    answer = INSTALL.replace("server", "sewer").replace("1.", "2.")
    composite_reward(answer, INSTALL)
    begin = time.process_time()
    for _ in range(50):
        composite_reward(answer, INSTALL)
    assert (time.process_time() - begin) / 50 < 0.02
