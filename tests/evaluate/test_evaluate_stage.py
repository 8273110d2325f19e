from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from tasks.config import EvaluateConfig, EvaluateRun, LoraConfig, ModelConfig
from tasks.evaluate import predict
from tasks.evaluate.predict import SAMPLES, systems_of
from tasks.evaluate.stage import evaluate_stage
from tasks.model.generate import Answer
from tasks.model.load import load_model
from tasks.records import StageError, StageRef
from tasks.store import Folder, finish
from tasks.train.adapter import add_adapter, save_adapter

PROMPT = "Convert to Markdown."


def settings(base: str, **model: Any) -> EvaluateRun:
    return EvaluateRun(
        model=ModelConfig(base=base, max_new_tokens=8, prompt=PROMPT, **model),
        evaluate=EvaluateConfig(pages=6, batch=4, resamples=200),
    )


@pytest.fixture
def adapters(tmp_path: Path, base: str) -> list[StageRef]:
    """Two adapters that change what the model says."""
    refs = []
    for seed, name in enumerate(("sft", "grpo")):
        model = add_adapter(load_model(base), LoraConfig(r=2), seed)
        for key, weights in model.named_parameters():
            if "lora_B" in key:
                torch.nn.init.normal_(weights, std=1 + seed)
        folder = tmp_path / name / "key"
        save_adapter(model, base, folder / "adapter")
        config = {"model": {"base": base, "prompt": PROMPT, "max_new_tokens": 99}}
        refs.append(finish(Folder(str(folder)), f"adapter{seed}", {}, stage=name, config=config))
    return refs


def test_every_system_reads_the_same_pages(store: Path, base: str, dataset: StageRef, adapters: list[StageRef]) -> None:
    done = evaluate_stage(settings(base), dataset, *adapters)
    folder = Folder(done.uri)
    table = folder.read_table("predictions.parquet")
    assert table.num_rows == 6
    assert len(set(table["family"].to_pylist())) == 4
    assert all(table["reference"].to_pylist())
    assert SAMPLES >= 6
    assert all(image.startswith(b"\x89PNG") for image in table["image"].to_pylist())
    answers = {s: table[f"answer_{s}"].to_pylist() for s in ("base", "sft", "grpo")}
    assert len({tuple(given) for given in answers.values()}) == 3
    assert set(table["clipped_base"].to_pylist()) <= {True, False}
    scores = folder.read_table("scores.parquet").to_pylist()
    assert {s["system"] for s in scores} == set(answers)
    assert {"composite_v2", "composite_v3", "character_error_rate"} <= {s["part"] for s in scores}
    result = folder.read_json("table.json")
    assert (result["pages"], result["families"], result["systems"]) == (6, 4, list(answers))
    assert done.counts["suited pages"] == 12
    assert evaluate_stage(settings(base), dataset, *adapters).reused


def test_prompt_settings_and_pixels_are_identical(
    store: Path, base: str, dataset: StageRef, adapters: list[StageRef], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[Any, ...]] = []
    adapted: list[bool] = []

    def record(model: Any, processor: Any, images: Sequence[Any], *rest: Any, **named: Any) -> list[Answer]:
        adapted.append(hasattr(model, "peft_config"))
        seen.append((tuple(image.tobytes() for image in images), rest, tuple(named.items())))
        return [Answer("x", False)] * len(images)

    monkeypatch.setattr(predict, "generate", record)
    evaluate_stage(settings(base), dataset, *adapters)
    assert adapted == [False, False, True, True, True, True]
    assert seen[:2] == seen[2:4] == seen[4:]
    assert [len(images) for images, _, _ in seen[:2]] == [4, 2]
    assert seen[0][1][:2] == (PROMPT, 8)


def test_a_finished_system_is_not_asked_again(
    store: Path, base: str, dataset: StageRef, adapters: list[StageRef], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def asking(dies_at: str) -> Callable[..., list[Answer]]:
        def ask(config: Any, processor: Any, held_out: Any, adapter: Any, name: str) -> list[Answer]:
            asked.append(name)
            if name == dies_at:
                raise KeyboardInterrupt
            return [Answer(f"{name} {page.page_num}", False) for page in held_out.pages]

        return ask

    monkeypatch.setattr(predict, "_ask", asking("grpo"))
    with pytest.raises(KeyboardInterrupt):
        evaluate_stage(settings(base), dataset, *adapters)
    monkeypatch.setattr(predict, "_ask", asking(""))
    done = evaluate_stage(settings(base), dataset, *adapters)
    assert asked == ["base", "sft", "grpo", "grpo"]
    table = Folder(done.uri).read_table("predictions.parquet")
    assert table["answer_sft"].to_pylist() == [f"sft {n}" for n in table["page_num"].to_pylist()]


def test_another_prompt_or_base_than_in_training_is_an_error(adapters: list[StageRef], base: str) -> None:
    with pytest.raises(StageError, match=r"model\.prompt = 'Convert to Markdown\.'.*'Read it'"):
        systems_of(adapters, EvaluateRun(model=ModelConfig(base=base, prompt="Read it")))
    with pytest.raises(StageError, match=r"model\.base"):
        systems_of(adapters, EvaluateRun(model=ModelConfig(base="elsewhere", prompt=PROMPT)))


def test_systems_are_called_by_their_stage(tmp_path: Path) -> None:
    bare = StageRef("store/sft/0123", "0123", {})
    assert list(systems_of([bare], EvaluateRun())) == ["base", "sft"]
    with pytest.raises(StageError, match="already"):
        systems_of([bare, bare], EvaluateRun())


def test_environment_follows_the_weights(base: str, tmp_path: Path) -> None:
    import shutil

    copy = tmp_path / "copy"
    shutil.copytree(base, copy)
    before = evaluate_stage.environment(settings(str(copy)))
    assert before == evaluate_stage.environment(settings(base))
    weights = copy / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"?")
    assert evaluate_stage.environment(settings(str(copy))) != before
