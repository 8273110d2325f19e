from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from evaluation_inputs import (
    EVIL,
    FACTS,
    Tags,
    content_of,
    finished_read,
    finished_set,
    labelled,
    made_up,
    set_page,
    system_read,
)

from tasks.config import RunConfig, ScoreRun
from tasks.evaluate.report.content import Health
from tasks.evaluate.report.plots import curve, forest, slice_forest
from tasks.evaluate.report.stage import render_report, report_stage
from tasks.evaluate.report.wording import finding, interval, signed
from tasks.evaluate.stage import evaluate_stage
from tasks.evaluate.systems import Reading
from tasks.records import StageError, StageRef
from tasks.store import Folder, finish


def policy(html: str) -> str:
    return next(a["content"] or "" for tag, a in Tags(html).tags if a.get("http-equiv") == "Content-Security-Policy")


def test_nothing_is_requested_and_only_the_reports_own_script_runs(tmp_path: Path) -> None:
    html = render_report(made_up(tmp_path, evil=True))
    tags = Tags(html).tags
    for tag, attributes in tags:
        assert tag not in {"link", "iframe", "object", "base", "form"}
        for name, value in attributes.items():
            assert not name.startswith("on")
            assert name != "style", "the policy would not apply it"
            if name in {"src", "href", "xlink:href", "srcset", "data"}:
                assert (value or "").startswith(("data:image/png;base64,", "#")), (tag, name)
    assert [attributes for tag, attributes in tags if tag == "script"] == [{}]
    assert not re.search(r"url\((?!#)|@import", html)
    rules = dict(rule.strip().split(" ", 1) for rule in policy(html).split(";"))
    assert rules["default-src"] == rules["base-uri"] == rules["form-action"] == "'none'"
    assert rules["img-src"] == "data:"
    for kind, tag in (("style-src", "style"), ("script-src", "script")):
        inside = re.search(rf"<{tag}>(.*?)</{tag}>", html, re.DOTALL)
        assert inside
        assert rules[kind] == f"'sha256-{base64.b64encode(hashlib.sha256(inside[1].encode()).digest()).decode()}'"


def test_what_documents_and_models_say_is_escaped_and_still_shown(tmp_path: Path) -> None:
    page = Tags(render_report(made_up(tmp_path, evil=True)))
    assert len([a for tag, a in page.tags if tag == "img"]) == 6
    assert page.shown.count(EVIL) >= 4
    assert "{{ 7 * 7 }}" in page.shown


def test_the_same_content_gives_the_same_bytes(tmp_path: Path) -> None:
    content = made_up(tmp_path)
    assert render_report(content) == render_report(content)
    svg = curve([{"step": 1, "loss": 2.0}, {"step": 2, "loss": 1.0}], "loss", "Loss")
    assert svg == curve([{"step": 1, "loss": 2.0}, {"step": 2, "loss": 1.0}], "loss", "Loss")
    assert svg is not None
    assert "<metadata" not in svg
    assert not re.search(r"20\d\d-\d\d-\d\d", svg)


def test_plots_leave_every_colour_to_the_page(tmp_path: Path) -> None:
    table = made_up(tmp_path).table
    for svg in (forest(table, "sft", "grpo"), curve([{"step": 1, "loss": 2.0}], "loss", "A <loss> & more") or ""):
        assert not re.search(r"#[0-9a-fA-F]{6}\b|style=|<style|font-family", svg)
        assert "var(--ink)" in svg
    assert 'aria-label="A &lt;loss&gt; &amp; more"' in svg


def test_the_verdict_comes_first(tmp_path: Path) -> None:
    content = made_up(tmp_path)
    shown = Tags(render_report(content)).shown
    assert shown.index("SFT is better than Base") < shown.index("In brackets") < shown.index("Edit similarity")


def test_report_holds_what_it_promises(tmp_path: Path) -> None:
    content = made_up(tmp_path)
    html = render_report(content)
    text = Tags(html).shown
    for words in ("files found", "geometry", "0.91234", "77.78 %", "c0ffee", "Training seeds: 1", "Only 3 families"):
        assert words in text, words
    assert finding(content.table, "sft", "grpo") in html
    assert html.count("<svg") == 3 + 1 + 1 + 4, "comparisons, standings, SFT's curve, GRPO's curves"
    for row in content.table["means"]:
        assert interval(row) in text
    for row in content.table["differences"]:
        assert interval(row, sign=True) in text


