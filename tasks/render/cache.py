"""The page cache: one Parquet file a document, named by all that decides what its pages look like."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from typing import TYPE_CHECKING

import pyarrow as pa

from tasks.records import Document, Page, Reason, digest
from tasks.render.scan import scan_digest
from tasks.render_config import RenderConfig
from tasks.store import Folder

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


@cache
def drawing_digest() -> str:
    """Digest of everything outside this code that draws: WeasyPrint, Pango, HarfBuzz, FreeType, MuPDF, fonts."""
    import pymupdf

    from tasks.render.fonts import fonts_digest
    from tasks.render.layout import library_versions

    names = ("pyromark", "pydyf", "fonttools", "ziamath", "ziafont", "latex2mathml", "opencv-python-headless")
    packages = (version(name) for name in names)
    return digest(*library_versions(), str(pymupdf.mupdf_version), *packages, fonts_digest())


@dataclass(frozen=True, slots=True)
class PageFile:
    """The cached pages of one document."""

    folder: Folder
    name: str

    @property
    def done(self) -> bool:
        return self.folder.exists(self.name)

    @property
    def pdf_name(self) -> str:
        return self.name.removesuffix(".parquet") + ".pdf"

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
        """The document's pages, in order; `images` False leaves them empty."""
        columns = None if images else [name for name in SCHEMA.names if name != "image"]
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
            for row in self.folder.read_table(self.name, columns).to_pylist()
        ]


def page_file(home: Folder, document: Document, config: RenderConfig) -> PageFile:
    """Where the document's pages are cached."""
    # where no page is scanned, nothing about scans decides what pages look like
    scans = bool(config.scan.share)
    looks = config.model_dump_json(exclude=_NOT_THE_LOOKS if scans else {*_NOT_THE_LOOKS, "scan"})
    text = (document.doc_id, document.language, document.markdown)
    drawn_by = (drawing_digest(), scan_digest()) if scans else (drawing_digest(),)
    key = digest("pages", str(VERSION), *drawn_by, looks, *text, length=32)
    return PageFile(home / "pages" / key[:2], f"{key}.parquet")
