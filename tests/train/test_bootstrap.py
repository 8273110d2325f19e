from __future__ import annotations

import io
import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from tasks.markdown import visible_text
from tasks.model import tiny
from tasks.model.prompts import prompt_text
from tasks.records import Document, UsageError
from tasks.train.bootstrap import rate_at, train_reader
from tasks.train.bootstrap_card import draw_curve, model_card
from tasks.train.bootstrap_data import CLASSES, Examples, Page, Phase, Recipe, character_labels, patches
from tasks.train.bootstrap_measure import HeldOut, character_error_rate, held_out_cards, held_out_pages, page_kind
from tasks.train.bootstrap_pages import draw_pages, read_pages, suits, write_pages
from tasks.train.bootstrap_text import (
    CHARACTERS,
    Texts,
    blocks,
    corpus_texts,
    is_held_out,
    made_up_word,
    package_descriptions,
    read_texts,
)
from tasks.train.cards import Card, draw_card, escape

torch.set_num_threads(1)
README = """# Getting started

A paragraph of *real* words with `inline code`, **bold** ones and a [link](https://example.org/a_b),
which goes on for more than a line of any card.

- first item
- second item, long enough to be wrapped on a card of this width, surely
  - nested

3. third
4. fourth

```python
def reader(page):
    return "text"  # a long comment that does not fit on one line
```

| a | table |
|---|-------|
| is | left out |
"""


@pytest.fixture(scope="module")
def processor() -> Any:
    return tiny.build_processor()


@pytest.fixture(scope="module")
def texts() -> Texts:
    return Texts([blocks(README)], [blocks(README.replace("item", "point"))])


def test_blocks() -> None:
    found = [(b.kind, b.text, b.level, b.number) for b in blocks(README)]
    assert found[0] == ("heading", "Getting started", 1, None)
    assert found[2:7] == [
        ("item", "first item", 1, None),
        ("item", "second item, long enough to be wrapped on a card of this width, surely", 1, None),
        ("item", "nested", 2, None),
        ("item", "third", 1, 3),
        ("item", "fourth", 1, 4),
    ]
    assert found[7] == ("code", "def reader(page):", 1, None)
    assert [style for style, _ in blocks(README)[1].runs][3:9] == ["italic", "plain", "plain", "code", "code", "bold"]
    assert len(found) == 9


def test_held_out_families_and_their_copies_are_not_trained_on() -> None:
    shared = "The same sentence stands in both of them."
    documents = [(name, f"# {name}\n\nOnly in {name}.\n\n- x {name}\n\n{shared}\n") for name in ("one", "two", "three")]
    texts = read_texts(documents, held_out={"two"}.__contains__)
    assert len(texts.train) == 2
    (held,) = texts.held_out
    assert [b.text for b in held] == ["two", "Only in two.", "x two"]
    assert 0.2 < sum(is_held_out(f"package-{i}") for i in range(1000)) / 1000 < 0.3


def test_installed_packages_describe_themselves() -> None:
    found = dict(package_descriptions())
    assert len(found) > 30
    assert "transformers" in found


@pytest.mark.parametrize("height", [32, 64, 96])
def test_a_cards_target_is_what_it_shows(texts: Texts, height: int) -> None:
    """Its Markdown's visible text has exactly the characters that were drawn, in order, one block a line."""
    for seed in range(60):
        card = draw_card(random.Random(seed), texts.train, 256, height)
        assert card.image.shape == (height, 256)
        assert card.image.dtype == np.uint8
        text = visible_text(card.markdown)
        assert "".join(text.split()) == "".join(c for c, _, _ in card.characters)
        assert all(0 <= x <= 256 and 0 <= y <= height for _, x, y in card.characters)
        parts = [part for part in card.markdown.replace("\n\n", "\n").split("\n") if part != "```"]
        assert len(text.split("\n")) == len(parts)


def test_a_card_is_drawn_from_its_seed(texts: Texts) -> None:
    a, b = (draw_card(random.Random(5), texts.train) for _ in range(2))
    assert (a.markdown, a.characters) == (b.markdown, b.characters)
    assert np.array_equal(a.image, b.image)


def test_escaped_text_shows_itself() -> None:
    rng = random.Random(0)
    for _ in range(500):
        words = " ".join(made_up_word(rng) for _ in range(3))
        assert visible_text(escape(words)) == words
        assert CHARACTERS.issuperset(words.replace(" ", ""))