def test_what_stood_in_the_way_of_training_is_told(tmp_path: Path) -> None:
    content = made_up(tmp_path)
    health = {"grpo": Health("16 pages, 4 answers each: rewards differ in 6% of groups", ["Step 3: a <b>leap</b>"])}
    shown = Tags(render_report(replace(content, health=health))).shown
    assert "Probe before the first step, 16 pages, 4 answers each: rewards differ in 6% of groups." in shown
    assert "Step 3: a <b>leap</b>." in shown
    assert "Nothing stood in the way" not in shown
    assert "Nothing stood in the way" in render_report(replace(content, health={"grpo": Health("2 pages", [])}))


def test_missing_parts_leave_their_section_out(tmp_path: Path) -> None:
    html = render_report(replace(made_up(tmp_path, families=1), pages=[], views=[], logs={}))
    assert "no interval (1 family)" in html
    assert "cannot be told apart: too few families" in html
    for missing in ("From files to pages", "Page by page", "<h2>Training</h2>", "<script", "<h2>Slices</h2>"):
        assert missing not in html


def test_one_system_alone_has_no_comparison(tmp_path: Path) -> None:
    pages = labelled(["# A\n\nwords\n"] * 3, list("abc"))
    html = render_report(content_of(tmp_path, pages, [system_read("tesseract", pages, ["words"] * 3)]))
    assert "Comparisons" not in html
    assert "tesseract: composite reward (v2)" in html
    assert "The base model" not in html
    assert html.count("<details open>") == 1, "the first page"


def test_twelve_systems_are_all_in_the_table(tmp_path: Path) -> None:
    pages = labelled(["# A\n\nsome words\n"] * 3, list("abc"))
    reads = [system_read(f"model/{i} $x$", pages, ["some words"] * 3) for i in range(12)]
    html = render_report(content_of(tmp_path, pages, reads))
    text = Tags(html).shown
    assert all(f"model/{i} $x$" in text for i in range(12))
    assert "Of 66 pairs these are spelled out" in text
    assert html.count('data-system="11"') == 3


def test_slices_are_drawn_and_say_where_families_are_few(tmp_path: Path) -> None:
    pages = [set_page(i, "# A\n\nwords\n", f"f{i}", language="ja" if i < 2 else "en") for i in range(9)]
    reads = [system_read("base", pages, ["words"] * 9), system_read("sft", pages, ["# A\n\nwords"] * 9)]
    content = content_of(tmp_path, pages, reads)
    svg = slice_forest(content.table, "base", "sft") or ""
    assert "ja (2 families)" in svg
    assert "en (7 families)" in svg
    assert "no interval (2 families)" in render_report(content)


@pytest.mark.parametrize(
    ("low", "high", "judged"),
    [
        (0.01, 0.03, "GRPO bought composite reward (v2): {} over SFT,"),
        (-0.03, -0.01, "GRPO cost composite reward (v2): {} against SFT,"),
        (-0.01, 0.01, "GRPO: no evidence of a change in composite reward (v2) from SFT, {},"),
    ],
)
def test_what_grpo_bought_is_stated_whatever_it_is(tmp_path: Path, low: float, high: float, judged: str) -> None:
    content = made_up(tmp_path)
    table = dict(content.table)
    middle = (low + high) / 2
    verdict = "better" if low > 0 else "worse" if high < 0 else "no evidence"
    changed = {"difference": middle, "low": low, "high": high, "verdict": verdict}
    table["differences"] = [
        r | changed if (r["from"], r["to"], r["metric"]) == ("sft", "grpo", "composite_v2") else r
        for r in table["differences"]
    ]
    html = render_report(replace(content, table=table))
    expected = judged.format(f"{signed(middle)} [{signed(low)}, {signed(high)}]")
    assert f"{expected} on 6 pages of 3 families" in html


