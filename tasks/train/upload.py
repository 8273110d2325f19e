"""A trained adapter on the Hub, with a card that says what it was made from and how well it reads."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tasks.config import UploadConfig
from tasks.hub import REFERENCE, Repository, Uploaded, client, explained, hub_task, upload
from tasks.model.load import resolve
from tasks.records import StageRef
from tasks.store import Folder
from tasks.train.adapter import WEIGHTS

Figures = Sequence[Mapping[str, Any]]
"""Rows of a table, each column name -> what stands there."""

_BESIDE = ("checkpoint.json", "config.json", "families.json", "log.jsonl")  # at the top they would pass for a model's


def upload_adapter(config: UploadConfig, trained: StageRef, dataset: StageRef, figures: Figures) -> Uploaded:
    """Bring the repository `config.adapter` to what a finished training stage holds; see `tasks.hub.upload`."""
    stage = Folder(trained.uri)
    to = Repository("model", config.adapter, config.private, marker="adapter_config.json", folders=("recto/",))
    base = str(stage.read_json("checkpoint.json")["base"])
    with stage.on_disk() as folder:
        files: dict[str, Path | bytes] = {
            "adapter_config.json": _without_folder(folder / "adapter" / "adapter_config.json", base),
            WEIGHTS: folder / "adapter" / WEIGHTS,
            "README.md": adapter_card(config.adapter, stage, dataset, figures).encode(),
            **{f"recto/{name}": _without_folder(folder / name, base) for name in _BESIDE},
        }
        return upload(to, files, f"Adapter {trained.digest[:12]}")


def _without_folder(file: Path, base: str) -> bytes:
    """A JSON file in which a base that is a folder of this machine goes by the folder's name."""
    text = file.read_text()
    for place in {base, str(resolve(base))}:
        if Path(place).is_dir():
            text = text.replace(json.dumps(place), json.dumps(Path(place).name))
    return text.encode()


def adapter_card(name: str, stage: Folder, dataset: StageRef, figures: Figures) -> str:
    """README.md of an adapter. What lies in a folder of this machine is called by its digest alone."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    checkpoint, config = stage.read_json("checkpoint.json"), stage.read_json("config.json")
    base = checkpoint["base"]
    on_hub = not Path(resolve(base)).is_dir()
    published = REFERENCE.fullmatch(dataset.uri)
    environment = Environment(loader=FileSystemLoader(Path(__file__).parent), undefined=StrictUndefined)
    return environment.get_template("adapter_card.md.j2").render(
        name=name,
        base=base,
        base_on_hub=on_hub,
        base_said=base if on_hub else "recto's embedded reader" if base == "tiny" else "a model of its own",
        dataset=dataset.uri if published else "not on the Hub",
        dataset_name=published[1] if published else "",
        checkpoint=checkpoint,
        model=config["model"],
        lora=config["lora"],
        libraries=", ".join(f"{library} {v}" for library, v in sorted(checkpoint["versions"].items())),
        figures=figures,
        license=_license(base),
    )


def _license(base: str) -> str:
    """The licence that a base model's card names; empty where it names none."""
    from huggingface_hub import ModelCard

    where = Path(resolve(base))
    if not where.is_dir():
        with explained(base):
            card = client().model_info(base).card_data
    else:
        readme = where / "README.md"
        card = ModelCard.load(readme).data if readme.is_file() else None
    return str(card.get("license") or "") if card else ""


upload_to_hub = hub_task("upload-adapter", upload_adapter)
