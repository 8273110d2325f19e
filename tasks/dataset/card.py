"""The dataset card, from what was measured, with sample pages beside it."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from tasks.config import PublishConfig
from tasks.dataset.shards import dataset_features
from tasks.features import FEATURES
from tasks.records import StageRef, digest
from tasks.render.cache import cached
from tasks.store import Folder, finished

_TEMPLATE = Path(__file__).parent / "card.md.j2"
_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
_SAMPLES = 4
_THUMBNAIL = 420  # px wide
_STRATA = 24  # rows of the table of quotas, the largest first

Said = Mapping[str, Mapping[str, str]]


def card_digest() -> str:
    """Of what the card says whatever the dataset."""
    return digest(_TEMPLATE.read_bytes())


def funnel(collected: StageRef, rendered: StageRef, rejects: Sequence[Mapping[str, Any]]) -> list[tuple[str, int]]:
    """What came in, what was dropped for which reason, and what is left, in order."""
    dropped = Counter((r["stage"], r["reason"]) for r in rejects if r["reason"] != "cut")
    rows: list[tuple[str, int]] = [("files found", int(collected.counts["found"]))]
    rows += [(f"file rejected: {reason}", n) for (stage, reason), n in sorted(dropped.items()) if stage == "collect"]
    rows += [("documents", int(collected.counts["documents"]))]
    rows += [("documents cut at the length limit", int(collected.counts["cut"]))]
    rows += [("pages rendered", int(rendered.counts["pages"]))]
    rows += [(f"rejected: {reason}", n) for (stage, reason), n in sorted(dropped.items()) if stage != "collect"]
    return rows


def write_card(
    folder: Folder,
    config: PublishConfig,
    said: Said,
    assignment: pa.Table,
    collected: StageRef,
    rendered: StageRef,
    split: StageRef,
    rejects: Sequence[Mapping[str, Any]],
) -> str:
    """Write README.md and samples/ of the dataset, and return the text. `said`: of each document, without its text."""
    pages = Counter(assignment["doc_id"].to_pylist())
    by_language, by_source = Counter[str](), Counter[tuple[str, str]]()
    for doc_id, n in pages.items():
        by_language[said[doc_id]["language"]] += n
        by_source[said[doc_id]["source"], said[doc_id]["license"]] += n
    documents_by_source = Counter((said[d]["source"], said[d]["license"]) for d in pages)
    found = Counter(pc.list_flatten(assignment["features"]).to_pylist())
    index = Folder(rendered.uri).read_table("pages.parquet", ["agreement", "reject"])
    agreements = index.filter(pc.is_null(index["reject"]))["agreement"]
    proof = Folder(split.uri).read_json("split.json")
    text = (
        Environment(loader=FileSystemLoader(_TEMPLATE.parent), undefined=StrictUndefined, trim_blocks=True)
        .get_template(_TEMPLATE.name)
        .render(
            header=_header(config, by_language, split.counts),
            name=config.name,
            documents=len(pages),
            languages=[
                {"name": name, "pages": n, "documents": sum(said[d]["language"] == name for d in pages)}
                for name, n in by_language.most_common()
            ],
            features=[(f, found[f]) for f in FEATURES if found[f]],
            split=split.counts,
            proof=proof,
            strata=sorted(proof["strata"], key=lambda s: (-s["pages"], s["stratum"]))[:_STRATA],
            measured=rendered.counts,
            agreeing=float(pc.mean(pc.greater_equal(agreements, 0.98)).as_py() or 0),
            funnel=[
                *funnel(collected, rendered, rejects),
                ("pages published", int(split.counts["train"]) + int(split.counts["test"])),
            ],
            sources=[
                {"source": s, "license": license, "documents": documents_by_source[s, license], "pages": n}
                for (s, license), n in sorted(by_source.items())
            ],
            samples=_write_samples(folder, said, assignment),
            look=(finished(Folder(rendered.uri)) or {}).get("config", {}),
        )
    )
    folder.write("README.md", text.encode())
    return text


def _header(config: PublishConfig, languages: Counter[str], counts: Mapping[str, Any]) -> str:
    """The card's YAML: what the Hub searches by, and the configuration, features and splits that its viewer reads."""
    from huggingface_hub import DatasetCardData

    sides = [side for side in ("train", "test") if counts[side]]
    files = [{"split": side, "path": f"data/{side}-*.parquet"} for side in sides]
    splits = [{"name": side, "num_examples": int(counts[side])} for side in sides]
    total = languages.total()
    return DatasetCardData(
        pretty_name=config.name,
        language=sorted(languages),
        license="other",
        task_categories=["image-to-text"],
        tags=["document-ai", "ocr", "markdown", "synthetic"],
        size_categories=[next((label for limit, label in _SIZES if total < limit), "n>1M")],
        configs=[{"config_name": "default", "data_files": files}] if sides else None,
        dataset_info={"features": dataset_features()._to_yaml_list(), "splits": splits} if sides else None,
    ).to_yaml()


def _write_samples(folder: Folder, said: Said, assignment: pa.Table) -> list[dict[str, Any]]:
    """Thumbnails of a few pages that hold much, each of another family, the languages in turn."""
    rows = assignment.append_column("held", pc.list_value_length(assignment["features"]))
    most = rows.filter(pc.greater_equal(rows["held"], (pc.max(rows["held"]).as_py() or 0) - 1))
    names = sorted(zip(most["doc_id"].to_pylist(), most["page_num"].to_pylist(), most["file"].to_pylist(), strict=True),
                   key=lambda name: digest("sample", name[0], str(name[1])))  # fmt: skip
    turns: Counter[str] = Counter()
    families: set[str] = set()
    ranked = []
    for doc_id, page_num, file in names:
        language, family = said[doc_id]["language"], said[doc_id]["family"]
        if family not in families:
            families.add(family)
            ranked.append((turns[language], language, doc_id, page_num, file))
            turns[language] += 1
    samples = []
    for _, language, doc_id, page_num, file in sorted(ranked)[:_SAMPLES]:
        page = next(p for p in cached(file).read(doc_id) if p.page_num == page_num)
        name = f"samples/{doc_id}-{page_num:04d}.jpg"
        folder.write(name, _thumbnail(page.image))
        samples.append({"name": name, "language": language, "label": page.markdown.rstrip("\n")})
    return samples


def _thumbnail(image: bytes) -> bytes:
    from PIL import Image

    page = Image.open(io.BytesIO(image)).convert("RGB")
    page.thumbnail((_THUMBNAIL, 4 * _THUMBNAIL))
    packed = io.BytesIO()
    page.save(packed, "JPEG", quality=85)
    return packed.getvalue()
