"""Scores of many pages."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from tasks.scoring.page import score_page

MIN_PAIRS = 2_000  # fewer are scored sooner by one process than others have started (about 1.5 s each)


def score_pages(
    predictions: Sequence[str], references: Sequence[str], workers: int = 1
) -> list[dict[str, float | None]]:
    """`score_page` of each pair, in their order; from `MIN_PAIRS` on by `workers` processes, with the same results.

    The processes are spawned, so a script calls this below `if __name__ == "__main__"`. Raises ValueError for
    sequences of different lengths, TypeError for anything but texts.
    """
    if len(predictions) != len(references):
        raise ValueError(f"{len(predictions)} predictions for {len(references)} references")
    if workers <= 1 or len(predictions) < MIN_PAIRS:
        return list(map(score_page, predictions, references))
    # spawn: threads of other libraries may hold locks that a fork would keep
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
        return list(pool.map(score_page, predictions, references, chunksize=max(1, len(predictions) // (8 * workers))))
