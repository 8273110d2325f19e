"""HTML and LaTeX to Markdown by pandoc, which reads nothing but what it is given and is stopped in time."""

from __future__ import annotations

import subprocess
import tempfile
from functools import cache, lru_cache
from typing import Literal

import pypandoc

from tasks.records import StageError

MAX_BYTES = 16_000_000  # of one document's Markdown
HEAP, SECONDS = "512M", 60
_WRITER = "gfm-raw_html-tex_math_gfm+tex_math_dollars"


@cache
def pandoc_version() -> str:
    return str(pypandoc.get_pandoc_version())


@lru_cache(512)  # a source that counts what intake takes has it converted, and then intake does
def to_markdown(text: str, kind: Literal["html", "latex"]) -> str:
    """Markdown of a whole document, formulas between dollar signs.

    Raises StageError where pandoc fails or takes too long or too much memory.
    """
    command = [str(pypandoc.get_pandoc_path()), "+RTS", f"-M{HEAP}", "-RTS", "--sandbox", "-f", kind, "-t", _WRITER]
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as errors:
        try:
            run = subprocess.run(
                [*command, "--wrap=none"], input=text.encode(), stdout=out, stderr=errors, timeout=SECONDS
            )
        except subprocess.TimeoutExpired:
            raise StageError(f"pandoc took more than {SECONDS} s") from None
        for file in (out, errors):
            file.seek(0)
        if run.returncode:
            said = " ".join(errors.read(2000).decode(errors="replace").split())
            raise StageError(f"pandoc failed ({run.returncode}): {said[:300]}")
        markdown = out.read(MAX_BYTES + 1)
    if len(markdown) > MAX_BYTES:
        raise StageError(f"pandoc wrote more than {MAX_BYTES} bytes")
    return markdown.decode()
