"""HTML and LaTeX to Markdown by pandoc, which reads nothing but what it is given and is stopped in time."""

from __future__ import annotations

import subprocess
import tempfile
from functools import cache
from typing import Literal

import pypandoc

from tasks.records import StageError

MAX_BYTES = 16_000_000  # of one document's Markdown
MAX_SAID = 2_000_000  # of what it says meanwhile
HEAP, SECONDS = "512M", 60
_WRITER = "gfm-raw_html-tex_math_gfm+tex_math_dollars"


@cache
def pandoc_version() -> str:
    return str(pypandoc.get_pandoc_version())


def to_markdown(text: str, kind: Literal["html", "latex"]) -> str:
    """Markdown of a whole document, formulas between dollar signs.

    Raises StageError where pandoc fails or takes too long or too much memory.
    """
    return convert(text, kind)[0]


def convert(text: str, kind: Literal["html", "latex"], *options: str) -> tuple[str, str]:
    """Markdown of a whole document, and what pandoc says about the way there; `options` are more of its own.

    Raises StageError as `to_markdown` does.
    """
    command = [str(pypandoc.get_pandoc_path()), "+RTS", f"-M{HEAP}", "-RTS", "--sandbox", "-f", kind, "-t", _WRITER]
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as errors:
        try:
            run = subprocess.run(
                [*command, "--wrap=none", *options], input=text.encode(), stdout=out, stderr=errors, timeout=SECONDS
            )
        except subprocess.TimeoutExpired:
            raise StageError(f"pandoc took more than {SECONDS} s") from None
        for file in (out, errors):
            file.seek(0)
        said = errors.read(MAX_SAID).decode(errors="replace")
        if run.returncode:
            problem = " ".join(said[max(0, said.rfind("Error")) :].split() if "Error" in said else said[-300:].split())
            raise StageError(f"pandoc failed ({run.returncode}): {problem[:300]}")
        markdown = out.read(MAX_BYTES + 1)
    if len(markdown) > MAX_BYTES:
        raise StageError(f"pandoc wrote more than {MAX_BYTES} bytes")
    return markdown.decode(), said
