from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from board_events import scalars
from killed_run import run_until_killed
from training_pages import log_of, page, sft_run, weights, without_times, write_dataset

from tasks.model.load import load_model, load_processor
from tasks.model.prompts import prompt_text
from tasks.records import StageError, StageRef
from tasks.store import Folder, finished
from tasks.train import engine
from tasks.train import sft as module
from tasks.train.adapter import add_adapter, layers
from tasks.train.checkpoints import scratch_folder
from tasks.train.guards import AdapterUnchangedError, ContextTooShortError, NotFiniteError, NothingToTrainError
from tasks.train.pages import choose_pages, read_images
from tasks.train.sft import make_rows, make_trainer, sft_stage
from tasks.train_config import LoraConfig, ModelConfig, SftRun


def read(ref: StageRef, name: str) -> Any:
    return json.loads((Path(ref.uri) / name).read_text())


def test_only_the_label_and_the_end_are_learned(tmp_path: Path, untrained: str) -> None:
    golden = "\n# Café\n\n```\nx = 1\n```\n"
    dataset = write_dataset(tmp_path, [page(0, golden), page(1)])
    config = sft_run(untrained)
    processor = load_processor(untrained)
    order = choose_pages(dataset, "train", config.pages)
    rows = make_rows(config, processor, read_images(dataset, order), order)
    model = add_adapter(load_model(untrained, trainable=True), config.lora, 0)
    trainer = make_trainer(config, model, processor, rows, tmp_path / "scratch")
    batch = trainer.data_collator([rows[0], rows[1]])
    learned, asked = batch["labels"][0] != -100, batch["input_ids"][0]
    tokens = asked[learned]
    assert processor.tokenizer.decode(tokens) == "# Café\n\n```\nx = 1\n```<|im_end|>"
    assert len(tokens) == len("# Café\n\n```\nx = 1\n```".encode()) + 1
    begin = int(learned.nonzero()[0])
    prompt = processor(images=[rows[0]["images"]], text=[prompt_text(processor, "Convert to Markdown.")])
    assert asked[:begin].tolist() == prompt["input_ids"][0]


def test_what_a_finished_stage_holds(warm: StageRef, untrained: str, dataset: StageRef) -> None:
    assert Folder(warm.uri).names("*") == [
        "checkpoint.json",
        "config.json",
        "cost.json",
        "families.json",
        "log.jsonl",
        "manifest.json",
        "rejects.jsonl",
        "warnings.json",
    ]
    assert Folder(warm.uri).names("adapter/*") == ["adapter/adapter_config.json", "adapter/adapter_model.safetensors"]
    assert SftRun.model_validate(read(warm, "config.json")) == sft_run(untrained)
    checkpoint = read(warm, "checkpoint.json")
    assert (checkpoint["stage"], checkpoint["stage_version"]) == ("sft", sft_stage.version)
    assert checkpoint["dataset_digest"] == dataset.digest
    trains, reads, rewards = (
        {"torch", "transformers", "trl", "peft"},
        {"tokenizers", "pillow"},
        {"pyromark", "beautifulsoup4", "rapidfuzz", "apted", "scipy", "numpy"},
    )
    assert set(checkpoint["versions"]) == trains | reads | rewards
    log = log_of(warm)
    assert [row["step"] for row in log] == [1, 2, 3]
    assert all(row["loss"] > 0 and row["grad_norm"] > 0 for row in log)
    assert (warm.counts["steps"], warm.counts["pages"], warm.counts["first loss"]) == (3, 6, round(log[0]["loss"], 4))
    assert read(warm, "adapter/adapter_config.json")["base_model_name_or_path"] == untrained


def test_the_adapter_changes_answers(warm: StageRef, untrained: str) -> None:
    adapted = load_model(untrained, adapter=Path(warm.uri) / "adapter")
    moved = [n for n, p in adapted.named_parameters() if "lora_B" in n and p.abs().max() > 0]
    assert any("visual" in n for n in moved)
    assert any("language_model" in n for n in moved)


