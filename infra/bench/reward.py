"""Rewards and scores of real text and the same with reading errors, every reference new to the process."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from functools import partial

from infra.bench.timing import timed
from tasks.evaluate.page_set import SetPage
from tasks.evaluate.scores import score_all
from tasks.evaluate.systems import Reading
from tasks.records import Document
from tasks.scoring import composite_reward
from tasks.scoring.typos import inject_typo

REWARD_CHARS = 3_000


def bench(documents: Sequence[Document]) -> None:
    texts = [d.markdown for d in documents]
    pages = [text[i : i + REWARD_CHARS] for text in texts for i in range(0, len(text) - REWARD_CHARS + 1, REWARD_CHARS)]
    answers = [misread(page) for page in pages]
    composite_reward(answers[0], pages[0])
    times = []
    for pair in zip(answers, pages, strict=True):
        started = time.process_time()
        composite_reward(*pair)
        times.append(1000 * (time.process_time() - started))
    deciles = statistics.quantiles(times, n=10)
    print(
        f"composite reward of {REWARD_CHARS} characters: median {deciles[4]:.2f} ms, "
        f"9th decile {deciles[8]:.2f} ms CPU (n = {len(pages)} pairs)"
    )
    _scoring(pages, answers)


def _scoring(pages: Sequence[str], answers: Sequence[str]) -> None:
    """An evaluation's scoring in one process and in two, wall time."""
    known = [SetPage(str(i), str(i), 0, str(i), "en", "bench", (), page) for i, page in enumerate(pages)]
    given = [[Reading(answer) for answer in answers]] * 10
    walls = [timed(partial(score_all, known, given, workers))[0].wall for workers in (1, 2)]
    print(f"scores of {10 * len(pages)} answers: 2 processes take {walls[1] / walls[0]:.2f} of the time of one")


def misread(page: str) -> str:
    """The page with an error in every seventh line, and every fortieth line lost."""
    lines = [line for i, line in enumerate(page.split("\n"), 1) if i % 40]
    return "\n".join(inject_typo(line, str(i)) if i % 7 == 0 else line for i, line in enumerate(lines))
