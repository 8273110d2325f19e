"""The report in a real Chromium, from a file, without network."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from chromium import PHONE, Opened, contrast, luminance
from evaluation_inputs import EVIL, content_of, made_up, png, set_page, system_read

from tasks.evaluate.report.content import Content
from tasks.evaluate.report.stage import render_report

LABEL = "# 見出し {n}\n\nIt says hello to reader number {n}.\n"


def systems(shown: Opened) -> list[str]:
    """Whose answers are shown on the open page."""
    found = shown.page.locator(".pagelist details[open] [data-system]:visible h4").all_inner_texts()
    return [text.split()[0] for text in found]


def four_pages(home: Path) -> Content:
    """Changes from SFT to GRPO: page 0 none, 1 a small drop, 2 a large drop, 3 a gain."""
    pages = [
        set_page(n, LABEL.format(n=n), f"f{n}", language="ja" if n % 2 else "en", features=("code",) if n == 2 else ())
        for n in range(4)
    ]
    good = [page.label or "" for page in pages]
    grpo = [good[0], good[1].replace("hello", ""), "", good[3]]
    reads = [
        system_read("base", pages, ["words"] * 4),
        system_read("sft", pages, [*good[:3], "見出し"]),
        system_read("grpo", pages, grpo),
        system_read("tesseract", pages, good),
    ]
    return content_of(home, pages, reads)


@pytest.fixture(scope="module")
def four(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("four")
    path: Path = home / "report.html"
    path.write_text(render_report(four_pages(home)))
    return path


def test_a_report_opens_without_request_or_complaint(browser: Any, four: Path) -> None:
    shown = Opened(browser, four)
    assert shown.names == ["doc2", "doc3", "doc1", "doc0"], "the largest drop or gain first"
    assert shown.opened == ["doc2"]
    assert shown.page.locator("[data-control=count]").text_content() == "4 of 4 pages"
    outside = [url for url in shown.requests if not url.startswith(("data:", "file:"))]
    assert (shown.trouble, outside) == ([], [])
    assert len([url for url in shown.requests if url.startswith("file:")]) == 1


def test_keys_walk_through_the_pages(browser: Any, four: Path) -> None:
    shown = Opened(browser, four)
    press = shown.page.keyboard.press
    walked = []
    for key in ("j", "ArrowRight", "j", "j", "k", "ArrowLeft"):
        press(key)
        walked += shown.opened
    assert walked == ["doc3", "doc1", "doc0", "doc0", "doc1", "doc3"]
    press("ArrowDown")
    assert shown.opened == ["doc3"], "the list's arrows move the focus alone"
    press("Enter")
    assert shown.opened == ["doc3", "doc1"]
    outline = shown.page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"
    shown.page.locator("[data-control=sort]").focus()
    press("k")
    assert shown.opened == ["doc3", "doc1"], "a key pressed in a control is the control's"


def test_everything_is_reached_by_tab(browser: Any, four: Path) -> None:
    shown = Opened(browser, four)
    reached = set()
    for _ in range(80):
        shown.page.keyboard.press("Tab")
        reached.add(
            shown.page.evaluate(
                "[document.activeElement.tagName, Object.values(document.activeElement.dataset)[0] || '',"
                " document.activeElement.closest('.pagelist') ? 'list' : ''].join(' ').trim()"
            )
        )
    controls = {f"SELECT {name}" for name in ("from", "to", "sort", "language", "feature")}
    assert reached >= controls | {"INPUT all", "BUTTON previous", "BUTTON next", "SUMMARY  list", "PRE  list"}


def test_pages_are_sorted_and_filtered(browser: Any, four: Path) -> None:
    shown = Opened(browser, four)
    choose = shown.page.select_option
    choose("[data-control=sort]", "gain")
    assert shown.names == ["doc3", "doc0", "doc1", "doc2"]
    choose("[data-control=sort]", "drop")
    assert shown.names == ["doc2", "doc1", "doc0", "doc3"]
    choose("[data-control=sort]", "low")
    assert shown.names[0] == "doc2"
    choose("[data-control=sort]", "family")
    assert shown.names == ["doc0", "doc1", "doc2", "doc3"]
    choose("[data-filter=language]", "ja")
    assert shown.names == ["doc1", "doc3"]
    assert shown.page.locator("[data-control=count]").text_content() == "2 of 4 pages"
    choose("[data-filter=feature]", "code")
    assert shown.names == []
    shown.page.keyboard.press("Escape")
    shown.page.locator("h1").click()
    shown.page.keyboard.press("j")
    choose("[data-filter=language]", "")
    assert shown.names == ["doc2"]
    assert shown.trouble == []


def test_any_two_systems_are_compared(browser: Any, four: Path) -> None:
    shown = Opened(browser, four)
    assert systems(shown) == ["SFT", "GRPO"]
    shown.page.select_option("[data-control=from]", label="Base")
    shown.page.select_option("[data-control=to]", label="tesseract")
    assert systems(shown) == ["Base", "tesseract"]
    first = shown.page.locator(".pagelist summary .delta").first
    assert "→ 1.000 (+" in first.text_content()
    assert first.get_attribute("class") == "delta better"
    shown.page.check("[data-control=all]")
    assert systems(shown) == ["Base", "SFT", "GRPO", "tesseract"]


def test_without_script_everything_can_be_read(browser: Any, four: Path) -> None:
    shown = Opened(browser, four, java_script_enabled=False)
    assert not shown.page.locator(".controls").is_visible()
    assert shown.names == ["doc2", "doc3", "doc1", "doc0"]
    assert systems(shown) == ["Base", "SFT", "GRPO", "tesseract"]
    shown.page.locator(".pagelist summary").nth(3).click()
    assert shown.opened == ["doc2", "doc0"]
    assert shown.page.locator(".pagelist details[open] img").nth(1).is_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_and_plots_can_be_read_in_both_schemes(browser: Any, four: Path, scheme: str) -> None:
    shown = Opened(browser, four, color_scheme=scheme)
    style = "(selector, name) => getComputedStyle(document.querySelector(selector))[name]"
    paper = shown.page.evaluate(f"({style})('body', 'backgroundColor')")
    assert (luminance(paper) < 0.1) == (scheme == "dark")
    for selector, name in (
        ("body", "color"),
        (".quiet", "color"),
        ("summary", "color"),
        (".better", "color"),
        (".worse", "color"),
        ("svg text", "fill"),
    ):
        assert contrast(shown.page.evaluate(f"({style})('{selector}', '{name}')"), paper) >= 4.5, selector
    wash = shown.page.evaluate(f"({style})('pre', 'backgroundColor')")
    ink = shown.page.evaluate(f"({style})('pre', 'color')")
    assert contrast(ink, wash) >= 4.5
    assert contrast(ink, shown.page.evaluate(f"({style})('ins', 'backgroundColor')")) >= 4.5


def test_a_phone_never_scrolls_sideways(browser: Any, tmp_path: Path) -> None:
    long = "x" * 3_000
    pages = [
        set_page(n, f"# {long}\n\n| a | b |\n|---|---|\n| {long} | 日本語 |\n", f"family-{long[:300]}-{n}", doc_id=long)
        for n in range(2)
    ]
    reads = [system_read(f"vendor/{long[:40]}-{i}", pages, [long, f"日本語{long}"]) for i in range(12)]
    content = replace(
        content_of(tmp_path, pages, reads, image=png("wide", 2_000, 500)),
        config={"why": long, "model": {"base": long}},
    )
    path = tmp_path / "phone.html"
    path.write_text(render_report(content))
    shown = Opened(browser, path, viewport=PHONE)
    for _ in range(2):
        assert shown.page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        shown.page.evaluate("document.querySelectorAll('details').forEach((details) => { details.open = true; })")
        shown.page.check("[data-control=all]")
    assert shown.trouble == []


def test_hostile_answers_run_nothing_and_call_nobody(browser: Any, tmp_path: Path) -> None:
    content = made_up(tmp_path, evil=True)
    hostile = [
        replace(
            view,
            answers={s: replace(a, text=f"{EVIL}\0\x1b[31m\u202e{'x' * 100_000}") for s, a in view.answers.items()},
        )
        for view in content.views
    ]
    path = tmp_path / "hostile.html"
    path.write_text(render_report(replace(content, views=hostile)))
    shown = Opened(browser, path)
    shown.page.keyboard.press("j")
    assert "<script>alert(1)</script>" in shown.page.locator(".pagelist details[open] pre").nth(1).inner_text()
    assert shown.trouble == []
    assert not [url for url in shown.requests if "evil" in url]


def test_the_policy_stops_a_script_that_gets_in_after_all(browser: Any, four: Path) -> None:
    shown = Opened(browser, four)
    ran = shown.page.evaluate(
        "() => { const s = document.createElement('script'); s.textContent = 'window.ran = 1';"
        " document.body.append(s); return window.ran === 1; }"
    )
    assert ran is False
    assert any("Content Security Policy" in message for message in shown.trouble)


def test_it_prints_in_ink_on_paper(browser: Any, four: Path) -> None:
    shown = Opened(browser, four, color_scheme="dark")
    shown.page.emulate_media(media="print", color_scheme="dark")
    assert luminance(shown.page.evaluate("getComputedStyle(document.body).backgroundColor")) > 0.9
    assert not shown.page.locator(".controls").is_visible()
