from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from tasks.model import tiny
from tasks.model.load import TINY

torch.set_num_threads(1)


@pytest.fixture(scope="session")
def processor() -> Any:
    return tiny.build_processor()


@pytest.fixture
def model(processor: Any) -> Any:
    return tiny.build_model(processor.tokenizer).eval()


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory, processor: Any) -> str:
    """The embedded model; an untrained one in a checkout that has none yet."""
    if (TINY / "model.safetensors").exists():
        return "tiny"
    folder: Path = tmp_path_factory.mktemp("tiny")
    tiny.save(tiny.build_model(processor.tokenizer), processor, folder)
    return str(folder)
