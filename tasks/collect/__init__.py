"""Collection: from sources of documents to documents and rejects."""

from __future__ import annotations

from tasks.collect.intake import Intake
from tasks.collect.snapshot import fetcher_for
from tasks.collect.sources import open_sources
from tasks.config import CollectConfig
from tasks.records import Document, Reject


def collect(config: CollectConfig) -> tuple[list[Document], list[Reject]]:
    """The documents of the configured sources in their languages, and everything that was rejected.

    Raises UsageError if a source cannot be used, StageError if the corpus is damaged.
    """
    fetcher = fetcher_for(config)
    intake = Intake(config)
    for source in open_sources(config).values():
        for item in source.read(fetcher, config):
            intake.take(item)
    return intake.documents, intake.rejects
