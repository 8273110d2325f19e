from __future__ import annotations

import uuid
from pathlib import Path

import pytest

from tasks.store import Folder
from tasks.train.checkpoints import MARKER, pull_checkpoint, push_checkpoint


@pytest.fixture(params=["local", "memory", "s3"])
def checkpoints(request: pytest.FixtureRequest, tmp_path: Path) -> Folder:
    if request.param == "local":
        return Folder(str(tmp_path / "store" / "checkpoints"))
    if request.param == "s3":
        return Folder(f"{request.getfixturevalue('s3')}/{uuid.uuid4().hex}/checkpoints")
    return Folder(f"memory://{uuid.uuid4().hex}/checkpoints")


def local_checkpoint(tmp_path: Path, text: str) -> Path:
    folder = tmp_path / text
    (folder / "deep").mkdir(parents=True)
    (folder / "model").write_text(text)
    (folder / "deep" / "state").write_text(text)
    return folder


def test_the_newest_comes_back(tmp_path: Path, checkpoints: Folder) -> None:
    assert pull_checkpoint(checkpoints, tmp_path / "scratch") is None
    for step in (9, 10, 100):
        push_checkpoint(local_checkpoint(tmp_path, f"step{step}"), step, checkpoints)
        pulled = pull_checkpoint(checkpoints, tmp_path / "scratch")
        assert pulled is not None
        assert pulled.name == f"checkpoint-{step}"
        assert (pulled / "model").read_text() == (pulled / "deep" / "state").read_text() == f"step{step}"
    assert {name.partition("/")[0] for name in checkpoints.names("*/*")} == {"00000100"}


def test_a_push_that_was_killed_is_passed_over(
    tmp_path: Path, checkpoints: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    push_checkpoint(local_checkpoint(tmp_path, "good"), 2, checkpoints)

    def killed(self: Folder, name: str, value: object) -> None:
        assert name == MARKER
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Folder, "write_json", killed)
        with pytest.raises(KeyboardInterrupt):
            push_checkpoint(local_checkpoint(tmp_path, "half"), 4, checkpoints)
    assert checkpoints.names("00000004/*") == ["00000004/model"]
    pulled = pull_checkpoint(checkpoints, tmp_path / "scratch")
    assert pulled is not None
    assert (pulled / "model").read_text() == "good"
    push_checkpoint(local_checkpoint(tmp_path, "again"), 4, checkpoints)
    pulled = pull_checkpoint(checkpoints, tmp_path / "scratch")
    assert pulled is not None
    assert (pulled / "model").read_text() == "again"