def test_pixels_and_ids_are_the_processors(processor: Any, texts: Texts) -> None:
    recipe = Recipe(phases=(Phase(name="x", steps=4, heights=(64,), pixels=256 * 64 * 3),))
    examples = Examples(recipe, processor, texts, ())
    batch = examples.batch(recipe.phases[0], 1)
    cards = [draw_card(random.Random(i), texts.train, 256, 64) for i in range(3)]
    images = [Image.fromarray(card.image).convert("RGB") for card in cards]
    text = prompt_text(processor, recipe.prompt)
    wanted = processor(images=[[i] for i in images], text=[text] * 3, return_tensors="pt")
    assert torch.allclose(patches(np.stack([card.image for card in cards])), wanted["pixel_values"], atol=1e-6)
    assert torch.equal(patches(np.stack([np.asarray(i) for i in images])), patches(np.stack([c.image for c in cards])))
    length = wanted["input_ids"].shape[1]
    for name in ("input_ids", "mm_token_type_ids"):
        assert torch.equal(batch[name][:, :length], wanted[name]), name
    assert torch.equal(batch["image_grid_thw"], wanted["image_grid_thw"])
    assert torch.equal(batch["input_ids"][:, length:], batch["labels"].where(batch["labels"] >= 0, torch.tensor(0)))


def test_character_labels() -> None:
    card = Card(np.zeros((32, 32), np.uint8), "", [("a", 3, 3), ("b", 9, 4), ("c", 17, 3), ("d", 31.9, 40)])
    labels = character_labels([card])
    assert labels.shape == (1, 4, 4)
    a, b, c, d = (CLASSES[x] for x in "abcd")
    assert labels[0].tolist() == [[a, b, 0, 0], [c, 0, 0, 0], [0] * 4, [d, 0, 0, 0]]


def test_rate() -> None:
    phase = Phase(name="x", steps=10, heights=(32,), pixels=1, learning_rate=1.0, final_rate=0.0, warmup=2)
    assert [round(rate_at(phase, step), 2) for step in (0, 1, 5, 9)] == [0.5, 0.9, 0.5, 0.1]


def pages() -> list[Page]:
    out = []
    for i in range(3):
        png = io.BytesIO()
        Image.new("RGB", (256, 32), (250, 10 * i, 250)).save(png, "PNG")
        out.append((png.getvalue(), f"# Page {i}"))
    return out


def test_a_killed_run_goes_on_as_if_nothing_had_happened(tmp_path: Path, processor: Any, texts: Texts) -> None:
    one = {"heights": (32,), "pixels": 256 * 32 * 2, "learning_rate": 1e-3, "final_rate": 1e-3}
    phases = (
        Phase(name="vision", steps=3, language=False, **one),
        Phase(name="joint", steps=4, **one),
        Phase(name="pages", steps=3, pages=0.7, **one),
    )
    recipe = Recipe(phases=phases, save_every=2, log_every=1)

    def kill_at(step: int) -> Any:
        def on_log(entry: dict[str, Any], model: Any) -> None:
            if entry["total"] == step:
                raise KeyboardInterrupt

        return on_log

    whole = train_reader(recipe, processor, texts, tmp_path / "whole", pages())
    for step in (2, 6, 9):
        with pytest.raises(KeyboardInterrupt):
            train_reader(recipe, processor, texts, tmp_path / "killed", pages(), on_log=kill_at(step))
    resumed = train_reader(recipe, processor, texts, tmp_path / "killed", pages())
    for (name, a), (_, b) in zip(whole.state_dict().items(), resumed.state_dict().items(), strict=True):
        assert torch.equal(a, b), name

    def log(folder: str) -> list[dict[str, Any]]:
        lines = [json.loads(line) for line in (tmp_path / folder / "log.jsonl").read_text().splitlines()]
        return [{k: v for k, v in line.items() if k != "cpu_seconds"} for line in lines]

    assert log("killed") == log("whole")
    assert [entry["total"] for entry in log("whole")] == list(range(1, 11))


