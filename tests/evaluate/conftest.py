from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from tasks.model import tiny

torch.set_num_threads(1)


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> str:
    """An untrained model in a folder."""
    folder: Path = tmp_path_factory.mktemp("base")
    processor = tiny.build_processor()
    tiny.save(tiny.build_model(processor.tokenizer), processor, folder)
    return str(folder)


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RECTO_HOME", str(tmp_path / "store"))
    return tmp_path / "store"


@pytest.fixture
def dataset(tmp_path: Path) -> Any:
    from evaluation_inputs import rows, write_dataset

    return write_dataset(tmp_path / "dataset", rows(families=4, pages=3))
