from __future__ import annotations

import ast
import inspect
import json
import subprocess
import sys
import zipfile
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any

import pytest
import torch
from training_pages import grpo_run, log_of, sft_run, weights

from tasks.model.load import load_model, load_processor
from tasks.records import StageRef, UsageError
from tasks.store import Folder
from tasks.train import engine, grpo, sft
from tasks.train.grpo import grpo_stage
from tasks.train.pages import choose_pages, read_images
from tasks.train.sft import sft_stage

SIGNATURES = Path(__file__).with_name("unsloth_signatures.json")


def loaded(config: Any, **model: Any) -> Any:
    return config.model_copy(update={"model": config.model.model_copy(update=model)})


def test_qlora_on_a_cpu(home: Path, untrained: str, dataset: StageRef) -> None:
    """SFT and GRPO over a base of 4-bit NormalFloat; the adapter's file is that of a whole base."""
    pytest.importorskip("bitsandbytes")
    import bitsandbytes
    from safetensors.torch import load

    warm = sft_stage(loaded(sft_run(untrained, steps=2), load="4bit"), dataset)
    refined = grpo_stage(loaded(grpo_run(untrained, steps=2), load="4bit"), dataset, warm)
    for ref in (warm, refined):
        assert log_of(ref)[-1]["grad_norm/vision"] > 0 < log_of(ref)[-1]["grad_norm/text"]
        assert "bitsandbytes" in Folder(ref.uri).read_json("checkpoint.json")["versions"]
    before, after = load(weights(warm)), load(weights(refined))
    moved = {name for name in after if not torch.equal(before[name], after[name])}
    assert {"text", "vision"} <= {"vision" if ".visual." in name else "text" for name in moved}

    whole = load_model(untrained, adapter=Path(refined.uri) / "adapter")
    quantised = load_model(untrained, adapter=Path(refined.uri) / "adapter", load="4bit")
    assert sum(isinstance(m, bitsandbytes.nn.Linear4bit) for m in quantised.modules()) == 4 * 7 + 4 * 4 + 3 * 2
    assert type(quantised.get_base_model().lm_head) is torch.nn.Linear
    stored, plain = (sum(p.numel() * p.element_size() for p in m.parameters()) for m in (quantised, whole))
    assert stored < plain / 2
    assert {n for n, _ in quantised.named_parameters() if "lora" in n} == {
        n for n, _ in whole.named_parameters() if "lora" in n
    }


def test_a_trainer_leaves_the_adapter_over_four_bits_as_it_was(
    tmp_path: Path, untrained: str, dataset: StageRef, warm: StageRef
) -> None:
    """In bfloat16, to which TRL rounds it, small updates are none."""
    pytest.importorskip("bitsandbytes")
    config = grpo_run(untrained)
    pages = choose_pages(dataset, "train", config.pages)[:2]
    images, processor = read_images(dataset, pages), load_processor(untrained)
    stages: list[tuple[Any, Any, Any]] = [
        (grpo, config, grpo.make_rows(config, images, pages)),
        (sft, sft_run(untrained), sft.make_rows(sft_run(untrained), processor, images, pages)),
    ]
    for stage, run, rows in stages:
        model = load_model(untrained, adapter=Path(warm.uri) / "adapter", trainable=True, load="4bit")
        before = {name: p.clone() for name, p in model.named_parameters() if p.requires_grad}
        stage.make_trainer(run, model, processor, rows, tmp_path)
        for name, parameter in model.named_parameters():
            if parameter.requires_grad:
                assert parameter.dtype == torch.float32
                assert torch.equal(parameter, before[name])


def test_another_base_is_another_adapter(untrained: str, dataset: StageRef) -> None:
    pytest.importorskip("bitsandbytes")
    config = sft_run(untrained)
    assert sft_stage.digest(loaded(config, load="4bit"), dataset) != sft_stage.digest(config, dataset)


def test_unsloth_without_a_gpu(untrained: str, dataset: StageRef) -> None:
    assert not torch.cuda.is_available()
    told = "model.engine = 'unsloth' needs a CUDA GPU, and there is none here; use 'trl'"
    with pytest.raises(UsageError, match=told):
        sft_stage(loaded(sft_run(untrained), engine="unsloth"), dataset)
    with pytest.raises(UsageError, match=told):
        grpo_stage(loaded(grpo_run(untrained), engine="unsloth"), dataset, dataset)


def test_four_bits_without_the_library(monkeypatch: pytest.MonkeyPatch, untrained: str, dataset: StageRef) -> None:
    def missing(name: str) -> str:
        if name == "bitsandbytes":
            raise PackageNotFoundError(name)
        return "1"

    monkeypatch.setattr("tasks.train.environment.version", missing)
    with pytest.raises(UsageError, match=r"bitsandbytes is not installed, .* pip install 'recto\[gpu\]'"):
        sft_stage(loaded(sft_run(untrained), load="4bit"), dataset)


def calls() -> list[tuple[str, list[str], int]]:
    """Our calls of FastVisionModel: name, keywords, positional arguments."""
    tree = ast.parse(inspect.getsource(engine))
    return [
        (node.func.attr, [str(k.arg) for k in node.keywords], len(node.args))
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "FastVisionModel"
    ]


def test_calls_into_unsloth_fit_its_signatures() -> None:
    """Against those of the pinned version, without importing it: that needs a GPU."""
    known = json.loads(SIGNATURES.read_text())["FastVisionModel"]
    made = calls()
    assert {name for name, _, _ in made} == {"from_pretrained", "get_peft_model", "for_training"} == set(known)
    for name, keywords, positional in made:
        assert set(keywords) <= set(known[name][positional:]), name


def signatures(wheel: Path) -> dict[str, list[str]]:
    """Parameters of FastVisionModel's methods, in order, as its own classes define them."""
    classes: dict[str, ast.ClassDef] = {}
    with zipfile.ZipFile(wheel) as archive:
        for name in ("unsloth/models/loader.py", "unsloth/models/vision.py"):
            tree = ast.parse(archive.read(name))
            classes |= {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    found: dict[str, list[str]] = {}
    # what a class only hands on as **kwargs, the next one takes
    for owner in ("FastVisionModel", "FastModel", "FastBaseModel"):
        for node in classes[owner].body:
            if isinstance(node, ast.FunctionDef) and node.name in ("from_pretrained", "get_peft_model", "for_training"):
                names = [argument.arg for argument in (*node.args.args, *node.args.kwonlyargs)]
                if node.name not in found or len(names) > len(found[node.name]):
                    found[node.name] = names
    return found


@pytest.mark.full
def test_the_record_of_signatures_is_the_wheels(tmp_path: Path) -> None:
    record = json.loads(SIGNATURES.read_text())
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(tmp_path)]
    subprocess.run([*command, f"unsloth=={record['version']}"], check=True)
    (wheel,) = tmp_path.glob("unsloth-*.whl")
    assert signatures(wheel) == record["FastVisionModel"]
