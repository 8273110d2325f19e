"""Train the embedded reader from a fresh clone: `recto bootstrap`."""

from __future__ import annotations

import itertools
import json
import random
import shutil
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from tasks.collect.sources.corpus import CORPUS
from tasks.config import load_config
from tasks.markdown import visible_text
from tasks.model import tiny
from tasks.model.generate import generate
from tasks.model.load import FAMILIES, TINY, load_model, load_processor
from tasks.records import Document
from tasks.train.bootstrap import train_reader
from tasks.train.bootstrap_card import draw_curve, model_card
from tasks.train.bootstrap_data import DEMO_DRAWING, Drawing, Page, Recipe
from tasks.train.bootstrap_measure import HeldOut, character_error_rate, held_out_cards, held_out_pages, page_kind
from tasks.train.bootstrap_pages import clone_documents, draw_pages, read_pages, suits, write_pages
from tasks.train.bootstrap_text import Texts, corpus_texts, is_held_out, package_descriptions, read_texts

LONGEST = 220  # tokens of an answer while measuring
PER_SET = 1000
BEGINNING = 600  # characters of a document from which single lines and cards are drawn, so that many documents are
RECIPE, LOG = "recipe.toml", "log.jsonl"
SINGLE, CARDS = "rendered single lines", "rendered cards of up to 5 lines"


def clone_texts() -> Texts:
    """The text that a fresh clone holds: descriptions of the installed packages and the embedded English corpus."""
    return read_texts(itertools.chain(package_descriptions(), corpus_texts(CORPUS)))


def training_pages(folder: Path, recipe: Recipe) -> list[Page]:
    """The training families' pages, a file in `folder` for each drawing and seed; a file that is there is kept."""
    folder.mkdir(parents=True, exist_ok=True)
    pages: list[Page] = []
    for drawing in recipe.drawings:
        for seed in range(recipe.seed, recipe.seed + drawing.seeds):
            path = folder / f"{drawing.height}-{drawing.max_chars}-{seed}.parquet"
            if not path.exists():
                part = path.with_suffix(".part")
                drawn = draw_pages(clone_documents(), lambda family: not is_held_out(family), seed, drawing)
                print(f"{path.name}: {write_pages(drawn, part)} pages, {time.process_time():.0f} CPU s", flush=True)
                part.replace(path)
            pages += read_pages(path)
    return pages


