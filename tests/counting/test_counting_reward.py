"""Reading a count off an answer."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.counting import count_reward, extract_count
from tasks.counting.prompts import PROMPTS, PromptName
from tasks.counting.reward import MAX_DIGITS, VALUES, judge


@pytest.mark.parametrize(
    ("answer", "count"),
    [
        # the second article
        ("The answer is **5**", 5),
        ("There are several objects", None),
        ("I see 3 red objects and 2 blue objects, so **5** total", 5),
        # form
        ("5", 5),
        (" 5.\n", 5),
        ("0", 0),
        ("007", 7),
        ("_5_ items, $5$", 5),
        ("1. red cube\n2. blue cube\n3. green car", 3),
        ("4-5 objects", 5),
        ("Total - 5", 5),
        ("3 + 2 = 5", 5),
        ("", None),
        # commas and decimals
        ("1,234", 1234),
        ("12,345,678 items", 12_345_678),
        ("1,2", 2),
        ("3, 4, 5", 5),
        ("1234,567", 567),
        ("3.0", 3),
        ("There are 3.The end", 3),
        ("...5", 5),
        ("3.5", None),
        (".5", None),
        ("version 1.2.3", None),
        # a last number that is no count is not replaced by the one before
        ("5, or rather 3.5", None),
        ("5, no, -2", None),
        ("-2", None),
        ("−2", None),
        ("answer:-2", None),
        ("two hundred", None),
        ("one hundred and five", None),
        ("I see 3, maybe dozens", None),
        # words
        ("Zero", 0),
        ("There are five items.", 5),
        ("TWENTY", 20),
        ("twenty-one", 21),
        ("thirty two", 32),
        ("3 cubes and two spheres, so five in total", 5),
        ("one", 1),
        ("There is one cube.", 1),
        ("5 items; the big one is red", 5),
        ("one cube, two spheres: three", 3),
        ("the sixth of them is weightless, often", None),
        # scripts
        ("５", 5),
        ("１，２３４", 1234),
        ("物体は５個あります。", 5),
        ("全部で5つ", 5),
        ("٣", 3),
        ("三", None),
        ("5万", None),
        # names, ordinals, percentages
        ("R2D2", None),
        ("3rd", None),
        ("3D shapes", None),
        ("GPT-4", None),
        ("object_4", None),
        ("three-dimensional", None),
        ("5-sided", None),
        ("A scene with a purple4", None),
        ("5²", None),
        ("3½", None),
        ("95%", None),
        ("5 objects (I am 95 % sure)", 5),
        # tags
        ("<answer>5</answer>", 5),
        ("<answer> five </answer> of 10", 5),
        ("8 <ANSWER>5</Answer>", 5),
        ("<answer>3</answer> no, <answer>5</answer>", 5),
        ("<answer>5", 5),
        ("5 <answer>many</answer>", None),
        ("5 <answer></answer>", None),
        ("<think>3 and 4</think>5", 5),
        ("<think>3 and 4</think> <answer>7</answer>", 7),
        ("<think>3 <answer>4</answer></think>5", 5),
        ("<think>3</think>", None),
        ("<think>3 and 4", None),
        ("<think>3 and 4 <answer>7</answer>", 7),
        ("3 and 4</think>7", 7),
    ],
)
def test_what_is_read(answer: str, count: int | None) -> None:
    assert extract_count(answer) == count


def test_numbers_of_any_length() -> None:
    assert extract_count("9" * MAX_DIGITS) == 10**MAX_DIGITS - 1
    assert extract_count("9" * (MAX_DIGITS + 1)) is None
    assert extract_count("9" * 100_000) is None
    assert extract_count("0" * 100_000 + "5") == 5
    assert count_reward("9" * 100_000, 5) == -1


@pytest.mark.parametrize("answer", [None, 5, b"5", ["5"]])
def test_only_texts(answer: object) -> None:
    with pytest.raises(TypeError, match="str"):
        extract_count(answer)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="str"):
        count_reward(answer, 5)  # type: ignore[arg-type]


def test_reward() -> None:
    assert count_reward("<answer>5</answer>", 5) == 1.0
    assert count_reward("<answer>4</answer>", 5) == 0.0
    assert count_reward("many", 5) == -1.0
    assert count_reward("-5", 5) == -1.0
    assert count_reward("0", 0) == 1.0
    assert count_reward("5", np.int64(5)) == 1.0
    with pytest.raises(TypeError):
        count_reward("many", "5")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        ("<answer>5</answer>", "right"),
        ("I see 5", "right"),
        ("five or 6", "wrong"),
        ("", "no number"),
        ("many, 95% of them cubes", "no number"),
        ("5 <answer>many</answer>", "no number"),
        ("<think>5</think>", "no number"),
        ("-5", "not a count"),
        ("5.5", "not a count"),
        ("two dozens", "not a count"),
        ("9" * (MAX_DIGITS + 1), "not a count"),
    ],
)
def test_verdicts(answer: str, verdict: str) -> None:
    judged = judge(answer, 5)
    assert judged.verdict == verdict
    assert judged.reward == {"right": 1, "wrong": 0}.get(verdict, -1) == count_reward(answer, 5)
    assert judged.count == extract_count(answer)


def test_a_tagged_answer_counts_inside_its_tags_only() -> None:
    assert judge("5", 5, tagged=True).verdict == "no answer tag"
    assert judge("<think>5</think> so 5", 5, tagged=True).verdict == "no answer tag"
    assert judge("<think>3</think><answer>5</answer> of 7", 5, tagged=True).verdict == "right"
    assert judge("<think>3 <answer>5", 5, tagged=True).verdict == "right"
    assert judge("<think>4 <answer>5</answer></think> 4", 5, tagged=True).verdict == "no answer tag"
    assert (extract_count("5", tagged=True), extract_count("<answer>5</answer>", tagged=True)) == (None, 5)


@pytest.mark.parametrize("name", sorted(PROMPTS))
@given(n=st.integers(0, 200))
def test_a_prompt_reads_its_own_right_answer(name: PromptName, n: int) -> None:
    prompt = PROMPTS[name]
    assert prompt.read(prompt.answer(n)) == n
    assert prompt.judge(prompt.answer(n), n).verdict == "right"


FILLER = st.text(st.sampled_from("abc xyz.,;:!?\n*()日本語"), max_size=40)
PIECES = ["<answer>", "</answer>", "<think>", "</think>", "5", ",", ".", "-", "−", "a", " ", "two", "twenty", "one"]
PIECES += ["hundred", "％", "５", "٣", "½", "ſ", "İ", "_", "%", "`", "\n"]


@given(FILLER, st.integers(0, 10**MAX_DIGITS - 1))
def test_the_last_number_counts(before: str, n: int) -> None:
    assert extract_count(f"{before} {n}") == n
    assert extract_count(f"{before} {n:,}") == n
    assert extract_count(f"7 {before} <answer>{n}</answer> 8") == n
    assert extract_count(f"<think>{before} 7</think>\n{n}.0") == n


@given(st.sampled_from(sorted(VALUES)), FILLER)
def test_words_and_digits_agree(word: str, before: str) -> None:
    assert extract_count(f"{before} {word.upper()}!") == VALUES[word] == extract_count(f"{before} {VALUES[word]}!")


@given(st.one_of(st.text(), st.lists(st.sampled_from(PIECES)).map("".join)), st.integers(-5, 30))
@settings(max_examples=400)
def test_any_text_has_a_bounded_count_and_reward(text: str, truth: int) -> None:
    count = extract_count(text)
    assert count is None or 0 <= count < 10**MAX_DIGITS
    reward = count_reward(text, truth)
    assert reward in (-1.0, 0.0, 1.0)
    assert (reward == -1) == (count is None)
    assert (reward == 1) == (count is not None and count == truth)


@pytest.mark.parametrize(
    "piece",
    [*PIECES, "1,", "1,111", "11.", ".5", "5 ", "5%", "a5", "twenty-", "twenty-one ", "hundred and five ", "<answer>5"],
)
def test_time_is_linear(piece: str) -> None:
    text = piece * (100_000 // len(piece))
    begin = time.process_time()
    extract_count(text)
    assert time.process_time() - begin < 2
