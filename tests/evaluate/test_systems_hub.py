from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import hub_models
import pytest
from system_pages import page

from tasks.config import HubModel
from tasks.evaluate.systems import open_reader, versions
from tasks.evaluate.systems.hub import FRONT_MATTER
from tasks.records import UsageError


@pytest.mark.parametrize(
    ("kind", "make"),
    [("nougat", hub_models.nougat), ("got-ocr2", hub_models.got_ocr2), ("olmocr", hub_models.qwen)],
)
def test_a_model_of_the_field_reads_through_its_own_classes(
    kind: str, make: Callable[[Path], Path], tmp_path: Path
) -> None:
    folder = make(tmp_path / "model")
    system = HubModel(kind=kind, model=str(folder), max_new_tokens=12, dtype="float32")
    reader = open_reader(system)
    first, again, other = reader.read([page("a"), page("a"), page("b", "Quite another text than that one.")])
    assert not first.error + other.error
    assert first.text == again.text
    assert len(first.text) <= 12 * 8  # tokens of at most some bytes: the prompt is not in it
    assert "OCR" not in first.text
    assert first.seconds > 0
    assert str(folder) in versions(system)


@pytest.mark.parametrize("kind", ["nougat", "got-ocr2", "olmocr"])
def test_without_a_network_one_line_says_what_is_missing(
    kind: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from huggingface_hub import constants

    from tasks.model.load import revision_of

    revision_of.cache_clear()
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(UsageError, match=r"cannot be fetched from the Hub.*check the name and the network") as e:
        open_reader(HubModel(kind=kind))
    assert "\n" not in str(e.value)


def test_docling_that_is_not_installed_is_named() -> None:
    with pytest.raises(UsageError, match="pip install docling"):
        open_reader(HubModel(kind="docling"))


def test_front_matter_is_no_part_of_the_page() -> None:
    answer = "---\nprimary_language: en\nis_table: False\n---\n# Title\n\n---\n\nText\n"
    assert FRONT_MATTER.sub("", answer) == "# Title\n\n---\n\nText\n"
    assert FRONT_MATTER.sub("", "# No front matter\n\n---\n") == "# No front matter\n\n---\n"
