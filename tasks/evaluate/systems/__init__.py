"""The systems that are compared: pages in, Markdown out."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path

from tasks.config import Checkpoint, System
from tasks.evaluate.systems.reader import Reader, Reading

__all__ = ["Reader", "Reading", "open_reader", "versions"]

_MODULES = {
    "checkpoint": "checkpoint",
    "openai": "endpoint",
    "tesseract": "ocr",
    "rapidocr": "ocr",
    "pymupdf4llm": "text_layer",
    "markitdown": "text_layer",
    "nougat": "hub",
    "got-ocr2": "hub",
    "olmocr": "hub",
    "docling": "docling",
}


def versions(system: System) -> Mapping[str, str]:
    """Component -> version, of what decides the system's answers besides its configuration. Loads nothing heavy.

    Raises UsageError where something that it needs is not installed.
    """
    found: Mapping[str, str] = import_module(f"{__name__}.{_MODULES[system.kind]}").versions(system)
    return found


def open_reader(system: System, adapter: Path | None = None) -> Reader:
    """The system, ready to read. `adapter` is a peft folder, for a checkpoint.

    Raises UsageError where a package, a program, a model or an endpoint is not to be had, in one line.
    """
    module = import_module(f"{__name__}.{_MODULES[system.kind]}")
    reader: Reader = (
        module.open_reader(system, adapter) if isinstance(system, Checkpoint) else module.open_reader(system)
    )
    return reader