def held_out_sets(recipe: Recipe) -> dict[str, list[HeldOut]]:
    """Rendered pages of families that are not trained on, by set, at most `PER_SET` a set.

    `single lines` are pages 32 px high, the cards those of 64 to 112 px, a third of each height. Japanese pages
    count whatever characters they hold.
    """
    english, japanese = clone_documents(), clone_documents(language="ja")

    def some(pages: list[HeldOut], count: int) -> list[HeldOut]:
        return random.Random(recipe.seed).sample(pages, min(count, len(pages)))

    def drawn(documents: Iterable[Document], drawing: Drawing, fits: Callable[[str], bool]) -> list[HeldOut]:
        return [
            HeldOut(image, markdown, document.family)
            for document in documents
            for image, markdown in draw_pages([document], is_held_out, recipe.seed, drawing, fits)
        ]

    def of(height: int, max_chars: int = BEGINNING) -> list[HeldOut]:
        return drawn(english, Drawing(height=height, max_chars=max_chars), suits)

    def short(markdown: str) -> bool:
        return 4 <= len(visible_text(markdown)) <= 70

    cards = [page for height in (64, 96, 112) for page in some(of(height), PER_SET // 3)]
    return {
        "rendered pages 256x96": some(of(96, 6000), PER_SET),
        SINGLE: some([page for page in of(32) if "\n" not in visible_text(page.markdown)], PER_SET),
        CARDS: [page for page in cards if visible_text(page.markdown).count("\n") < 5],
        "Japanese pages 256x96": some(drawn(japanese, DEMO_DRAWING, short), PER_SET // 5),
    }


def measure(
    model: Any, processor: Any, recipe: Recipe, texts: Texts, pages: dict[str, list[HeldOut]]
) -> dict[str, dict[str, Any]]:
    """Character error rates, greedy, on held-out cards of every height and on sets of pages; two of them by kind."""
    found: dict[str, dict[str, Any]] = {}

    def score(name: str, images: Sequence[Any], wanted: Sequence[str], pages: Sequence[HeldOut] = ()) -> None:
        answers = generate(model, processor, images, recipe.prompt, LONGEST)
        groups: dict[str, list[int]] = defaultdict(list)
        for i in range(len(wanted)):
            groups[name].append(i)
            if name in (SINGLE, CARDS):
                groups[f"{name}: {page_kind(pages[i].markdown)}"].append(i)
        for group, chosen in sorted(groups.items()):
            families = [pages[i].family for i in chosen] if pages else []
            rate = character_error_rate([answers[i].text for i in chosen], [wanted[i] for i in chosen], families)
            clipped = [i for i in chosen if answers[i].clipped]
            found[group] = rate._asdict() | {"clipped": len(clipped)}

    for height in (32, 64, 96):
        score(f"cards {recipe.width}x{height}", *held_out_cards(texts, 400, recipe.width, height, seed=1))
    for name, drawn in pages.items():
        score(name, *held_out_pages(drawn), drawn)
    return found


def bootstrap(recipe_file: Path | None, work: Path, out: Path, look_every: int = 250) -> None:
    """Train the reader phase by phase, write it to `out` with its recipe and log, and measure it.

    `recipe_file` None is the embedded model's own recipe. `work` holds checkpoint, log and pages: the same call goes
    on from there. Every `look_every` steps the log gets the error on 64 held-out cards. Raises UsageError for a recipe
    that cannot be used.
    """
    recipe_file = recipe_file or TINY / RECIPE
    recipe = load_config(recipe_file, Recipe)
    text = recipe_file.read_text()
    processor, texts = tiny.build_processor(), clone_texts()
    pages: list[Page] = []
    if any(phase.pages for phase in recipe.phases):
        pages = training_pages(work / "pages", recipe)

    def look(entry: dict[str, Any], model: Any) -> None:
        if "text" in entry and entry["total"] % look_every == 0:
            height = next(p for p in recipe.phases if p.name == entry["phase"]).heights[0]
            images, wanted = held_out_cards(texts, 64, recipe.width, height)
            read = [a.text for a in generate(model, processor, images, recipe.prompt, LONGEST)]
            entry["card_error"] = round(character_error_rate(read, wanted).rate, 4)
        print(entry, flush=True)

    model = train_reader(recipe, processor, texts, work, pages, on_log=look)
    tiny.save(model, processor, out)
    families = {d.family for d in clone_documents() if not is_held_out(d.family)}
    (out / FAMILIES).write_text(json.dumps(sorted(families), indent=1) + "\n")
    (out / RECIPE).write_text(text)
    shutil.copy(work / LOG, out / LOG)
    measure_reader(out)


def measure_reader(folder: Path) -> None:
    """Measure the reader that `bootstrap` wrote to a folder, and write its figures, curve and card beside it.

    Raises UsageError for a folder that holds none.
    """
    model, processor = load_model(str(folder), "bfloat16"), load_processor(str(folder))
    recipe = load_config(folder / RECIPE, Recipe)
    found = measure(model, processor, recipe, clone_texts(), held_out_sets(recipe))
    print(json.dumps(found, indent=1))
    (folder / "metrics.json").write_text(json.dumps(found, indent=1) + "\n")
    entries = [json.loads(line) for line in (folder / LOG).read_text().splitlines()]
    draw_curve(entries, folder / "curve.png")
    heights = {height for phase in recipe.phases for height in phase.heights}
    (folder / "README.md").write_text(model_card(entries, found, sorted(heights)))
