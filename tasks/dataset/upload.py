"""A published dataset on the Hub."""

from __future__ import annotations

import json
import re
from pathlib import Path

from tasks.config import UploadConfig
from tasks.dataset.licences import check_licences
from tasks.dataset.reading import dataset_folder
from tasks.dataset.split import LEDGER_FILE, keep_ledger, read_ledger
from tasks.hub import Repository, Uploaded, explained, hub_task, resolve, upload
from tasks.records import DatasetRef, StageError, UsageError
from tasks.store import MANIFEST, Folder, finished

_COUNTS = ("train", "test", "documents")  # those that the content decides, not what a run had left to do
# whatever else lies in the folder stays here
_OURS = re.compile(r"(data|samples|pdf)/[^/]+|(documents|ledger)\.parquet|rejects\.jsonl|split\.json|README\.md")
_FOLDER = "path/to/this/folder"  # the dataset on its card


def upload_dataset(config: UploadConfig, dataset: DatasetRef) -> Uploaded:
    """Bring the repository `config.dataset` to what the folder of a published dataset holds; see `tasks.hub.upload`.

    Raises StageError, and sends nothing, where the licence of one of the documents forbids it, and where a family would
    leave the split in which an earlier version has it.
    """
    out, name = Folder(dataset.uri), config.dataset
    if (manifest := finished(out)) is None:
        raise UsageError(f"{dataset.uri}: no published dataset")
    check_licences(out)
    _check_ledger(config, out)
    counts = {key: manifest["counts"][key] for key in _COUNTS}
    kept = {"content": manifest["content"], "counts": counts, "shards": manifest["shards"]}
    card = out.read("README.md").decode()
    card = card.replace(f"--dataset {_FOLDER}", f"--dataset {name}@main").replace(_FOLDER, name)
    to = Repository("dataset", name, config.private, marker=LEDGER_FILE, folders=("data/", "pdf/", "samples/"))
    with out.on_disk() as folder:
        files: dict[str, Path | bytes] = {file: folder / file for file in out.names() if _OURS.fullmatch(file)}
        files |= {"README.md": card.encode(), MANIFEST: json.dumps(kept, indent=1, sort_keys=True).encode()}
        return upload(to, files, f"{counts['train']} train and {counts['test']} test pages")


def ledger_on_hub(config: UploadConfig) -> str:
    """Digest of the ledger from which a build goes on that has no dataset of its own yet; "" where there is none."""
    return keep_ledger(_ledger(config))


def _ledger(config: UploadConfig) -> list[dict[str, str]]:
    """Rows of the ledger that the repository holds now."""
    try:
        there = dataset_folder(f"{config.dataset}@{resolve(config.dataset, 'main')}")
        with explained(config.dataset):
            rows: list[dict[str, str]] = there.read_table(LEDGER_FILE).to_pylist()
            return rows
    except (UsageError, FileNotFoundError):
        return []


def _check_ledger(config: UploadConfig, out: Folder) -> None:
    here = {row["family"]: row["split"] for row in read_ledger(out)}
    moved = [row["family"] for row in _ledger(config) if here.get(row["family"]) != row["split"]]
    if moved:
        raise StageError(
            f"{config.dataset}: {len(moved)} families of its ledger, such as {moved[0]}, are not where {out.uri} has"
            " them; build into an empty folder, which goes on from the Hub's ledger, or choose another name"
        )


upload_to_hub = hub_task("upload-dataset", upload_dataset)
ledger_from_hub = hub_task("ledger-from-hub", ledger_on_hub)
