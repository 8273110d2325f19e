"""Docling (Auer et al. 2024, arXiv 2408.09869), on the page's image. Its package is not among recto's extras: install
`docling` beside recto; its models come from the Hub."""

from __future__ import annotations

import io
from collections.abc import Mapping

from tasks.config import HubModel
from tasks.evaluate.page_set import PageInput
from tasks.evaluate.systems.reader import PageByPage
from tasks.records import UsageError


def versions(system: HubModel) -> Mapping[str, str]:
    from importlib import metadata

    try:
        return {"docling": metadata.version("docling")}
    except metadata.PackageNotFoundError:
        raise UsageError("docling is not installed; 'pip install docling' beside recto brings it") from None


def open_reader(system: HubModel) -> PageByPage:
    versions(system)
    from docling.datamodel.base_models import DocumentStream, InputFormat
    from docling.document_converter import DocumentConverter

    converter = DocumentConverter(allowed_formats=[InputFormat.IMAGE])
    try:
        converter.initialize_pipeline(InputFormat.IMAGE)
    except Exception as e:  # whatever its downloads raise
        raise UsageError(f"docling's models cannot be had ({str(e).splitlines()[0]}); is there a network?") from e

    def convert(page: PageInput) -> str:
        stream = DocumentStream(name=f"{page.page_id}.png", stream=io.BytesIO(page.image))
        return str(converter.convert(stream).document.export_to_markdown()).strip()

    return PageByPage(convert)
