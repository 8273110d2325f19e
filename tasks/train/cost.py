"""What a training run took: tokens, images, seconds, memory at its highest, and money at a price an hour."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tasks.records import StageRef
from tasks.stage import Counts
from tasks.store import Folder

_STATUS, _RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


@dataclass
class Meter:
    """Runs from when it is made. The peaks of memory are of the whole process, from then on."""

    started: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        import torch

        try:
            _RESET.write_text("5")  # the highest resident size so far is forgotten (man 5 proc)
        except OSError:
            pass
        if torch.cuda.is_available():
            torch.cuda.reset_peak_memory_stats()

    def read(self, log: Sequence[Mapping[str, Any]], images: int, per_hour: float, resumed_at: int = 0) -> Counts:
        """Counts for a manifest. Memory is in MB of 10^6 bytes; CPU seconds are those of the steps alone.

        `resumed_at`: of the log's steps up to this one another process took the time; their own times are added, its
        loading and its saving are not known.
        """
        import torch

        before = sum(row.get("step_time", 0.0) for row in log if row["step"] <= resumed_at)
        seconds = round(time.monotonic() - self.started + before, 1)
        counts: dict[str, int | float] = {
            "tokens": sum(row.get("tokens", 0) for row in log),
            "images": images,
            "seconds": seconds,
            "CPU seconds": round(sum(row.get("cpu_time", 0.0) for row in log), 1),
            "peak memory MB": round(peak_memory() / 1e6),
        }
        if torch.cuda.is_available():
            counts["peak GPU memory MB"] = round(torch.cuda.max_memory_allocated() / 1e6)
        if per_hour:
            counts["cost"] = round(seconds / 3600 * per_hour, 4)
        return counts


def seconds_of(stage: StageRef) -> float:
    """Seconds that the updates of a finished training took: of the CPU, or where a GPU computed, by the clock."""
    folder = Folder(stage.uri)
    rows = [json.loads(line) for line in folder.read("log.jsonl").decode().splitlines()]
    clock = "step_time" if "peak GPU memory MB" in folder.read_json("cost.json") else "cpu_time"
    return sum(float(row.get(clock, 0.0)) for row in rows)


def peak_memory() -> int:
    """Bytes of the process's memory that were resident at once at most."""
    try:
        line = next(line for line in _STATUS.read_text().splitlines() if line.startswith("VmHWM:"))
    except (OSError, StopIteration):
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return int(line.split()[1]) * 1024
