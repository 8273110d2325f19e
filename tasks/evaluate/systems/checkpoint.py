"""A model read with transformers: the same prompt, pixels and settings as in training, greedy."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tasks.config import Checkpoint
from tasks.evaluate.page_set import PageInput
from tasks.evaluate.systems.reader import Reading, decoded, installed, shared
from tasks.model.generate import generate
from tasks.model.load import load_model, load_processor
from tasks.train.environment import base_digest


def versions(system: Checkpoint) -> Mapping[str, str]:
    libraries = installed("torch", "transformers", "tokenizers", "peft", "pillow")
    return {system.base: base_digest(system.base), **libraries}


@dataclass(frozen=True)
class CheckpointReader:
    system: Checkpoint
    model: Any
    processor: Any
    needs_pdf: bool = False

    @property
    def batch(self) -> int:
        return self.system.batch

    def read(self, pages: Sequence[PageInput]) -> list[Reading]:
        started = time.perf_counter()
        images = [decoded(page) for page in pages]
        answers = generate(
            self.model, self.processor, images, self.system.prompt, self.system.max_new_tokens, self.batch
        )
        return shared([Reading(answer.text, answer.clipped) for answer in answers], started)


def open_reader(system: Checkpoint, adapter: Path | None) -> CheckpointReader:
    model = load_model(system.base, system.dtype, adapter, load=system.load)
    return CheckpointReader(system, model, load_processor(system.base))
