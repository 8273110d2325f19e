from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from tasks.config import (
    Checkpoint,
    EvaluateConfig,
    HeldOutRun,
    LoraConfig,
    ModelConfig,
    Ocr,
    ReadRun,
    RunConfig,
    ScoreRun,
)
from tasks.evaluate import read as reading
from tasks.evaluate.held_out import held_out_families, held_out_stage, spread
from tasks.evaluate.page_set import PageInput, read_inputs, read_page_set
from tasks.evaluate.read import Adapter, adapter_at, read_stage, reads_of, seen_families
from tasks.evaluate.stage import evaluate_stage
from tasks.evaluate.systems import Reading, checkpoint
from tasks.model.generate import Answer
from tasks.model.load import load_model
from tasks.records import StageError, StageRef, UsageError
from tasks.store import Folder, finish
from tasks.train.adapter import add_adapter, save_adapter
from tasks.train.pages import DatasetPage

PROMPT = "Convert to Markdown."


def run_of(model: str, **evaluate: Any) -> RunConfig:
    return RunConfig(
        model=ModelConfig(base=model, max_new_tokens=8, prompt=PROMPT), evaluate=EvaluateConfig(batch=4, **evaluate)
    )


@pytest.fixture
def pages(store: Path, dataset: StageRef) -> StageRef:
    return held_out_stage(HeldOutRun(pages=6), dataset)


@pytest.fixture
def adapters(tmp_path: Path, base: str) -> list[StageRef]:
    """Two adapters that change what the model says."""
    return [trained(tmp_path, base, name, seed) for seed, name in enumerate(("sft", "grpo"))]


def trained(tmp_path: Path, base: str, name: str, seed: int) -> StageRef:
    model = add_adapter(load_model(base), LoraConfig(r=2), seed)
    for key, weights in model.named_parameters():
        if "lora_B" in key:
            torch.nn.init.normal_(weights, std=1 + seed)
    folder = tmp_path / name / f"key{seed}"
    save_adapter(model, base, folder / "adapter")
    config = {"model": {"base": base, "prompt": PROMPT, "max_new_tokens": 99}, name: {"seed": seed}}
    return finish(Folder(str(folder)), f"{name}{seed}", {}, stage=name, config=config)


def read_all(run: RunConfig, pages: StageRef, adapters: Sequence[StageRef] = ()) -> list[StageRef]:
    return [
        read_stage(asked, pages, *([ref] if ref else []))
        for asked, ref in reads_of(run, [Adapter(ref) for ref in adapters])
    ]


def answers(read: StageRef) -> list[str]:
    return [str(text) for text in Folder(read.uri).read_table("answers.parquet")["text"].to_pylist()]


def test_the_held_out_pages_are_spread_over_families_and_whole(pages: StageRef, dataset: StageRef) -> None:
    chosen = read_page_set(pages)
    assert pages.counts["pages"] == len(chosen) == 6
    assert pages.counts["suited pages"] == 12
    assert len({page.family for page in chosen}) == 4
    assert all(page.label for page in chosen)
    inputs = list(read_inputs(pages))
    assert [given.page_id for given in inputs] == [page.page_id for page in chosen]
    assert all(given.image.startswith(b"\x89PNG") and given.pdf is None for given in inputs)
    assert [given.page_id for given in read_inputs(pages, 4)] == [page.page_id for page in chosen[4:]]


def test_a_smaller_choice_is_a_beginning_of_a_larger_one() -> None:
    pages = [DatasetPage(f"doc{f}", n, "x", "en", f"family{f}", (), "file", n) for f in range(5) for n in range(4)]
    whole = spread(pages, 99)
    assert sorted(whole, key=lambda p: (p.doc_id, p.page_num)) == pages
    assert all(spread(list(reversed(pages)), n) == whole[:n] for n in range(20))


