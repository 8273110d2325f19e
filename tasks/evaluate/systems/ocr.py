"""OCR programs that run here without a network: plain lines of text, no Markdown."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from typing import Any

from tasks.config import Ocr
from tasks.evaluate.page_set import PageInput
from tasks.evaluate.systems.reader import PageByPage, cores, decoded, installed
from tasks.records import UsageError

LANGUAGES = {"en": "eng", "ja": "jpn+eng"}  # a page's language -> Tesseract's models
SECONDS = 180  # that Tesseract has for a page
DPI = 150


def versions(system: Ocr) -> Mapping[str, str]:
    if system.kind == "rapidocr":
        return installed("rapidocr", "onnxruntime")
    models = " ".join(sorted(_tesseract("--list-langs").splitlines()[1:]))
    return {"tesseract": _tesseract("--version").split()[1], "models": models, **installed("pytesseract")}


def open_reader(system: Ocr) -> PageByPage:
    return _rapidocr() if system.kind == "rapidocr" else _read_by_tesseract()


def _tesseract(option: str) -> str:
    try:
        return subprocess.run(["tesseract", option], capture_output=True, text=True, check=True, timeout=60).stdout
    except (OSError, subprocess.SubprocessError):
        raise UsageError(
            "Tesseract is not installed; 'make tools' brings it, or 'apt-get install tesseract-ocr tesseract-ocr-jpn'"
        ) from None


def _read_by_tesseract() -> PageByPage:
    installed("pytesseract")
    available = set(_tesseract("--list-langs").split())
    if missing := {name for names in LANGUAGES.values() for name in names.split("+")} - available:
        raise UsageError(f"Tesseract has no model for {', '.join(sorted(missing))}; 'make tools' brings it")
    import pytesseract

    # pages in parallel, one thread each, is faster than one page in several
    os.environ["OMP_THREAD_LIMIT"] = "1"

    def convert(page: PageInput) -> str:
        models = LANGUAGES.get(page.language, "eng")
        text = pytesseract.image_to_string(decoded(page), models, config=f"--dpi {DPI}", timeout=SECONDS)
        return str(text).strip()

    return PageByPage(convert, parallel=cores())


def _rapidocr() -> PageByPage:
    """PP-OCRv6's small models, which the wheel brings. The lines of its own Markdown are kept as they are."""
    installed("rapidocr", "onnxruntime")
    import logging

    from rapidocr import RapidOCR

    logging.getLogger("RapidOCR").setLevel(logging.WARNING)
    engine: Any = RapidOCR(params={"Global.log_level": "warning"})

    def convert(page: PageInput) -> str:
        import numpy as np

        found = engine(np.asarray(decoded(page))[:, :, ::-1])  # BGR
        return str(found.to_markdown()).strip() if found.txts else ""  # for nothing found it would write a sentence

    return PageByPage(convert)