def test_signs() -> None:
    assert [signed(v) for v in (0.1, -0.1, 0.0, -0.0001, None)] == ["+0.100", "−0.100", "0.000", "0.000", "–"]


def finished_stage(home: Path, name: str, counts: dict[str, Any], key: str = "k", **files: bytes) -> StageRef:
    folder = Folder(str(home / name / key))
    for file, content in files.items():
        folder.write(file.replace("__", "."), content)
    return finish(folder, f"{name}-{key}", counts, stage=name, seconds=2.0, config={})


def test_stage_gathers_a_run(store: Path) -> None:
    rejects = [
        {"stage": "render", "reason": "geometry", "doc_id": "d", "page_num": 1, "detail": ""},
        {"stage": "collect", "reason": "too_short", "doc_id": "e", "page_num": None, "detail": ""},
    ]
    lines = "".join(json.dumps(r) + "\n" for r in rejects).encode()
    measured = {"pages": 21, "kept": 20, "kept share": 20 / 21, "agreement": 0.9, "agreement >= 0.98": 0.8}
    pages = labelled(["# A page\n\nwith words\n"] * 4, list("aabb"))
    reads = [system_read(name, pages, [f"# A page\n\n{name}"] * 4) for name in ("base", "sft", "grpo")]
    other = labelled(["elsewhere"] * 3, list("abc"))
    made = [
        finished_stage(store, "collect", {"found": 4, "documents": 3, "cut": 0}),
        finished_stage(store, "render", {**measured, "agreement of kept": 1.0}),
        finished_stage(store, "split", {}),
        finished_stage(store, "publish", {"train": 8, "test": 12}, rejects__jsonl=lines),
        finished_stage(store, "publish", {"train": 31, "test": 12}, "small", rejects__jsonl=lines),
        finished_stage(store, "sft", {"steps": 1}, log__jsonl=b'{"step": 1, "loss": 0.5}\n{"train_runtime": 3}\n'),
        finished_stage(store, "grpo", {"steps": 0}, log__jsonl=b""),
        finished_set(store, pages),
        *(finished_read(store, read) for read in reads),
        finished_set(store, other, "real-pages"),
        finished_read(store, system_read("tesseract", other, ["x"] * 3)),
    ]
    made.append(evaluate_stage(ScoreRun(resamples=100), made[7], *made[8:11]))
    done = report_stage(RunConfig(why="A small run"), *made, made[3])
    folder = Folder(done.uri)
    html = folder.read("report.html").decode()
    text = Tags(html).shown
    assert "pages rendered 21 rejected: geometry 1 pages published 20" in text
    assert "Small pages for training" in text
    assert "pages rendered 44" in text
    assert text.count("publish-k") == 1
    assert done.counts["pages"] == 4
    assert html.count('data-scores="') == 4
    assert "that training has not seen" in text
    assert 'why = "A small run"' in text
    assert folder.read("summary.txt").decode().startswith("mean")
    assert {row["system"] for row in folder.read_json("metrics.json")} == {"base", "sft", "grpo"}
    assert report_stage(RunConfig(why="A small run", workers=3), *made, made[3]).reused


def test_stage_shows_a_page_set_without_training_or_dataset(store: Path) -> None:
    pages = [set_page(i, None, f"f{i}", facts=FACTS) for i in range(3)]
    ref = finished_set(store, pages, "olmocr-pages")
    read = finished_read(store, system_read("tesseract", pages, [Reading("", error="no text")] * 3))
    judged = evaluate_stage(ScoreRun(resamples=100), ref, read)
    done = report_stage(RunConfig(), ref, read, judged)
    text = Tags(Folder(done.uri).read("report.html").decode()).shown
    assert "Could not be read: no text" in text
    assert "that training has not seen" not in text
    assert "drawn, not scanned" not in text
    alone = report_stage(RunConfig(), judged)
    assert alone.counts["pages"] == 0


def test_report_without_an_evaluation_says_so(store: Path) -> None:
    with pytest.raises(StageError, match="run evaluate first"):
        report_stage(RunConfig(), finished_stage(store, "collect", {"found": 1}))
