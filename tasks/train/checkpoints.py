"""Checkpoints in the store, so that a killed run goes on from the last one, also on another machine.

A checkpoint is a folder named by its step. Its marker is written last: without it the folder is what a push that was
killed left behind, and is passed over.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import fsspec

from tasks.store import Folder

MARKER = "complete.json"
FOLDER = "checkpoints"


def scratch_folder(folder: Folder, stage: str) -> Path:
    """An empty local folder for the trainer, the same for every run of this stage folder.

    It lies in the stage folder where that is local, so that nothing is left elsewhere by a killed run.
    """
    here = local_path(folder)
    key = folder.uri.rstrip("/").rpartition("/")[2]
    scratch = here / "scratch" if here else _temporary() / f"recto-{stage}-{key}"
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    return scratch


def local_path(folder: Folder) -> Path | None:
    """Where a folder of the store lies on this machine; None where the store is elsewhere."""
    fs, path = fsspec.core.url_to_fs(folder.uri)
    local = "file" in (fs.protocol if isinstance(fs.protocol, tuple) else (fs.protocol,))
    return Path(path) if local else None


def _temporary() -> Path:
    import tempfile

    return Path(tempfile.gettempdir())


def push_checkpoint(local: Path, step: int, checkpoints: Folder) -> None:
    """Copy a checkpoint to the store; older ones go once it is complete."""
    older = {name.partition("/")[0] for name in checkpoints.names("*/*")}
    name = f"{step:08d}"
    (checkpoints / name).delete()
    (checkpoints / name).push(local)
    (checkpoints / name).write_json(MARKER, {"step": step})
    for other in sorted(older - {name}):
        (checkpoints / other).delete()


def pull_checkpoint(checkpoints: Folder, scratch: Path) -> Path | None:
    """The newest complete checkpoint as a local folder; None where there is none."""
    complete = checkpoints.names(f"*/{MARKER}")
    if not complete:
        return None
    name = complete[-1].partition("/")[0]
    target = scratch / f"checkpoint-{int(name)}"
    (checkpoints / name).pull(target)
    return target
