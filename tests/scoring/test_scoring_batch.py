"""Scores of many pages at once."""

import pytest
from scoring_pages import WRITTEN

from tasks.scoring import batch, score_page, score_pages

PAGES = list(WRITTEN.values())


@pytest.mark.parametrize("workers", [1, 2])
def test_pages_are_scored_in_their_order_by_any_number_of_processes(
    workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch, "MIN_PAIRS", 4)
    predictions, references = PAGES * 2, [*PAGES[1:], *PAGES, PAGES[0]]
    assert score_pages(predictions, references, workers) == list(map(score_page, predictions, references))


def test_small_batches_start_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch, "ProcessPoolExecutor", None)
    assert score_pages(PAGES, PAGES, workers=2) == [score_page(page, page) for page in PAGES]
    assert score_pages([], [], workers=2) == []


def test_every_prediction_needs_its_reference() -> None:
    with pytest.raises(ValueError, match="2 predictions for 1"):
        score_pages(["a", "b"], ["a"], 1)
