from __future__ import annotations

import pytest
import torch
from training_pages import page, save_base, sft_run, write_dataset

from tasks.records import StageRef

torch.set_num_threads(1)


@pytest.fixture(scope="session")
def untrained(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The folder of an untrained model."""
    return save_base(tmp_path_factory.mktemp("untrained"))


@pytest.fixture(scope="session")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> StageRef:
    return write_dataset(tmp_path_factory.mktemp("dataset"), [page(i) for i in range(12)])


@pytest.fixture(scope="session")
def warm(tmp_path_factory: pytest.TempPathFactory, untrained: str, dataset: StageRef) -> StageRef:
    """A finished SFT stage."""
    from tasks.train.sft import sft_stage

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RECTO_HOME", str(tmp_path_factory.mktemp("warm")))
        return sft_stage(sft_run(untrained), dataset)
