"""The frame of an HTML file that needs nothing beside it and lets nothing in."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from tasks.html.text import beginning, plural, visible

MOST_BYTES = 14_000_000
"""Of the pages in an explorer; the rest of a file takes less than a megabyte."""
_HERE = Path(__file__).parent


@cache
def environment(folder: Path) -> Environment:
    """Templates of `folder`, which may extend `frame.html.j2`; everything they are given is escaped."""
    found = Environment(
        loader=FileSystemLoader([folder, _HERE]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.globals |= {"visible": visible, "beginning": beginning, "plural": plural}
    found.filters["tojson"] = lambda value: json.dumps(value, ensure_ascii=False)  # escaped as an attribute is
    return found


def inline(script: Path | None, *styles: Path) -> dict[str, Any]:
    """What the frame asks for: the shared style and explorer with those of a document, and the hashes that alone the
    content security policy lets in. Without a script there is nothing to explore."""
    style = "".join(path.read_text() for path in (_HERE / "style.css", *styles))
    code = "".join(path.read_text() for path in (_HERE / "explorer.js", script)) if script else ""
    return {
        "style": Markup(style),
        "script": Markup(code),
        "style_hash": _hash(style),
        "script_hash": _hash(code),
    }


def _hash(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def first_that_fit(pages: Iterable[str]) -> list[Markup]:
    """The pages' HTML, from the first on until they are MOST_BYTES together."""
    found: list[Markup] = []
    size = 0
    for html in pages:
        size += len(html.encode())
        if size > MOST_BYTES:
            break
        found.append(Markup(html))
    return found
