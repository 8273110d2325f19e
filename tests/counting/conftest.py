from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tasks.model import tiny

torch.set_num_threads(1)


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A model of random weights: what it answers has no meaning, and asks for no model file."""
    folder: Path = tmp_path_factory.mktemp("random-model")
    processor = tiny.build_processor()
    tiny.save(tiny.build_model(processor.tokenizer), processor, folder)
    return str(folder)


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RECTO_HOME", str(tmp_path / "store"))
    return tmp_path / "store"
