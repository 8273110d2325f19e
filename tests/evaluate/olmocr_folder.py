"""A small folder in olmOCR-bench's layout, and answers to its pages."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pymupdf

from tasks.evaluate.olmocr.rows import page_id
from tasks.records import StageRef, digest
from tasks.store import Folder, finish

WIDTH, HEIGHT = 300, 200  # points

LEFT = ["The night train left", "the harbour town at", "nine in the evening."]
RIGHT = ["It carried salt, two", "mail bags, a clock", "and no passengers."]
CELLS = [["Fruit", "Price", "Stock"], ["Apple", "120", "14"], ["Plum", "95", "3"]]
FORMULA = r"E = m c^{2} + \frac{a}{b}"

TESTS: dict[str, list[dict[str, Any]]] = {
    "columns": [
        {"pdf": "news/columns.pdf", "page": 1, "type": "present", "text": "nine in the evening."},
        {"pdf": "news/columns.pdf", "page": 1, "type": "order", "before": "The night train", "after": "two mail bags"},
        {"pdf": "news/columns.pdf", "page": 1, "type": "order", "before": "harbour town", "after": "It carried salt"},
        {"pdf": "two.pdf", "page": 1, "type": "present", "text": "FIRST PAGE", "case_sensitive": False},
        {"pdf": "two.pdf", "page": 2, "type": "present", "text": "second pege", "max_diffs": 1, "checked": "verified"},
    ],
    "headers": [
        {"pdf": "two.pdf", "page": 2, "type": "absent", "text": "Running header", "first_n": 40, "url": None},
        {"pdf": "news/columns.pdf", "page": 1, "type": "absent", "text": "The Daily Gull"},
    ],
    "tables": [
        {"pdf": "table.pdf", "page": 1, "type": "table", "cell": "95", "left": "Plum", "up": "120", "right": "3"},
        {"pdf": "table.pdf", "page": 1, "type": "table", "cell": "14", "top_heading": "Stock", "left_heading": "Apple"},
    ],
    "blanks": [{"pdf": "blank.pdf", "page": 1, "type": "baseline", "max_length": 5}],
}
FORMULAS = {"formulas": [{"pdf": "formula.pdf", "page": 1, "type": "math", "math": FORMULA}]}

PERFECT = {
    "news/columns.pdf 1": "\n".join(LEFT) + "\n\n" + "\n".join(RIGHT),
    "two.pdf 1": "The first page.",
    "two.pdf 2": "The second page.",
    "table.pdf 1": "| Fruit | Price | Stock |\n|---|---|---|\n| Apple | 120 | 14 |\n| Plum | 95 | 3 |",
    "blank.pdf 1": "",
    # not as it is written in the test, but as it looks
    "formula.pdf 1": r"Mass is energy: $$E=mc^2+\frac{a}{b}$$",
}
# reads across the columns, keeps headers, mixes up cells, sees things on a blank page, misreads a formula
BROKEN = {
    "news/columns.pdf 1": "The Daily Gull\n" + "\n".join(f"{b} {a}" for a, b in zip(LEFT, RIGHT, strict=True)),
    "two.pdf 1": "",
    "two.pdf 2": "Running header\n\nThe second page.",
    "table.pdf 1": "| Fruit | Price | Stock |\n|---|---|---|\n| Apple | 95 | 14 |\n| Plum | 120 | 3 |",
    "blank.pdf 1": "A photograph of a wall.",
    "formula.pdf 1": r"Mass is energy: $E = m c^{3} + \frac{a}{b}$",
}


def with_ids(tests: Mapping[str, list[dict[str, Any]]]) -> dict[str, list[dict[str, Any]]]:
    return {
        name: [{"id": f"{name}_{number}", **row} for number, row in enumerate(rows)] for name, rows in tests.items()
    }


def write_bench(folder: Path, tests: Mapping[str, list[dict[str, Any]]]) -> Path:
    """Draw the PDFs and write the tests, each with an id."""
    for name, lines in {"two": (["The first page."], ["Running header", "The second page."]), "blank": ([],)}.items():
        _write_pdf(folder / "pdfs" / f"{name}.pdf", *([(40, 40 + 16 * i, t) for i, t in enumerate(p)] for p in lines))
    columns = [(x, 60 + 16 * i, t) for x, side in ((20, LEFT), (160, RIGHT)) for i, t in enumerate(side)]
    _write_pdf(folder / "pdfs/news/columns.pdf", [(20, 30, "The Daily Gull"), *columns])
    cells = [(40 + 60 * j, 40 + 20 * i, cell) for i, row in enumerate(CELLS) for j, cell in enumerate(row)]
    _write_pdf(folder / "pdfs/table.pdf", cells)
    _write_pdf(folder / "pdfs/formula.pdf", [(40, 60, "E = mc"), (78, 54, "2"), (86, 60, "+ a / b")])
    for name, rows in with_ids(tests).items():
        write_rows(folder / f"{name}.jsonl", rows)
    return folder


def write_rows(file: Path, rows: list[dict[str, Any]]) -> None:
    file.write_text("\n".join(json.dumps(row) for row in rows))


def _write_pdf(path: Path, *pages: list[tuple[float, float, str]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with pymupdf.open() as pdf:
        for words in pages:
            page = pdf.new_page(width=WIDTH, height=HEIGHT)
            for x, y, text in words:
                page.insert_text((x, y), text)
        pdf.save(path, no_new_id=True)


def write_read(name: str, answers: Mapping[str, str], folder: Path) -> StageRef:
    """What a system of that name answered, keyed as "pdf page", as the read stage leaves it."""
    pairs = [(*key.rsplit(" ", 1), text) for key, text in answers.items()]
    rows = [
        {"page_id": page_id(pdf, int(page)), "text": text, "clipped": False, "seconds": 0.1, "error": ""}
        for pdf, page, text in pairs
    ]
    target = Folder(str(folder / name))
    target.write_table("answers.parquet", pa.Table.from_pylist(rows))
    return finish(
        target,
        digest(name, *(part for key in sorted(answers) for part in (key, answers[key]))),
        {"pages": len(rows)},
        config={"system": name, "seed": 7},
    )
