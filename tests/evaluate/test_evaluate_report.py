from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from evaluation_inputs import EVIL, made_up, png

from tasks.config import RunConfig
from tasks.evaluate.content import SAMPLES_SHOWN, data_uri
from tasks.evaluate.marked import MAX_CHARS, marked
from tasks.evaluate.plots import curve
from tasks.evaluate.predict import SAMPLES
from tasks.evaluate.report import render_report, report_stage
from tasks.evaluate.wording import finding, interval, signed
from tasks.records import StageError, StageRef
from tasks.store import Folder, finish


class Tags(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def test_nothing_is_requested_and_nothing_runs() -> None:
    html = render_report(made_up(evil=True))
    for tag, attributes in Tags(html).tags:
        assert tag not in {"script", "link", "iframe", "object", "base", "form"}
        for name, value in attributes.items():
            assert not name.startswith("on")
            if name in {"src", "href", "xlink:href", "srcset", "data"}:
                assert (value or "").startswith(("data:image/png;base64,", "#")), (tag, name)
    assert not re.search(r"url\((?!#)|@import", html)
    assert "default-src 'none'" in html


def test_what_documents_and_models_say_is_escaped_and_still_shown() -> None:
    page = Tags(render_report(made_up(evil=True)))
    images = [a for tag, a in page.tags if tag == "img"]
    assert len(images) == 1
    shown = "".join(page.text)
    assert shown.count(EVIL) >= 4
    assert "{{ 7 * 7 }}" in shown


def test_the_same_content_gives_the_same_bytes() -> None:
    assert render_report(made_up()) == render_report(made_up())
    svg = curve([{"step": 1, "loss": 2.0}, {"step": 2, "loss": 1.0}], "loss", "Loss")
    assert svg == curve([{"step": 1, "loss": 2.0}, {"step": 2, "loss": 1.0}], "loss", "Loss")
    assert svg is not None
    assert "<metadata" not in svg
    assert not re.search(r"20\d\d-\d\d-\d\d", svg)


def test_report_holds_what_it_promises() -> None:
    content = made_up()
    html = render_report(content)
    text = " ".join("".join(Tags(html).text).split())
    for words in ("files found", "geometry", "0.91234", "77.78 %", "c0ffee", "Training seeds: 1", "Only 3 families"):
        assert words in text, words
    assert finding(content.table, "sft", "grpo") in text
    assert html.count("<svg") == 3 + 1 + 4
    for row in content.table["means"]:
        assert interval(row) in text


def test_missing_parts_leave_their_section_out() -> None:
    html = render_report(replace(made_up(families=1), pages=[], samples=[], logs={}))
    assert "no interval (1 family)" in html
    assert "From files to pages" not in html
    assert "Sample pages" not in html
    assert "<h2>Training</h2>" not in html


@pytest.mark.parametrize(
    ("low", "high", "judged"),
    [(0.01, 0.03, "better"), (-0.03, -0.01, "worse"), (-0.01, 0.01, "no evidence of a difference")],
)
def test_what_grpo_adds_is_stated_whatever_it_is(low: float, high: float, judged: str) -> None:
    table = dict(made_up().table)
    middle = (low + high) / 2
    verdict = "no evidence" if judged.startswith("no") else judged
    changed = {"difference": middle, "low": low, "high": high, "verdict": verdict}
    table["differences"] = [
        r | changed if (r["from"], r["to"], r["metric"]) == ("sft", "grpo", "composite_v2") else r
        for r in table["differences"]
    ]
    html = render_report(replace(made_up(), table=table))
    expected = f"What GRPO adds to SFT: composite reward (v2) {signed(middle)} [{signed(low)}, {signed(high)}]"
    assert f"{expected} on 6 pages of 3 families, {judged}." in html


def test_signs() -> None:
    assert [signed(v) for v in (0.1, -0.1, 0.0, -0.0001, None)] == ["+0.100", "−0.100", "0.000", "0.000", "–"]


def test_marks_show_what_differs() -> None:
    assert marked("a new word", "a word") == "a <ins>new </ins>word"
    assert marked("a word", "a new word") == "a <del>new </del>word"
    assert marked("a <b> word", "a <i> word") == "a &lt;<ins>b</ins>&gt; word"
    assert marked("東京と", "東京に") == "東京<ins>と</ins>"
    assert marked("same", "same") == "same"
    assert marked("x " * MAX_CHARS, "x").endswith(f"{MAX_CHARS:,} more characters")


def test_wide_images_are_made_smaller() -> None:
    assert data_uri(png("x", 3_000, 30))[1] == 1_000
    assert data_uri(png("x", 256, 96))[1] == 256
    assert SAMPLES_SHOWN <= SAMPLES


def finished_stage(home: Path, name: str, counts: dict[str, Any], key: str = "k", **files: bytes) -> StageRef:
    folder = Folder(str(home / name / key))
    for file, content in files.items():
        folder.write(file.replace("__", "."), content)
    return finish(folder, f"{name}-{key}", counts, stage=name, seconds=2.0, config={})


def test_stage_gathers_a_run(store: Path, base: str, dataset: StageRef, monkeypatch: pytest.MonkeyPatch) -> None:
    from tasks.config import EvaluateConfig, EvaluateRun, ModelConfig
    from tasks.evaluate import predict
    from tasks.evaluate.stage import evaluate_stage
    from tasks.model.generate import Answer

    monkeypatch.setattr(predict, "_ask", lambda c, p, held_out, a, n: [Answer(n, False) for _ in held_out.pages])
    judged = EvaluateRun(model=ModelConfig(base=base), evaluate=EvaluateConfig(resamples=100))
    rejects = [
        {"stage": "render", "reason": "geometry", "doc_id": "d", "page_num": 1, "detail": ""},
        {"stage": "collect", "reason": "too_short", "doc_id": "e", "page_num": None, "detail": ""},
    ]
    lines = "".join(json.dumps(r) + "\n" for r in rejects).encode()
    measured = {"pages": 21, "kept": 20, "kept share": 20 / 21, "agreement": 0.9, "agreement >= 0.98": 0.8}
    made = [
        finished_stage(store, "collect", {"found": 4, "documents": 3, "cut": 0}),
        finished_stage(store, "render", {**measured, "agreement of kept": 1.0}),
        finished_stage(store, "split", {}),
        finished_stage(store, "publish", {"train": 8, "test": 12}, rejects__jsonl=lines),
        finished_stage(store, "publish", {"train": 31, "test": 12}, "small", rejects__jsonl=lines),
        finished_stage(store, "sft", {"steps": 1}, log__jsonl=b'{"step": 1, "loss": 0.5}\n{"train_runtime": 3}\n'),
        finished_stage(store, "grpo", {"steps": 0}, log__jsonl=b""),
    ]
    made.append(evaluate_stage(judged, dataset, *made[-2:]))
    done = report_stage(RunConfig(why="A small run"), *made, made[3])
    text = " ".join(" ".join(Tags(Folder(done.uri).read("report.html").decode()).text).split())
    assert "pages rendered 21 rejected: geometry 1 pages published 20" in text
    assert "Small pages for training" in text
    assert "pages rendered 44" in text
    assert text.count("publish-k") == 1
    assert done.counts["samples"] == SAMPLES_SHOWN
    assert 'why = "A small run"' in text
    assert Folder(done.uri).read("summary.txt").decode().startswith("held out")
    assert report_stage(RunConfig(why="A small run", workers=3), *made, made[3]).reused


def test_report_without_an_evaluation_says_so(store: Path) -> None:
    with pytest.raises(StageError, match="run evaluate first"):
        report_stage(RunConfig(), finished_stage(store, "collect", {"found": 1}))
