"""Looking at pages without a run: a dataset to look through, what styles are drawn, whether OCR finds the words."""

from __future__ import annotations

import logging
from pathlib import Path

from tasks.collect import collect
from tasks.config import RunConfig
from tasks.dataset.publish import dataset_at
from tasks.store import Folder, home


def look_through(dataset: str, out: str | None) -> str:
    """Where the HTML file of a published dataset is: `out`, or in the store."""
    from tasks.dataset.browse.document import write_browser

    path = write_browser(dataset_at(dataset), out)
    return path if "://" in path else str(Path(path).absolute())


def look_at_styles(run: RunConfig, out: str | None) -> str:
    """Where the contact sheet of a run's documents is, under `out` or in the store."""
    from tasks.render.contact_sheet import contact_sheet

    logging.getLogger("weasyprint").setLevel(logging.ERROR)  # a missing glyph is a red frame
    documents, _ = collect(run.collect)
    folder = Folder(out) if out else Folder(home()) / "styles"
    folder.write("styles.png", contact_sheet(run.render, documents))
    return f"{folder.uri}/styles.png"


def look_for_words(dataset: str, out: str | None) -> str:
    """The audit of a published dataset as Markdown, and where it is, under `out` or in the store."""
    from tasks.evaluate.audit import audit, markdown

    found = markdown(audit(dataset_at(dataset)))
    folder = Folder(out) if out else Folder(home()) / "audit"
    folder.write("audit.md", found.encode())
    return f"{found}\n{folder.uri}/audit.md"
