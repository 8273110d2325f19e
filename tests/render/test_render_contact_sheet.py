"""The contact sheet shows as many styles as were asked for, and which page was rejected."""

from __future__ import annotations

import io

from PIL import Image
from render_pages import document, small_page

from tasks.render.contact_sheet import contact_sheet


def test_the_sheet_holds_a_page_of_each_document() -> None:
    documents = [document(f"# Title {i}\n\ntext\n", doc_id=f"d{i}") for i in range(9)]
    out = contact_sheet(small_page(360, 480, dpi=96), documents, 7)
    with Image.open(io.BytesIO(out)) as sheet:
        columns, rows = (round(side / step) for side, step in zip(sheet.size, (372, 492), strict=True))
        assert (columns, rows) == (6, 2)
        pixels = [sheet.getpixel((24 + 372 * (i % 6), 24 + 492 * (i // 6))) for i in range(8)]
    assert pixels[:7] == [(255, 255, 255)] * 7
    assert pixels[7] != (255, 255, 255)


def test_a_rejected_page_has_a_red_frame() -> None:
    out = contact_sheet(small_page(360, 480, dpi=96), [document("Unknown \u0915.\n")])
    with Image.open(io.BytesIO(out)) as sheet:
        assert sheet.getpixel((11, 40)) == (0xC6, 0x28, 0x28)
