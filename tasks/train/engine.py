"""Who builds the model that is trained: transformers and peft, everywhere, or unsloth, on a GPU.

The adapter goes into the same layers and its file is the same, so either engine goes on from what the other wrote,
and evaluation reads both alike.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tasks.model.load import load_model, resolve, revision_of
from tasks.train.adapter import add_adapter, layers
from tasks.train_config import GrpoRun, ModelConfig, SftRun

CONTEXT = 16_384
"""Tokens that unsloth prepares for: prompt with image, and answer."""


def prepare_engine(engine: str) -> None:
    """Import unsloth, if it is the engine: before trl and transformers, parts of which it replaces."""
    if engine == "unsloth":
        __import__("unsloth")


def fresh_model(config: SftRun) -> Any:
    """The base under a fresh adapter, ready to train."""
    model, seed = config.model, config.sft.seed
    if model.engine == "unsloth":
        return _unsloth_fresh(config)
    return add_adapter(load_model(model.base, model.dtype, trainable=True, load=model.load), config.lora, seed)


def continued_model(config: SftRun | GrpoRun, adapter: Path, seed: int) -> Any:
    """The base under a trained adapter in a local folder of the run's own, ready to train it on."""
    model = config.model
    if model.engine == "unsloth":
        settings = adapter / "adapter_config.json"
        named = json.loads(settings.read_text()) | {"base_model_name_or_path": resolve(model.base)}
        settings.write_text(json.dumps(named))  # unsloth loads the base that an adapter names, and knows no "tiny"
        return _unsloth_model(model, str(adapter), None, seed)
    return load_model(model.base, model.dtype, adapter, trainable=True, load=model.load)


def _unsloth_model(config: ModelConfig, name: str, revision: str | None, seed: int) -> Any:
    """An adapter's folder as `name` loads the base that it names, and the adapter on top, trainable."""
    import torch
    from unsloth import FastVisionModel

    model, _ = FastVisionModel.from_pretrained(  # its processor is left: recto's own makes the same inputs everywhere
        model_name=name,
        revision=revision,
        max_seq_length=CONTEXT,
        dtype=getattr(torch, config.dtype),
        load_in_4bit=config.load == "4bit",
        full_finetuning=False,
        use_exact_model_name=True,  # not a quantised copy of its own
        use_gradient_checkpointing=True,
        random_state=seed,
    )
    FastVisionModel.for_training(model, use_gradient_checkpointing=True)
    return model


def _unsloth_fresh(config: SftRun) -> Any:
    from unsloth import FastVisionModel

    base, lora, seed = resolve(config.model.base), config.lora, config.sft.seed
    model = FastVisionModel.get_peft_model(
        _unsloth_model(config.model, base, None if Path(base).is_dir() else revision_of(base), seed),
        r=lora.r,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules=layers(lora),
        finetune_vision_layers=lora.vision,
        use_gradient_checkpointing=True,
        random_state=seed,
    )
    FastVisionModel.for_training(model, use_gradient_checkpointing=True)
    return model
