"""Train the embedded reader from a fresh clone: `recto bootstrap`."""

from __future__ import annotations

import itertools
import json
import random
import shutil
from pathlib import Path
from typing import Any

from tasks.collect.sources.corpus import CORPUS
from tasks.config import load_config
from tasks.model import tiny
from tasks.model.generate import generate
from tasks.model.load import TINY
from tasks.train.bootstrap import train_reader
from tasks.train.bootstrap_data import Page, Recipe
from tasks.train.bootstrap_measure import character_error_rate, held_out_cards, held_out_pages
from tasks.train.bootstrap_pages import clone_documents, draw_pages, read_pages, write_pages
from tasks.train.bootstrap_text import Texts, corpus_texts, is_held_out, package_descriptions, read_texts

LONGEST = 220  # tokens of an answer while measuring


def clone_texts() -> Texts:
    """The text that a fresh clone holds: descriptions of the installed packages and the embedded English corpus."""
    return read_texts(itertools.chain(package_descriptions(), corpus_texts(CORPUS)))


def training_pages(path: Path, seed: int) -> list[Page]:
    """The pages in `path`; where there is no such file, the clone's training families are drawn into it."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_pages(draw_pages(clone_documents(), lambda family: not is_held_out(family), seed), path)
    return read_pages(path)


def measure(model: Any, processor: Any, recipe: Recipe, texts: Texts, pages: list[Page]) -> dict[str, Any]:
    """Character error rates on held-out cards of every height and on held-out rendered pages, greedy."""
    found: dict[str, Any] = {}
    sets = {f"cards {recipe.width}x{h}": held_out_cards(texts, 400, recipe.width, h, seed=1) for h in (32, 64, 96)}
    sets["rendered pages 256x96"] = held_out_pages(pages)
    for name, (images, wanted) in sets.items():
        answers = generate(model, processor, images, recipe.prompt, LONGEST)
        found[name] = character_error_rate([a.text for a in answers], wanted)._asdict()
        found[name]["clipped"] = sum(a.clipped for a in answers)
    return found


def bootstrap(recipe_file: Path | None, work: Path, out: Path, look_every: int = 250) -> None:
    """Train the reader phase by phase, measure it, and write it to `out`.

    `recipe_file` None is the embedded model's own recipe. `work` holds checkpoint, log and pages: the same call goes
    on from there. Every `look_every` steps the log gets the error on 64 held-out cards. Raises UsageError for a recipe
    that cannot be used.
    """
    recipe = load_config(recipe_file or TINY / "recipe.toml", Recipe)
    processor, texts = tiny.build_processor(), clone_texts()
    pages: list[Page] = []
    if any(phase.pages for phase in recipe.phases):
        pages = training_pages(work / "pages.parquet", recipe.seed)

    def look(entry: dict[str, Any], model: Any) -> None:
        if "text" in entry and entry["total"] % look_every == 0:
            height = next(p for p in recipe.phases if p.name == entry["phase"]).heights[0]
            images, wanted = held_out_cards(texts, 64, recipe.width, height)
            read = [a.text for a in generate(model, processor, images, recipe.prompt, LONGEST)]
            entry["card_error"] = round(character_error_rate(read, wanted).rate, 4)
        print(entry, flush=True)

    model = train_reader(recipe, processor, texts, work, pages, on_log=look)
    held_out = list(draw_pages(clone_documents(), is_held_out, recipe.seed))
    held_out = random.Random(recipe.seed).sample(held_out, min(1000, len(held_out)))
    found = measure(model, processor, recipe, texts, held_out)
    print(json.dumps(found, indent=1))
    tiny.save(model, processor, out)
    families = {d.family for d in clone_documents() if not is_held_out(d.family)}
    (out / "families.json").write_text(json.dumps(sorted(families), indent=1) + "\n")
    (out / "metrics.json").write_text(json.dumps(found, indent=1) + "\n")
    shutil.copy(work / "log.jsonl", out / "log.jsonl")