def test_every_system_reads_the_same_pages(pages: StageRef, base: str, adapters: list[StageRef]) -> None:
    reads = read_all(run_of(base), pages, adapters)
    assert len({tuple(answers(read)) for read in reads}) == 3
    for read in reads:
        ids = Folder(read.uri).read_table("answers.parquet")["page_id"].to_pylist()
        assert ids == [page.page_id for page in read_page_set(pages)]
    done = evaluate_stage(ScoreRun(resamples=200), pages, *reads)
    table = Folder(done.uri).read_json("table.json")
    assert (table["pages"], table["families"], table["systems"]) == (6, 4, ["base", "sft", "grpo"])
    assert {"composite_v2", "edit_similarity", "facts"} <= {row["metric"] for row in table["means"]}
    assert all(read.reused for read in read_all(run_of(base), pages, adapters))


def test_prompt_settings_and_pixels_are_identical(
    pages: StageRef, base: str, adapters: list[StageRef], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[Any, ...]] = []
    adapted: list[bool] = []

    def record(model: Any, processor: Any, images: Sequence[Any], *rest: Any) -> list[Answer]:
        adapted.append(hasattr(model, "peft_config"))
        seen.append((tuple(image.tobytes() for image in images), rest))
        return [Answer("x", False)] * len(images)

    monkeypatch.setattr(checkpoint, "generate", record)
    read_all(run_of(base), pages, adapters)
    assert adapted == [False, False, True, True, True, True]
    assert seen[:2] == seen[2:4] == seen[4:]
    assert [len(images) for images, _ in seen[:2]] == [4, 2]
    assert seen[0][1][:2] == (PROMPT, 8)


class Mortal:
    """A reader that repeats page names and dies where it is told to."""

    batch = 2
    needs_pdf = False

    def __init__(self, dies_at: str = "") -> None:
        self.dies_at = dies_at
        self.asked: list[str] = []

    def read(self, pages: Sequence[PageInput]) -> list[Reading]:
        self.asked += [page.page_id for page in pages]
        if self.dies_at in self.asked:
            raise KeyboardInterrupt
        return [Reading(f"read {page.page_id}", seconds=1.0) for page in pages]


