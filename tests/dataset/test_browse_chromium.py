"""The browser of a dataset in a real Chromium."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from browsed import document, page, write
from chromium import PHONE, Opened, contrast, luminance

from tasks.dataset.browse.document import browse

EVIL = (
    "<script>window.ran = 1; alert(1)</script>\n\n<img src=http://evil.example/a.png onerror=alert(2)>\n\n"
    "[click](javascript:alert(3)) ![x](http://evil.example/b.png) </mark></pre></details>\u202eturned\0\n\n"
    '[t](http://evil.example "\\" onmouseover=\\"alert(4)") <style>body { background: url(//evil.example) }</style>\n'
)


def pages() -> list[dict[str, Any]]:
    """Six pages: 1, 3 and 5 Japanese, 2 and 5 with a table, 4 with the lowest agreement."""
    return [
        page(
            n,
            language="ja" if n % 2 else "en",
            features=["table"] if n in (2, 5) else ["heading"],
            agreement=0.985 if n == 4 else 1.0,
            markdown=f"# Title {n}\n\nThe word{n} of *this* page.\n",
            page_start_char=4_000,
            page_end_char=4_040,
        )
        for n in range(6)
    ]


@pytest.fixture(scope="module")
def six(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("six")
    text = "\n".join(f"line {n:04d}" for n in range(1_000))
    texts = [document(n, markdown=text) for n in range(6)]
    dataset = write(home / "d", pages()[:4], pages()[4:], texts)
    path: Path = home / "six.html"
    path.write_text(browse(dataset))
    return path


def test_it_opens_without_request_or_complaint(browser: Any, six: Path) -> None:
    shown = Opened(browser, six)
    assert shown.names == ["doc4", "doc0", "doc1", "doc2", "doc3", "doc5"], "the lowest agreement first"
    assert shown.opened == ["doc4"]
    assert (shown.trouble, shown.outside) == ([], [])
    opened = shown.page.locator(".pagelist > li:first-child")
    assert opened.locator(".drawn em").inner_text() == "this"
    assert opened.locator("mark").inner_text().startswith("line 0400")
    assert opened.locator("img").evaluate("image => image.naturalWidth") == 60
    assert opened.locator("a").get_attribute("rel") == "noreferrer noopener"


def test_the_span_of_an_opened_page_is_in_sight(browser: Any, six: Path) -> None:
    shown = Opened(browser, six)
    shown.page.keyboard.press("j")
    shown.page.wait_for_function("document.querySelector('.pagelist > li:nth-child(2) .source').scrollTop > 0")
    inside = shown.page.locator(".pagelist > li:nth-child(2) .source").evaluate(
        "box => { const a = box.getBoundingClientRect(), b = box.querySelector('mark').getBoundingClientRect();"
        " return a.top <= b.top && b.bottom <= a.bottom; }"
    )
    assert inside


def test_pages_are_filtered_sorted_and_sought(browser: Any, six: Path) -> None:
    shown = Opened(browser, six)
    choose, press = shown.page.select_option, shown.page.keyboard.press
    for name, value, names in (
        ("language", "ja", ["doc1", "doc3", "doc5"]),
        ("feature", "table", ["doc2", "doc5"]),
        ("split", "test", ["doc4", "doc5"]),
        ("agreement", "0.98 to 0.99", ["doc4"]),
    ):
        choose(f"[data-filter={name}]", value)
        assert shown.names == names
        choose(f"[data-filter={name}]", "")
    choose("[data-control=sort]", "name")
    assert shown.names == [f"doc{n}" for n in range(6)]
    shown.page.fill("[data-control=search]", "WORD3 of")
    assert shown.names == ["doc3"]
    assert shown.page.locator("[data-control=count]").text_content() == "1 of 6 pages"
    press("j")
    assert shown.page.input_value("[data-control=search]") == "WORD3 ofj", "a key pressed in a control is the control's"
    shown.page.fill("[data-control=search]", "author")
    shown.page.locator("h1").click()
    press("j")
    press("j")
    assert shown.opened == ["doc5"]
    assert not shown.page.locator(".pagelist > li:last-child .raw pre").is_visible()
    shown.page.check("[data-control=raw]")
    assert "*this*" in shown.page.locator(".pagelist > li:last-child .raw pre").inner_text()
    assert shown.trouble == []


def test_all_can_be_read_without_script(browser: Any, six: Path) -> None:
    shown = Opened(browser, six, java_script_enabled=False)
    assert not shown.page.locator(".controls").is_visible()
    shown.page.locator(".pagelist summary").first.click()
    assert shown.page.locator(".pagelist > li:first-child mark").is_visible()


def test_hostile_documents_run_nothing_and_call_nobody(browser: Any, tmp_path: Path) -> None:
    said = {"language": EVIL, "source": EVIL, "license": EVIL, "family": EVIL}
    rows = [
        page(0, markdown=EVIL, features=[EVIL], style=EVIL, page_end_char=len(EVIL), **said),
        page(1, markdown=f"{EVIL}{'x' * 10_000_000}", page_end_char=10_000_000),
        page(2, markdown=">" * 100_000 + EVIL, doc_id=EVIL),
        page(3, markdown="|" * 6_000 + "\n" + "|-" * 6_000),
    ]
    texts = [
        document(0, markdown=EVIL, attribution=EVIL, revision=EVIL, url="javascript:alert(5)"),
        document(1, markdown="y" * 10_000_000, url='https://a.example/"onmouseover="alert(6)'),
    ]
    path = tmp_path / "hostile.html"
    path.write_text(browse(write(tmp_path / "d", rows, documents=texts)))
    assert path.stat().st_size < 3_000_000
    shown = Opened(browser, path)
    for details in shown.page.locator("details").all():
        details.evaluate("details => { details.open = true; }")
    for link in shown.page.locator(".link").all():
        link.dispatch_event("mouseover")
        link.dispatch_event("click")
    assert (shown.trouble, shown.outside) == ([], [])
    assert shown.page.evaluate("window.ran") is None
    assert shown.page.locator("#pages script, #pages style, #pages iframe, #pages form").count() == 0
    assert [a.get_attribute("href") for a in shown.page.locator("a").all()] == [
        'https://a.example/"onmouseover="alert(6)'
    ]
    assert "</mark></pre></details>\ufffdturned␀" in "".join(shown.page.locator(".source mark").all_inner_texts())


def test_the_policy_lets_nothing_else_in(browser: Any, six: Path) -> None:
    shown = Opened(browser, six)
    shown.page.evaluate(
        "() => { const s = document.createElement('script'); s.textContent = 'window.ran = 1';"
        " const i = document.createElement('img'); i.src = 'http://evil.example/x.png'; document.body.append(s, i); }"
    )
    assert shown.page.evaluate("window.ran") is None
    assert sum("Content Security Policy" in message for message in shown.trouble) == 2


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_can_be_read_in_both_schemes_and_on_a_phone(browser: Any, six: Path, scheme: str) -> None:
    shown = Opened(browser, six, color_scheme=scheme, viewport=PHONE)
    assert shown.page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    style = "([selector, name]) => getComputedStyle(document.querySelector(selector))[name]"
    paper = shown.page.evaluate(style, ["body", "backgroundColor"])
    assert (luminance(paper) < 0.1) == (scheme == "dark")
    for selector in ("body", "dt", ".drawn .h1", ".note"):
        assert contrast(shown.page.evaluate(style, [selector, "color"]), paper) >= 4.5, selector
    mark = [shown.page.evaluate(style, [".source mark", name]) for name in ("color", "backgroundColor")]
    assert contrast(*mark) >= 4.5
