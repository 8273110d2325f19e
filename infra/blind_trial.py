"""`python -m infra.blind_trial DIR`: pages drawn here and pages of real PDFs, shuffled, for eyes that saw neither.

DIR then holds `pages/01.png` and so on, all of one height, and `key.json`, for nobody's eyes. The guesses go into
`DIR/guesses.json`, page to "drawn" or "real"; the same command then says how many were right. `--seed N` draws others;
`--debs DIR` is a folder with the Debian packages the real pages come from, which are fetched otherwise.
"""

from __future__ import annotations

import argparse
import io
import json
import random
from collections.abc import Sequence
from pathlib import Path

from PIL import Image
from scipy.stats import binomtest

from tasks.collect import collect
from tasks.config import CollectConfig
from tasks.evaluate.page_set import read_inputs, read_page_set
from tasks.evaluate.real.stage import RealPagesConfig, real_pages_stage
from tasks.render.document import render_document
from tasks.render_config import RenderConfig

EACH = {"en": 7, "ja": 3}  # pages of either kind
HEIGHT = 1400  # px
FEWEST_CHARACTERS = 500  # of a drawn page; the real ones hold sentences enough to be asked about


def drawn_pages(rng: random.Random) -> list[bytes]:
    """A full page of each of some documents of the embedded corpus, as the defaults draw it, clean."""
    config = RenderConfig(scan=RenderConfig().scan.model_copy(update={"share": 0.0}))
    documents, _ = collect(CollectConfig())
    images = []
    for language, count in EACH.items():
        chosen = [d for d in documents if d.language == language]
        rng.shuffle(chosen)
        found: list[bytes] = []
        while len(found) < count:
            pages = render_document(chosen.pop(), config).pages
            if full := [p.image for p in pages if not p.reject and len(p.markdown) >= FEWEST_CHARACTERS]:
                found.append(rng.choice(full))
        images += found
    return images


def real_pages(rng: random.Random, debs: str) -> list[bytes]:
    """A page of each of some families of real PDFs, none degraded as a scan."""
    page_set = real_pages_stage(RealPagesConfig(debs=debs))
    pages = [page for page in read_page_set(page_set) if page.source != "scan"]
    rng.shuffle(pages)
    wanted = set()
    for language, count in EACH.items():
        first = {page.family: page.page_id for page in pages if page.language == language}
        wanted |= set(sorted(first.values(), key=[page.page_id for page in pages].index)[:count])
    return [given.image for given in read_inputs(page_set) if given.page_id in wanted]


def lay_out(folder: Path, seed: int, debs: str) -> None:
    rng = random.Random(f"blind trial {seed}")
    pages = [("drawn", image) for image in drawn_pages(rng)] + [("real", image) for image in real_pages(rng, debs)]
    rng.shuffle(pages)
    (folder / "pages").mkdir(parents=True)
    for number, (_, image) in enumerate(pages, 1):
        opened = Image.open(io.BytesIO(image)).convert("RGB")
        size = (round(opened.width * HEIGHT / opened.height), HEIGHT)
        opened.resize(size, Image.Resampling.LANCZOS).save(folder / "pages" / f"{number:02}.png")
    key = {f"{number:02}": kind for number, (kind, _) in enumerate(pages, 1)}
    (folder / "key.json").write_text(json.dumps(key, indent=1))
    print(f"{len(pages)} pages in {folder}/pages; guesses go to {folder}/guesses.json")


def judge(folder: Path) -> None:
    key, guesses = (json.loads((folder / name).read_text()) for name in ("key.json", "guesses.json"))
    right = sum(guesses.get(page) == kind for page, kind in key.items())
    interval = binomtest(right, len(key)).proportion_ci(method="wilson")
    print(f"{right} of {len(key)} guesses right: {right / len(key):.2f} [{interval.low:.2f}, {interval.high:.2f}]")
    for page, kind in key.items():
        print(f"{page} {kind}, guessed {guesses.get(page)}")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--debs", default="")
    given = parser.parse_args(arguments)
    if (given.folder / "guesses.json").exists():
        judge(given.folder)
    else:
        lay_out(given.folder, given.seed, given.debs)


if __name__ == "__main__":
    main()