def test_it_learns(tmp_path: Path, processor: Any) -> None:
    texts = Texts([blocks("# aaaa\n\n# bbbb\n\n# aabb\n")], [])
    phase = Phase(name="x", steps=24, heights=(32,), pixels=256 * 32 * 4, learning_rate=4e-3, final_rate=4e-3, warmup=4)
    train_reader(Recipe(phases=(phase,), log_every=8), processor, texts, tmp_path)
    losses = [json.loads(line)["text"] for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert losses[-1] < 0.7 * losses[0]


def test_error_rate_counts_characters(texts: Texts) -> None:
    assert character_error_rate(["abcd", ""], ["abcd", "abcd"])[0] == 0.5
    found = character_error_rate(["abcd", "ab", "xyz"] * 20, ["abcd", "abcd", "xy"] * 20)
    assert found.rate == 3 / 10
    assert found.low < found.rate < found.high
    assert found.n == 60
    wide = character_error_rate(["abcd", "ab"] * 20, ["abcd", "abcd"] * 20, ["right", "wrong"] * 20)
    assert (wide.low, wide.rate, wide.high) == (0, 0.25, 0.5), "families are drawn, not their pages"
    images, wanted = held_out_cards(texts, 3, 256, 64)
    assert [image.size for image in images] == [(256, 64)] * 3
    assert all(wanted)


def test_pages_are_drawn_for_the_wanted_families(tmp_path: Path) -> None:
    documents = [
        Document(name, README.replace("Getting", name), "en", "test", "", "", "MIT", "", name)
        for name in ("One", "Two")
    ]
    drawn = list(draw_pages(documents, {"One"}.__contains__))
    assert len(drawn) >= 4
    assert drawn[0][1].startswith("# One started")
    assert "left out" not in "".join(markdown for _, markdown in drawn)
    assert write_pages(drawn, tmp_path / "pages.parquet") == len(drawn)
    assert read_pages(tmp_path / "pages.parquet") == drawn
    images, wanted = held_out_pages([HeldOut(*page, "One") for page in drawn])
    assert {image.size for image in images} == {(256, 96)}
    assert wanted[0].startswith("One started\n")


def test_pages_that_the_reader_cannot_be_asked_for() -> None:
    assert suits("# Title\n\nSome words.")
    assert not suits("日本語 is beyond it, and so on")
    assert not suits("| a | b |\n|---|---|\n| c | d |")
    assert not suits("x " * 300)
    assert not suits("a")


def test_share_alike_text_is_left_out(tmp_path: Path) -> None:
    packages = [
        {"family": name, "license": license, "files": [{"path": f"{name}.{language}.md", "language": language}]}
        for name, license, language in (("a", "MIT", "en"), ("b", "CC-BY-SA-3.0", "en"), ("c", "MIT", "ja"))
    ]
    (tmp_path / "index.json").write_text(json.dumps({"packages": packages}))
    (tmp_path / "a.en.md").write_text("text")
    assert list(corpus_texts(tmp_path)) == [("a", "text")]


def test_page_kinds() -> None:
    assert page_kind("Words.") == "prose"
    assert page_kind("# Title\n\nWords.") == "heading"
    assert page_kind("# Title\n\n- item") == "list"
    assert page_kind("- item\n\n      code") == "code"


def test_a_batch_of_pages_has_one_height_and_every_height_is_there(processor: Any, texts: Texts) -> None:
    phase = Phase(name="x", steps=8, heights=(32,), pixels=256 * 64, pages=1.0)
    examples = Examples(Recipe(phases=(phase,)), processor, texts, pages())
    assert examples.batch(phase, 3)["image_grid_thw"].tolist() == [[1, 4, 32]] * 2
    other = phase.model_copy(update={"heights": (32, 48)})
    with pytest.raises(UsageError, match=r"no rendered pages of height \[48\]"):
        Examples(Recipe(phases=(other,)), processor, texts, pages())


def test_the_card_says_what_was_measured(tmp_path: Path) -> None:
    entries = [
        {"phase": "J", "total": 50 * i, "text": 1 / i, "card_error": 0.5 / i, "cpu_seconds": 60} for i in (1, 2, 3)
    ]
    row = {"rate": 0.0312, "low": 0.02, "high": 0.04, "n": 500, "clipped": 3}
    card = model_card(entries, {"single lines": row}, [32, 96])
    assert "| single lines | 500 | 3.1 % | 2.0 to 4.0 % | 3 |" in card
    assert "256 px wide, 32, 96 px high" in card
    assert "150 steps took 3 CPU-minutes" in card
    draw_curve(entries, tmp_path / "curve.png")
    with Image.open(tmp_path / "curve.png") as image:
        assert image.size == (640, 400)
