"""What every source of documents is, and what it hands over."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ClassVar, Literal

from tasks.collect.fetch import Fetcher, FetchError
from tasks.config import CollectConfig
from tasks.records import Reason, Reject, StageError, UsageError
from tasks.render_config import Config

Format = Literal["markdown", "html", "latex"]


@dataclass(frozen=True, slots=True)
class Original:
    """A text as its source holds it, before cleaning, and what the source says of it.

    `name` is how rejects call it. An empty `language` is detected, any other must be the one that is detected; an
    empty `revision` is a digest of the content. `evidence` says where `license` was read; `retrieved` when, in UTC.
    """

    raw: bytes
    name: str
    doc_id: str
    source: str
    family: str
    url: str = ""
    revision: str = ""
    license: str = "NOASSERTION"
    evidence: str = ""
    attribution: str = ""
    retrieved: str = ""
    language: str = ""
    format: Format = "markdown"


class Source(Config, ABC):
    """An entry of `data/sources.toml`: a kind of source, and what is taken from it.

    A kind is one module of `tasks.collect.sources` whose `Source` is a subclass with the entry's other keys.
    """

    kind: str
    online: ClassVar[bool] = False
    """Whether reading it asks a service."""

    @abstractmethod
    def plan(self) -> Iterable[str]:
        """What would be read, a line each; asks for nothing."""

    def hosts(self) -> tuple[str, ...]:
        """The hosts that reading it asks."""
        return ()

    def check(self, fetcher: Fetcher) -> Iterator[str | Reject]:
        """What is there of what the entry names, asked for in as few calls as do; a reject for what is not."""
        yield from self.plan()

    @abstractmethod
    def read(self, fetcher: Fetcher, config: CollectConfig) -> Iterator[Original | Reject]:
        """Every text, or why there is none. A fault in one never ends the others.

        Raises UsageError or StageError where the source as a whole cannot be read.
        """


def missing(doc_id: str, name: str, error: StageError) -> Reject:
    """The reject of what could not be read: gone, too large, or out of reach this time."""
    reason = Reason.UNREACHABLE
    if isinstance(error, FetchError):
        reason = Reason.GONE if error.gone else Reason.TOO_LONG if error.too_large else reason
    return Reject("collect", reason, doc_id, detail=f"{name}: {error}")


@contextmanager
def understood(name: str) -> Iterator[None]:
    """A client library that stumbles over an answer raises all sorts of errors; here they become one."""
    try:
        yield
    except (StageError, UsageError):
        raise
    except Exception as e:
        raise FetchError(name, f"the answer makes no sense to the client ({type(e).__name__}: {e})"[:300]) from e
