"""A policy: a model that is asked to count, as a base or a training left it, or as it comes from the Hub."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tasks.counting.config import Checkpoint
from tasks.counting.prompts import PROMPTS, PromptName
from tasks.model.load import load_model, load_processor
from tasks.records import StageRef, digest
from tasks.store import Folder
from tasks.train.environment import base_digest


def one_thread() -> None:
    """Without a GPU torch computes in one thread: cells run side by side, and sums over more round otherwise."""
    import torch

    if not torch.cuda.is_available():
        torch.set_num_threads(1)


@contextmanager
def opened(policy: StageRef | None, checkpoint: Checkpoint | None) -> Iterator[tuple[Any, Any]]:
    """Model and processor of a finished stage, which are in its `model`, or of a checkpoint. As `one_thread`."""
    one_thread()
    if policy is None:
        assert checkpoint is not None
        yield load_model(checkpoint.model, checkpoint.dtype), load_processor(checkpoint.model)
        return
    with (Folder(policy.uri) / "model").on_disk() as path:
        yield load_model(str(path), checkpoint.dtype if checkpoint else "float32"), load_processor(str(path))


def keep(folder: Folder, model: Any, processor: Any) -> None:
    """Write `model` to a stage's folder."""
    with tempfile.TemporaryDirectory() as local:
        model.save_pretrained(local)
        processor.save_pretrained(local)
        (folder / "model").push(Path(local))


def environment(checkpoint: Checkpoint | None, *prompts: PromptName) -> str:
    """What decides a policy's answers besides its configuration and inputs."""
    named = [base_digest(checkpoint.model)] if checkpoint else []
    asked = [part for name in prompts for part in (PROMPTS[name].text, PROMPTS[name].answer(1))]
    return digest(*named, *asked, *(f"{name} {version(name)}" for name in ("torch", "transformers", "trl", "pillow")))