def test_the_order_of_rows_and_files_does_not_matter(
    tmp_path: Path, home: Path, warm: StageRef, untrained: str
) -> None:
    rows = random.Random(2).sample([page(i) for i in range(12)], 12)
    shuffled = write_dataset(tmp_path / "shuffled", rows, shards=3)
    assert weights(sft_stage(sft_run(untrained), shuffled)) == weights(warm)


def test_another_seed_gives_another_adapter(home: Path, warm: StageRef, untrained: str, dataset: StageRef) -> None:
    assert weights(sft_stage(sft_run(untrained, seed=1), dataset)) != weights(warm)


def test_a_killed_run_ends_as_an_uninterrupted_one(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch, untrained: str, dataset: StageRef
) -> None:
    config = sft_run(untrained, steps=9, save_steps=2)
    files = run_until_killed("sft", config, [dataset], home)
    assert any(name.endswith("optimizer.pt") for name in files)
    folder = sft_stage.folder(sft_stage.digest(config, dataset))
    assert finished(folder) is None
    folder.write("checkpoints/99999999/adapter_model.safetensors", b"a push that was killed")

    steps = count_steps(monkeypatch)
    resumed = sft_stage(config, dataset)
    assert 0 < len(steps) < 9
    assert Folder(resumed.uri).names("checkpoints/**") == Folder(resumed.uri).names("scratch/**") == []
    monkeypatch.setenv("RECTO_HOME", str(tmp_path / "other"))
    whole = sft_stage(config, dataset)
    assert not whole.reused
    assert len(steps) > 9
    assert weights(resumed) == weights(whole)
    assert without_times(log_of(resumed)) == without_times(log_of(whole))
    assert [step for step, _ in scalars(Path(resumed.uri) / "tensorboard")["loss"]] == [*range(1, 10)]


