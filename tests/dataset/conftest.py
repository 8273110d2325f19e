from __future__ import annotations

from pathlib import Path

import pytest
from dataset_pages import documents, published

from tasks.records import StageRef


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, StageRef]:
    """A dataset of eight documents, and the store it was made in."""
    store = tmp_path_factory.mktemp("store")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RECTO_HOME", str(store))
        return store, published(documents())
