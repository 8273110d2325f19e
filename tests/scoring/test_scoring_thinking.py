"""Taking thinking out of an answer."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scoring_pages import PAGES

from tasks.scoring import strip_thinking


@pytest.mark.parametrize(
    ("answer", "kept"),
    [
        ("# Page", "# Page"),
        ("  # Page\n", "  # Page\n"),
        ("<think>plan</think># Page", "# Page"),
        ("<think>\nplan\n</think>\n\n# Page\n", "# Page"),
        ("<THINK>plan</Think>page", "page"),
        ("a <think>b</think> c <think>d</think> e", "a   c   e"),
        ("<think>never ends", ""),
        ("page <think>never ends", "page"),
        ("<think></think>", ""),
        ("opened in the prompt</think>page", "page"),
        ("a<think>b</think>c</think>page", "page"),
        ("<think>the <think> tag</think>page", "page"),
        ("<think>a ``` fence and a ` tick</think>page", "page"),
        ("<think>x</think>```\n<think>\n```", "```\n<think>\n```"),
        ("```xml\n<think>a</think>\n```\nend", "```xml\n<think>a</think>\n```\nend"),
        ("~~~\n```\n<think>\n~~~\n<think>gone</think>page", "~~~\n```\n<think>\n~~~\n page"),
        ("> ```\n> <think>\n> ```\n", "> ```\n> <think>\n> ```\n"),
        ("Write `<think>` and ``a ` </think>`` first.", "Write `<think>` and ``a ` </think>`` first."),
        ("a lone ` tick <think>gone</think>\n\nand ` another", "a lone ` tick  \n\nand ` another"),
        ("<thinking>stays</thinking>", "<thinking>stays</thinking>"),
        ("", ""),
    ],
)
def test_what_is_kept(answer: str, kept: str) -> None:
    assert strip_thinking(answer) == kept


@given(
    st.lists(st.sampled_from(["<think>", "</think>", "`", "```", "\n", "\n\n", "~~~", "a", " ", "<", ">"])).map("".join)
)
@settings(max_examples=500, deadline=None)
def test_outside_code_no_tag_is_left(text: str) -> None:
    stripped = strip_thinking(text)
    assert len(stripped) <= len(text)
    if "`" not in text and "~" not in text:
        assert "<think>" not in stripped
        assert "</think>" not in stripped


@pytest.mark.parametrize("name", PAGES)
def test_any_thinking_comes_off_a_real_page(name: str) -> None:
    page = PAGES[name].strip()
    if "think>" in page:
        return
    assert strip_thinking(page) == page
    for before in ("<think>plan</think>", "<think>`\n```py\n# plan\n</think>\n", "plan, then more\n</think>\n\n"):
        assert strip_thinking(before + page) == page


@pytest.mark.parametrize(
    "piece", ["<think>", "</think>", "<think></think>", "`<think>", "```\n<think>\n", "`<think>``", "<", ">", "\n> "]
)
def test_time_is_linear(piece: str) -> None:
    begin = time.process_time()
    strip_thinking(piece * (1_000_000 // len(piece)))
    assert time.process_time() - begin < 5


def test_only_texts() -> None:
    with pytest.raises(TypeError, match="str"):
        strip_thinking(None)
