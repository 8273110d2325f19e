"""Train the embedded reader from a fresh clone: `python -m tasks.train.bootstrap_command --help`."""

from __future__ import annotations

import argparse
import itertools
import json
import random
import shutil
import tomllib
from pathlib import Path
from typing import Any

import torch

from tasks.collect.corpus import CORPUS
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


def main() -> None:
    """Train phase by phase, going on from the checkpoint in --work; then measure, and write the model to --out."""
    parser = argparse.ArgumentParser(prog="bootstrap", description=main.__doc__)
    parser.add_argument("--recipe", type=Path, default=TINY / "recipe.toml")
    parser.add_argument("--work", type=Path, required=True, help="folder of the checkpoint, the log and the pages")
    parser.add_argument(
        "--pages", type=Path, help="parquet of training pages (image, markdown); default: drawn in --work"
    )
    parser.add_argument("--out", type=Path, help="folder that gets the trained model")
    parser.add_argument("--until", help="stop after the phase of this name, without measuring")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--look-every", type=int, default=250, help="steps between looks at 64 held-out cards")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    recipe = Recipe.model_validate(tomllib.loads(options.recipe.read_text()))
    if options.until:
        names = [phase.name for phase in recipe.phases]
        if options.until not in names:
            parser.error(f"--until {options.until}: no such phase; the recipe has {', '.join(names)}")
        recipe = recipe.model_copy(update={"phases": recipe.phases[: names.index(options.until) + 1]})
    processor, texts = tiny.build_processor(), clone_texts()
    pages: list[Page] = []
    if any(phase.pages for phase in recipe.phases):
        pages = training_pages(options.pages or options.work / "pages.parquet", recipe.seed)

    def look(entry: dict[str, Any], model: Any) -> None:
        if "text" in entry and entry["total"] % options.look_every == 0:
            height = next(p for p in recipe.phases if p.name == entry["phase"]).heights[0]
            images, wanted = held_out_cards(texts, 64, recipe.width, height)
            read = [a.text for a in generate(model, processor, images, recipe.prompt, LONGEST)]
            entry["card_error"] = round(character_error_rate(read, wanted).rate, 4)
        print(entry, flush=True)

    model = train_reader(recipe, processor, texts, options.work, pages, on_log=look)
    if options.until:
        return
    held_out = list(draw_pages(clone_documents(), is_held_out, recipe.seed))
    held_out = random.Random(recipe.seed).sample(held_out, min(1000, len(held_out)))
    found = measure(model, processor, recipe, texts, held_out)
    print(json.dumps(found, indent=1))
    if options.out:
        tiny.save(model, processor, options.out)
        (options.out / "metrics.json").write_text(json.dumps(found, indent=1) + "\n")
        shutil.copy(options.work / "log.jsonl", options.out / "log.jsonl")


if __name__ == "__main__":
    main()