def test_a_killed_read_goes_on_after_its_last_batch(pages: StageRef, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = [page.page_id for page in read_page_set(pages)]
    asked = ReadRun(system="ocr", reader=Ocr(kind="tesseract"))
    monkeypatch.setattr(reading, "versions", lambda reader: {"it": "1"})
    first, second = Mortal(ids[3]), Mortal()
    monkeypatch.setattr(reading, "open_reader", lambda *given: first)
    with pytest.raises(KeyboardInterrupt):
        read_stage(asked, pages)
    monkeypatch.setattr(reading, "open_reader", lambda *given: second)
    done = read_stage(asked, pages)
    assert first.asked == ids[:4]
    assert second.asked == ids[2:]
    assert answers(done) == [f"read {page_id}" for page_id in ids]
    assert done.counts == {"pages": 6, "failed": 0, "seconds": 6.0}
    assert Folder(done.uri).names() == ["answers.parquet", "manifest.json", "versions.json"]


def test_another_version_of_a_system_reads_again(pages: StageRef, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = ReadRun(system="ocr", reader=Ocr(kind="tesseract"))
    monkeypatch.setattr(reading, "open_reader", lambda *given: Mortal())
    digests = []
    for version in "112":
        monkeypatch.setattr(reading, "versions", lambda reader, version=version: {"it": version})
        digests.append(read_stage(asked, pages).digest)
    assert digests[0] == digests[1] != digests[2]


def stage_of(tmp_path: Path, name: str, seed: int, dataset: str = "d", **settings: Any) -> Adapter:
    """A training stage without an adapter in it."""
    config = {"model": {"base": "tiny", "prompt": PROMPT}, name: {"seed": seed, **settings}}
    folder = Folder(str(tmp_path / f"{name}-{seed}-{dataset}-{len(settings)}"))
    folder.write_json("checkpoint.json", {"dataset_digest": dataset})
    return Adapter(finish(folder, f"{name}{seed}", {}, stage=name, config=config))


def named(adapters: Sequence[Adapter]) -> list[tuple[str, int | None]]:
    return [(read.system, read.seed) for read, _ in reads_of(RunConfig(), adapters)]


def test_adapters_that_differ_in_their_seed_only_are_one_system(tmp_path: Path) -> None:
    first, second = stage_of(tmp_path, "sft", 0), stage_of(tmp_path, "sft", 7)
    assert named([first]) == [("base", None), ("sft", 0)]
    assert named([first, second]) == [("base", None), ("sft", 0), ("sft", 7)]
    with pytest.raises(UsageError, match="two systems are called 'sft'"):
        named([first, first])


def test_different_experiments_are_never_averaged_as_seeds(tmp_path: Path) -> None:
    first = stage_of(tmp_path, "sft", 0)
    for other in (stage_of(tmp_path, "sft", 1, steps=9), stage_of(tmp_path, "sft", 1, dataset="another")):
        with pytest.raises(UsageError, match=r"more than the training seed.*NAME=URI"):
            named([first, other])
        longer = adapter_at(f"longer={other.ref.uri}")
        assert named([first, longer]) == [("base", None), ("sft", 0), ("longer", 1)]


def test_an_adapter_that_is_not_there_is_bad_usage(tmp_path: Path) -> None:
    for text in (str(tmp_path), f"name={tmp_path}"):
        with pytest.raises(UsageError, match="not a stage that finished"):
            adapter_at(text)


def test_another_prompt_or_base_than_in_training_is_an_error(adapters: list[StageRef], base: str) -> None:
    trained = [Adapter(ref) for ref in adapters]
    with pytest.raises(UsageError, match=r"model\.prompt = 'Convert to Markdown\.'.*'Read it'"):
        reads_of(RunConfig(model=ModelConfig(base=base, prompt="Read it")), trained)
    with pytest.raises(UsageError, match=r"model\.base"):
        reads_of(RunConfig(model=ModelConfig(base="elsewhere", prompt=PROMPT)), trained)


def test_systems_have_names_of_their_own(base: str) -> None:
    twice = (Ocr(kind="tesseract"), Ocr(kind="tesseract"))
    with pytest.raises(UsageError, match="two systems are called 'tesseract'"):
        reads_of(run_of(base, systems=twice))
    named = (Ocr(kind="tesseract"), Ocr(kind="tesseract", name="again"), Checkpoint(base="other"))
    assert [read.system for read, _ in reads_of(run_of(base, systems=named, base=False))] == [
        "tesseract",
        "again",
        "other",
    ]
    with pytest.raises(UsageError, match="no system to evaluate"):
        reads_of(run_of(base, base=False))


def test_a_read_follows_the_weights(base: str, tmp_path: Path) -> None:
    import shutil

    copy = tmp_path / "copy"
    shutil.copytree(base, copy)

    def environment() -> str:
        return read_stage.environment(ReadRun(system="x", reader=Checkpoint(base=str(copy))))

    before = environment()
    weights = copy / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"?")
    assert environment() != before


def test_no_page_is_judged_that_a_checkpoint_or_its_adapter_was_trained_on(
    store: Path, base: str, dataset: StageRef, tmp_path: Path
) -> None:
    import json
    import shutil

    seen = tmp_path / "seen"
    shutil.copytree(base, seen)
    (seen / "families.json").write_text(json.dumps(["family0", "elsewhere"]))
    adapter = stage_of(tmp_path, "sft", 0)
    Folder(adapter.ref.uri).write_json("families.json", ["family1"])
    alone = RunConfig(evaluate=EvaluateConfig(base=False, systems=(Checkpoint(base=str(seen)),)))
    assert seen_families(reads_of(alone)) == {"family0", "elsewhere"}
    families = seen_families([*reads_of(alone), *reads_of(RunConfig(), [adapter])[1:]]) & held_out_families(dataset)
    assert families == {"family0", "family1"}
    left = read_page_set(held_out_stage(HeldOutRun(without=tuple(families)), dataset))
    assert {page.family for page in left} == {"family2", "family3"}
    with pytest.raises(StageError, match="trained on every family"):
        held_out_stage(HeldOutRun(without=tuple(f"family{n}" for n in range(4))), dataset)


def test_a_reader_of_pdfs_needs_a_set_with_pdfs(pages: StageRef) -> None:
    with pytest.raises(StageError, match=r"markitdown reads PDFs.*--keep-pdf"):
        read_stage(ReadRun(system="markitdown", reader=Ocr(kind="markitdown")), pages)