def count_steps(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    steps: list[int] = []

    def watched(*arguments: Any) -> Any:
        trainer = make_trainer(*arguments)
        step: Callable[..., Any] = trainer.training_step
        trainer.training_step = lambda *a, **k: (steps.append(1), step(*a, **k))[1]
        return trainer

    monkeypatch.setattr(module, "make_trainer", watched)
    return steps


def test_long_labels_are_rejects(tmp_path: Path, home: Path, untrained: str) -> None:
    dataset = write_dataset(tmp_path / "d", [page(i) for i in range(4)] + [page(4, "x" * 20), page(5, "x" * 19)])
    ref = sft_stage(sft_run(untrained, steps=0, tokens=20), dataset)
    assert ref.counts["too long"] == 1
    rejects = Folder(ref.uri).read_rejects()
    assert {r["reason"] for r in rejects} == {"too_long"}
    assert rejects[-1]["detail"] == "label of 21 tokens, answers have 20"


def test_too_few_pages_after_long_labels(tmp_path: Path, home: Path, untrained: str) -> None:
    dataset = write_dataset(tmp_path / "d", [page(0, "x" * 30), page(1)])
    with pytest.raises(StageError, match=r"1 of 2 pages have labels of more than 25 tokens, 2 others are needed"):
        sft_stage(sft_run(untrained, tokens=25), dataset)


def test_pages_that_do_not_fit_the_context(home: Path, untrained: str, dataset: StageRef) -> None:
    with pytest.raises(ContextTooShortError, match=r"prompt of 1\d tokens, .* = 4090 more than .* 4096"):
        sft_stage(sft_run(untrained, tokens=4090), dataset)


def test_a_loss_that_explodes_stops_the_run(home: Path, untrained: str, dataset: StageRef) -> None:
    config = sft_run(untrained, steps=8, learning_rate=1e30, save_steps=1)
    with pytest.raises(NotFiniteError, match=r"step \d: (loss|grad_norm) is (nan|inf)"):
        sft_stage(config, dataset)
    folder = sft_stage.folder(sft_stage.digest(config, dataset))
    assert finished(folder) is None
    (state,) = [folder.read_json(name) for name in folder.names("checkpoints/*/trainer_state.json")]
    assert all(row["loss"] == row["loss"] for row in state["log_history"])


def test_weights_that_no_gradient_reaches(
    home: Path, monkeypatch: pytest.MonkeyPatch, untrained: str, dataset: StageRef
) -> None:
    def frozen(prefix: str) -> Callable[..., Any]:
        def add(*arguments: Any) -> Any:
            model = add_adapter(*arguments)
            for name, parameter in model.named_parameters():
                if prefix in name:
                    parameter.requires_grad = False
            return model

        return add

    monkeypatch.setattr(engine, "add_adapter", frozen("visual"))
    with pytest.raises(AdapterUnchangedError, match="the adapter's merger and vision weights are those it"):
        sft_stage(sft_run(untrained, steps=1), dataset)
    monkeypatch.setattr(engine, "add_adapter", frozen(""))
    with pytest.raises(NothingToTrainError, match=r"0 of \d+ parameters are trainable"):
        sft_stage(sft_run(untrained, steps=2), dataset)


def test_activations_that_are_computed_again(home: Path, warm: StageRef, untrained: str, dataset: StageRef) -> None:
    """Without re-entrance, so the vision adapter, whose input asks for no gradient, learns the same."""
    again = sft_stage(sft_run(untrained, recompute="on"), dataset)
    for row, kept in zip(log_of(again), log_of(warm), strict=True):
        for name in ("loss", "grad_norm/vision", "grad_norm/merger", "grad_norm/text"):
            assert row[name] == pytest.approx(kept[name], rel=0.02), name


def test_no_steps_give_an_adapter_that_changes_nothing(home: Path, untrained: str, dataset: StageRef) -> None:
    ref = sft_stage(sft_run(untrained, steps=0), dataset)
    adapted = load_model(untrained, adapter=Path(ref.uri) / "adapter")
    assert all(not p.any() for n, p in adapted.named_parameters() if "lora_B" in n)


def test_the_layers_of_qwen3_vl_2b() -> None:
    """Architecture and module names of Qwen/Qwen3-VL-2B-Instruct, without its weights."""
    import torch
    from peft.tuners.lora import LoraLayer
    from transformers import Qwen3VLConfig, Qwen3VLForConditionalGeneration

    text = {"hidden_size": 2048, "num_hidden_layers": 28, "intermediate_size": 6144, "num_attention_heads": 16}
    vision = {"depth": 24, "hidden_size": 1024, "intermediate_size": 4096, "out_hidden_size": 2048}
    config = Qwen3VLConfig(text_config=text, vision_config={**vision, "deepstack_visual_indexes": [5, 11, 17]})
    for lora, expected in ((LoraConfig(r=1), 28 * 7 + 24 * 4 + 4 * 2), (LoraConfig(r=1, vision=False), 28 * 7)):
        with torch.device("meta"):
            model = add_adapter(Qwen3VLForConditionalGeneration(config), lora, 0)
        adapted = [name for name, m in model.named_modules() if isinstance(m, LoraLayer)]
        assert len(adapted) == expected
        assert not any("patch_embed" in name or "lm_head" in name for name in adapted)
        assert any("visual" in name for name in adapted) == lora.vision
        assert model.peft_config["default"].target_modules == layers(lora)


def test_what_names_the_stage(tmp_path: Path, untrained: str, dataset: StageRef) -> None:
    config = sft_run(untrained)
    key = sft_stage.digest(config, dataset)
    assert sft_stage.digest(config, dataset) == key
    assert sft_stage.digest(config.model_copy(update={"lora": LoraConfig(r=5)}), dataset) != key
    assert sft_stage.digest(config, replace(dataset, digest="other")) != key
    copy = tmp_path / "copy"
    copy.mkdir()
    for file in Path(untrained).iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    moved = config.model_copy(update={"model": ModelConfig(base=str(copy), max_new_tokens=40)})
    assert module.environment(moved) == module.environment(config)
    (copy / "generation_config.json").write_text("{}")
    assert module.environment(moved) != module.environment(config)


def test_a_store_that_is_not_local(tmp_path: Path) -> None:
    folder = Folder("memory://store/sft/0123")
    scratch = scratch_folder(folder, "sft")
    assert scratch.name == "recto-sft-0123"
    (scratch / "left-over").touch()
    assert scratch_folder(folder, "sft") == scratch
    assert list(scratch.iterdir()) == []
    local = scratch_folder(Folder(str(tmp_path / "sft" / "0123")), "sft")
    assert local == tmp_path / "sft" / "0123" / "scratch"
