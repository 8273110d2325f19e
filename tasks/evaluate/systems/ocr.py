"""OCR programs that run here without a network: plain lines of text, no Markdown."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tasks.config import Ocr
from tasks.evaluate.page_set import PageInput
from tasks.evaluate.systems.reader import PageByPage, cores, decoded, installed
from tasks.records import UsageError
from tasks.train.adapter import file_digest

LANGUAGES = {"en": "eng", "ja": "jpn+eng"}  # a page's language -> Tesseract's models
SECONDS = 180  # that Tesseract has for a page
DPI = "150"
DATA = re.compile(r'"(.+)"')  # where its models are, in the first line of --list-langs


def versions(system: Ocr) -> Mapping[str, str]:
    """Of Tesseract's models the digests, since no version names them."""
    if system.kind == "rapidocr":
        return installed("rapidocr", "onnxruntime")
    listed = _tesseract("--list-langs")
    models = sorted({name for names in LANGUAGES.values() for name in names.split("+")})
    if missing := [name for name in models if name not in listed.split()]:
        raise UsageError(f"Tesseract has no model for {', '.join(missing)}; 'make tools' brings it")
    folder = DATA.search(listed)
    files = [Path(folder[1] if folder else "") / f"{name}.traineddata" for name in models]
    digests = {file.stem: file_digest(file)[:16] for file in files if file.is_file()}
    return {"tesseract": _tesseract("--version").split()[1], **digests}


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
    versions(Ocr(kind="tesseract"))
    # pages in parallel, one thread each, is faster than one page in several
    environment = {**os.environ, "OMP_THREAD_LIMIT": "1"}

    def convert(page: PageInput) -> str:
        models = LANGUAGES.get(page.language, "eng")
        command = ["tesseract", "stdin", "stdout", "-l", models, "--dpi", DPI]
        done = subprocess.run(command, input=page.image, capture_output=True, timeout=SECONDS, env=environment)
        if done.returncode:
            raise RuntimeError(done.stderr.decode(errors="replace").strip() or f"exit code {done.returncode}")
        return done.stdout.decode(errors="replace").strip()

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
