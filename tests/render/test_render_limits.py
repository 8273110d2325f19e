"""Documents that ask for more than any page is worth: each is pages or its own named reject, and the rest goes on."""

from __future__ import annotations

from pathlib import Path

import pytest
from render_pages import small_page

from tasks.collect import collect
from tasks.config import CollectConfig
from tasks.records import Reason
from tasks.render.cache import PageFile
from tasks.render.pool import draw_all
from tasks.store import Folder

LIMITED = {Reason.RENDER_TIMEOUT, Reason.RENDER_ERROR, Reason.RENDER_CRASH}
TITLE = "# Title\n\n"
BOMBS = {
    "deep quotes": "> " * 55 + "deep " * 2000,
    "deeper quotes": "> " * 5000 + "deep",
    "deep lists": "".join("  " * i + f"- item {i}\n" for i in range(400)),
    "open emphasis": "*a **b " * 5000,
    "open links": "[a](<b" * 8000,
    "nested brackets": "[" * 20_000 + "a" + "](b)" * 5000,
    "wide table": "|" + "a|" * 400 + "\n|" + "-|" * 400 + "\n" + "|x|\n" * 400,
    "long table": "| a | b |\n| - | - |\n" + "".join(f"|{i}|x|\n" for i in range(10_000)),
    "long word": "x" * 50_000,
    "long word in a cell": "| a | b |\n| - | - |\n| " + "x" * 20_000 + " | y |\n",
    "long word in code": "```\n" + "x" * 50_000 + "\n```\n",
    "footnotes": " ".join(f"w[^{i}]" for i in range(3000)) + "\n\n" + "\n".join(f"[^{i}]: n" for i in range(3000)),
    "fractions in fractions": "$" + "\\frac{1}{" * 100 + "x" + "}" * 100 + "$",
    "roots of roots": "$" + "\\sqrt{" * 200 + "x" + "}" * 200 + "$",
    "wide matrix": "$$\\begin{pmatrix}" + "&".join("a" * 300) + "\\\\" + "&".join("b" * 300) + "\\end{pmatrix}$$",
    "many formulas": " ".join(f"$x_{{{i}}}+{i}$" for i in range(3000)),
    "open brackets of code": "```python\n" + "(" * 20_000 + "\n```\n",
    "open tags": "<div>\n\n" * 3000 + "text" + "<a " * 8000,
    "open comments": "text <!-- " * 8000,
    "backticks": "".join("`" * (i % 80 + 1) + "a " for i in range(1000)),
}


@pytest.mark.full
@pytest.mark.timeout(1800)
def test_no_document_takes_more_than_its_limits_and_all_are_accounted_for(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    texts = {**BOMBS, "fine": "Some text.", "last": "Some more text."}
    for name, text in texts.items():
        (source / f"{name}.md").write_text(TITLE + text + "\n")
    documents, rejects = collect(CollectConfig(sources=("folder",), folder=str(source), min_chars=1))
    refused = {r.detail.split(".md")[0]: r.reason for r in rejects if r.reason is not Reason.CUT}
    assert refused == {"deeper quotes": Reason.NOT_MARKDOWN, "deep lists": Reason.NOT_MARKDOWN}
    config = small_page(600, 600, seconds_per_document=5)
    store = Folder(str(tmp_path))
    work = [(d, PageFile(store, f"{d.doc_id}.parquet")) for d in documents]
    outcomes = {d.url.removesuffix(".md"): reject for d, reject in draw_all(work, config, 2)}
    assert outcomes.keys() | refused.keys() == texts.keys()
    assert {reject.reason for reject in outcomes.values() if reject} <= LIMITED
    for document, file in work:
        reject = outcomes[document.url.removesuffix(".md")]
        assert file.done is (reject is None), document.url
        if reject is None:
            pages = file.read(document.doc_id, images=False)
            assert pages[-1].page_end_char == len(document.markdown)
    assert outcomes["fine"] is outcomes["last"] is None
