"""The counting study's control: what a model not trained to count answers under every prompt, in every domain."""

from __future__ import annotations

import logging
from functools import lru_cache
from hashlib import sha256
from importlib.metadata import version
from itertools import product
from pathlib import Path
from typing import Any

import pyarrow as pa

from tasks.counting.config import CountingConfig
from tasks.counting.prompts import PROMPTS, PromptName
from tasks.counting.scenes import Domain, draw_scene
from tasks.counting.table import LEVEL, measure
from tasks.model.generate import generate
from tasks.model.load import load_model, load_processor, resolve
from tasks.records import digest
from tasks.stage import Counts, Stage
from tasks.store import Folder

log = logging.getLogger(__name__)

ANSWERS = pa.schema(
    [
        ("prompt", pa.string()),
        ("domain", pa.string()),
        ("index", pa.int32()),
        ("truth", pa.int32()),
        ("text", pa.string()),
        ("clipped", pa.bool_()),
        ("count", pa.int64()),
        ("reward", pa.float64()),
    ]
)


def _counting(folder: Folder, config: CountingConfig) -> Counts:
    """Greedy answers of the model as it is loaded, and their table.

    Each prompt and domain is a file under `parts/`, so that a run which was stopped goes on with the next.
    """
    cells = list(product(config.prompts, config.domains))
    missing = [cell for cell in cells if not folder.exists(_part(*cell))]
    if missing:
        model, processor = load_model(config.base, config.dtype), load_processor(config.base)
        for prompt, domain in missing:
            rows = _ask(model, processor, config, prompt, domain)
            folder.write_table(_part(prompt, domain), pa.Table.from_pylist(rows, ANSWERS), compression="zstd")
            log.info("counting: %s, %s: %d answers", prompt, domain, len(rows))
    parts = {cell: folder.read_table(_part(*cell)) for cell in cells}
    rows = [
        {"prompt": prompt, "domain": domain, **measure(part.to_pylist(), config.resamples, config.seed)}
        for (prompt, domain), part in parts.items()
    ]
    folder.write_table("answers.parquet", pa.concat_tables(parts.values()), compression="zstd")
    policy = {"base": config.base, "policy": "untrained", "decoding": "greedy"}
    resampled = {"resampled": "images", "resamples": config.resamples, "seed": config.seed, "level": LEVEL}
    folder.write_json("table.json", {**policy, **resampled, "rows": rows})
    accuracy = {f"accuracy {row['prompt']} {row['domain']}": row["accuracy"]["value"] for row in rows}
    return {"images": config.images * len(config.domains), "answers": config.images * len(cells), **accuracy}


def _part(prompt: PromptName, domain: Domain) -> str:
    return f"parts/{prompt}-{domain}.parquet"


def _ask(
    model: Any, processor: Any, config: CountingConfig, prompt: PromptName, domain: Domain
) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for first in range(0, config.images, config.batch):
        indexes = range(first, min(first + config.batch, config.images))
        scenes = [draw_scene(config.seed, i, domain, config.size, config.counts) for i in indexes]
        images = [scene.image for scene in scenes]
        answers = generate(model, processor, images, PROMPTS[prompt].text, config.max_new_tokens, config.batch)
        rows += [
            {
                "prompt": prompt,
                "domain": domain,
                "index": index,
                "truth": scene.count,
                "text": answer.text,
                "clipped": answer.clipped,
                "count": PROMPTS[prompt].read(answer.text),
                "reward": PROMPTS[prompt].judge(answer.text, scene.count).reward,
            }
            for index, scene, answer in zip(indexes, scenes, answers, strict=True)
        ]
    return rows


def read_rows(folder: Folder) -> list[dict[str, Any]]:
    """The rows of a finished study's table, in the order of its prompts and domains."""
    rows: list[dict[str, Any]] = folder.read_json("table.json")["rows"]
    return rows


def _environment(config: CountingConfig) -> str:
    """What else decides the answers: the model's files, the prompts, and the libraries that draw and compute."""
    name = resolve(config.base)
    files = sorted(p for p in Path(name).rglob("*") if p.is_file()) if Path(name).is_dir() else []
    model = [f"{p.relative_to(name)} {_file_digest(p, p.stat().st_size, p.stat().st_mtime_ns)}" for p in files]
    libraries = [f"{name} {version(name)}" for name in ("torch", "transformers", "pillow")]
    return digest(*model, *libraries, *(PROMPTS[prompt].text for prompt in config.prompts))


@lru_cache(maxsize=256)
def _file_digest(path: Path, size: int, modified: int) -> str:
    """Digest of a file's content; size and time of change only decide whether it is read again."""
    hashed = sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            hashed.update(block)
    return hashed.hexdigest()


counting_stage = Stage("counting", 3, _counting, _environment)
counting = counting_stage.task()
