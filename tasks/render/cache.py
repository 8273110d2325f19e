"""The page cache: one Parquet file a document, named by all that decides what its pages look like."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from typing import TYPE_CHECKING

import pyarrow as pa

from tasks.records import Document, Page, Reason, Reject, StageError, digest
from tasks.render.scan import scan_digest
from tasks.render_config import RenderConfig
from tasks.store import Folder, home

if TYPE_CHECKING:
    from tasks.render.document import Rendered

VERSION = 7
"""Raised when the code changes what a page looks like or what its label says."""

SCHEMA = pa.schema(
    [
        ("page_num", pa.int32()),
        ("image", pa.binary()),
        ("markdown", pa.string()),
        ("page_start_char", pa.int64()),
        ("page_end_char", pa.int64()),
        ("content_box", pa.list_(pa.float64(), 4)),
        ("style", pa.string()),
        ("agreement", pa.float64()),
        ("reject", pa.string()),
        ("detail", pa.string()),
    ]
)
# what the configuration says beyond a single document's looks
_NOT_THE_LOOKS = {"languages", "max_chars", "seconds_per_document", "keep_pdf"}


_LIBRARIES = (
    *("pyromark", "pygments", "ziamath", "ziafont", "latex2mathml", "tinyhtml5", "tinycss2", "cssselect2", "pyphen"),
    *("pydyf", "fonttools", "opencv-python-headless", "rapidfuzz"),
)


@cache
def _renderer() -> str:
    """Digest of the code and the libraries that draw: WeasyPrint, Pango, HarfBuzz, FreeType, MuPDF and the like."""
    import pymupdf

    from tasks.render.layout import library_versions

    packages = (version(name) for name in _LIBRARIES)
    return digest(str(VERSION), *library_versions(), str(pymupdf.mupdf_version), *packages)


def drawn_by(config: RenderConfig) -> dict[str, str]:
    """All that decides what pages look like, their documents apart: a digest each, by the name a run calls it."""
    from tasks.render.fonts import fonts_digest

    # where no page is scanned, nothing about scans decides what pages look like
    scans = bool(config.scan.share)
    style = config.model_dump_json(exclude=_NOT_THE_LOOKS if scans else {*_NOT_THE_LOOKS, "scan"})
    parts = {"style": digest(style), "renderer": _renderer(), "fonts": fonts_digest()}
    return {**parts, "scan effects": scan_digest()} if scans else parts


@dataclass(frozen=True, slots=True)
class PageFile:
    """The cached pages of one document, or why it has none."""

    folder: Folder
    name: str

    @property
    def done(self) -> bool:
        return self.folder.exists(self.name)

    @property
    def pdf_name(self) -> str:
        return self.name.removesuffix(".parquet") + ".pdf"

    @property
    def refusal_name(self) -> str:
        return self.name.removesuffix(".parquet") + ".reject.json"

    def refuse(self, reject: Reject) -> None:
        """Keep why the document could not be drawn."""
        self.folder.write_json(self.refusal_name, {"reason": reject.reason.value, "detail": reject.detail})

    def forgive(self) -> None:
        self.folder.remove(self.refusal_name)

    def refused(self, doc_id: str) -> Reject | None:
        """Why the document could not be drawn when that was last tried; None where it was not, or could be."""
        try:
            said = self.folder.read_json(self.refusal_name)
        except FileNotFoundError:
            return None
        return Reject("render", Reason(said["reason"]), doc_id, detail=said["detail"])

    def write(self, rendered: Rendered, keep_pdf: bool = False) -> None:
        rows = [
            {
                "page_num": p.page_num,
                "image": p.image,
                "markdown": p.markdown,
                "page_start_char": p.page_start_char,
                "page_end_char": p.page_end_char,
                "content_box": list(p.content_box),
                "style": p.style,
                "agreement": p.agreement,
                "reject": p.reject.value if p.reject else None,
                "detail": p.detail,
            }
            for p in rendered.pages
        ]
        if keep_pdf:
            self.folder.write(self.pdf_name, rendered.pdf)
        # images compress no further, and no two are alike
        plain = {"compression": {"image": "NONE"}, "use_dictionary": False, "write_statistics": False}
        self.folder.write_table(self.name, pa.Table.from_pylist(rows, SCHEMA), **plain)

    def read(self, doc_id: str, images: bool = True) -> list[Page]:
        """The document's pages, in order; `images` False leaves them empty. Raises StageError where they are gone."""
        columns = None if images else [name for name in SCHEMA.names if name != "image"]
        try:
            table = self.folder.read_table(self.name, columns)
        except FileNotFoundError:
            raise StageError(
                f"{self.folder.uri}/{self.name}: the pages of document {doc_id} are gone; "
                f"remove {home()}/render and run again: what is missing is drawn again"
            ) from None
        return [
            Page(
                doc_id=doc_id,
                **{
                    "image": b"",
                    **row,
                    "content_box": tuple(row["content_box"]),
                    "reject": Reason(row["reject"]) if row["reject"] else None,
                },
            )
            for row in table.to_pylist()
        ]


def cached(file: str) -> PageFile:
    """The cached pages of this name in the store."""
    return PageFile(Folder(home()) / "pages" / file[:2], file)


def page_file(home: Folder, document: Document, config: RenderConfig) -> PageFile:
    """Where the document's pages are cached."""
    return page_files(home, [document], config)[document.doc_id]


def page_files(home: Folder, documents: Iterable[Document], config: RenderConfig) -> dict[str, PageFile]:
    """Where the pages of each document are cached, by its doc_id."""
    looks = drawn_by(config).values()
    keys = {d.doc_id: digest("pages", *looks, d.doc_id, d.language, d.markdown, length=32) for d in documents}
    return {doc_id: PageFile(home / "pages" / key[:2], f"{key}.parquet") for doc_id, key in keys.items()}


def undrawn(documents: Iterable[Document], files: Mapping[str, PageFile], pdfs: bool) -> list[Document]:
    """The documents of which the cache holds neither pages (with `pdfs` and a PDF) nor a fault that drawing them again
    would repeat. A time limit, or a process that died, may have been the machine's fault and is no such fault."""
    there = {name for folder in {file.folder for file in files.values()} for name in folder.names("*")}

    def known(document: Document) -> bool:
        file = files[document.doc_id]
        if file.name in there and (not pdfs or file.pdf_name in there):
            return True
        refused = file.refused(document.doc_id) if file.refusal_name in there else None
        return refused is not None and refused.reason is Reason.RENDER_ERROR

    return [d for d in documents if not known(d)]
