"""What TensorBoard's event files hold."""

from __future__ import annotations

import struct
from collections import defaultdict
from pathlib import Path


def scalars(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """Tag -> (step, value) as they were written, of all files below a folder."""
    from tensorboardX.proto.event_pb2 import Event

    found: dict[str, list[tuple[int, float]]] = defaultdict(list)
    for file in sorted(folder.rglob("events.*")):
        data, at = file.read_bytes(), 0
        while at < len(data):
            (length,) = struct.unpack_from("<Q", data, at)
            event = Event.FromString(data[at + 12 : at + 12 + length])  # after the length stands its checksum
            for value in event.summary.value:
                found[value.tag].append((event.step, value.simple_value))
            at += 12 + length + 4
    return found
