"""An adapter on the Hub: the card that says what it is, and that it can be loaded from there."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from doubles.on_hub import OnHub

from tasks.config import UploadConfig
from tasks.records import StageRef
from tasks.store import Folder
from tasks.train.upload import adapter_card, upload_adapter

TO = UploadConfig(adapter="me/reader")
FIGURES = [
    {"metric": "composite reward (v2)", "base": "0.72 [0.70, 0.74]", "grpo": "0.89 [0.87, 0.90]"},
    {"metric": "word F1", "base": "0.96 [0.95, 0.97]", "grpo": "0.92 [0.91, 0.94]"},
]


def test_an_adapter_is_loaded_from_where_it_was_put(
    warm: StageRef, untrained: str, dataset: StageRef, on_hub: OnHub
) -> None:
    from peft import PeftModel, get_peft_model_state_dict
    from safetensors.torch import load_file

    from tasks.model.load import load_model

    first = upload_adapter(TO, warm, dataset, FIGURES)
    repository = on_hub.hub.repositories["model", "me/reader"]
    assert repository.private
    beside = {f"recto/{name}.json" for name in ("checkpoint", "config", "families")}
    assert repository.files.keys() - {".gitattributes"} == {
        *("README.md", "adapter_config.json", "adapter_model.safetensors", "recto/log.jsonl"),
        *beside,
    }
    loaded = PeftModel.from_pretrained(load_model(untrained), "me/reader")
    weights = load_file(Path(warm.uri) / "adapter" / "adapter_model.safetensors")
    assert get_peft_model_state_dict(loaded).keys() == weights.keys()
    assert all(value.equal(weights[name]) for name, value in get_peft_model_state_dict(loaded).items())

    again = upload_adapter(TO, warm, dataset, FIGURES)
    assert (again.revision, again.tag, again.changed) == (first.revision, "v1", False)


def test_the_card_says_what_the_adapter_is(warm: StageRef, untrained: str, dataset: StageRef) -> None:
    from huggingface_hub import ModelCard

    (Path(untrained) / "README.md").write_text("---\nlicense: apache-2.0\n---\n\n# A base\n")
    published = replace(dataset, uri=f"me/pages@{'0' * 40}")
    card = ModelCard(adapter_card("me/reader", Folder(warm.uri), published, FIGURES))
    assert card.data.to_dict() == {
        "library_name": "peft",
        "pipeline_tag": "image-text-to-text",
        "license": "apache-2.0",
        "datasets": ["me/pages"],
        "tags": ["document-ai", "ocr", "markdown", "lora"],
    }
    checkpoint = json.loads((Path(warm.uri) / "checkpoint.json").read_text())
    for said in (
        f"| dataset | me/pages@{'0' * 40}, content {dataset.digest} |",
        f"| base | a model of its own, {checkpoint['base_digest']} |",
        checkpoint["adapter_digest"],
        "| metric | base | grpo |\n| --- | ---: | ---: |\n| composite reward (v2) | 0.72 [0.70, 0.74] | 0.89 [0.87, ",
        'PeftModel.from_pretrained(AutoModelForImageTextToText.from_pretrained(base), "me/reader")',
        "That of the base model: apache-2.0.",
    ):
        assert said in card.content


def test_nothing_names_a_local_folder(warm: StageRef, untrained: str, dataset: StageRef, on_hub: OnHub) -> None:
    upload_adapter(TO, warm, dataset, FIGURES)
    files = on_hub.hub.repositories["model", "me/reader"].files
    assert dataset.uri not in files["README.md"].data.decode()
    assert not [name for name, file in files.items() if untrained.encode() in file.data]
