"""Which real pages there are: `data/real-pages.toml`, checked. It names files inside Debian packages and holds none."""

from __future__ import annotations

import tomllib
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from tasks.records import UsageError

CATALOGUE = Path(__file__).parents[3] / "data" / "real-pages.toml"


def _member(path: str) -> str:
    """A path inside a package: relative, without steps out of it."""
    parts = PurePosixPath(path).parts
    if not parts or path.startswith("/") or ".." in parts or "\0" in path:
        raise ValueError(f"{path!r} is no path inside a package")
    return path


Member = Annotated[str, AfterValidator(_member)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class RealDocument(BaseModel):
    """A PDF beside its source in a Debian package, and the pages of it that are read.

    `sources_sha256` is of the source files as they are in the package, one after the other. `pages` are 0-based, and
    `scans` are those of them that are degraded. `slice` is what its unscanned pages are reported under.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9.-]*$")
    family: str = Field("", description="Name that translations of one text share; empty: the document's own")
    package: str = Field(pattern=r"^[a-z0-9][a-z0-9+.-]+$")
    version: str = Field(pattern=r"^[A-Za-z0-9.+:~-]+$")
    pdf: Member
    pdf_sha256: Sha256
    sources: tuple[Member, ...] = Field(min_length=1)
    sources_sha256: Sha256
    format: Literal["latex", "html"]
    language: Literal["en", "ja"]
    license: str = Field(min_length=1)
    slice: Literal["manual", "paper", "letter"]
    pages: tuple[int, ...] = Field(min_length=1)
    scans: tuple[int, ...] = ()
    why: str = Field(min_length=1)

    @model_validator(mode="after")
    def _pages_fit(self) -> RealDocument:
        if list(self.pages) != sorted({page for page in self.pages if page >= 0}):
            raise ValueError("pages must be from 0 on, in order, each once")
        if not set(self.scans) <= set(self.pages):
            raise ValueError("scans must be among the pages")
        return self


def load_catalogue(path: Path | None = None) -> tuple[RealDocument, ...]:
    """The documents, in the order of the file. Raises UsageError where the file is not as it should be."""
    path = path or CATALOGUE
    try:
        rows = tomllib.loads(path.read_text())["document"]
        documents = tuple(RealDocument.model_validate(row) for row in rows)
    except (OSError, KeyError, tomllib.TOMLDecodeError) as e:
        raise UsageError(f"{path}: not a readable catalogue: {e}") from None
    except ValidationError as e:
        first = e.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise UsageError(f"{path}: {first.get('input')!r:.80}: {where}: {first['msg']}") from None
    names = [document.name for document in documents]
    if len(set(names)) != len(names):
        raise UsageError(f"{path}: two documents have one name")
    return documents
