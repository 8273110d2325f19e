"""The adapter: which layers it goes into, its digests, and its folder."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from tasks.model.load import TEXT_LAYERS, VISION_LAYERS
from tasks.records import digest
from tasks.train_config import LoraConfig

WEIGHTS = "adapter_model.safetensors"


def layers(config: LoraConfig) -> str:
    """Regular expression of the linear layers that are adapted."""
    return f"({TEXT_LAYERS})|({VISION_LAYERS})" if config.vision else TEXT_LAYERS


def add_adapter(model: Any, config: LoraConfig, seed: int) -> Any:
    """`model` under a fresh adapter, which changes nothing yet. The seed draws its weights."""
    import torch
    from peft import LoraConfig as PeftLoraConfig
    from peft import get_peft_model

    settings = PeftLoraConfig(
        r=config.r,
        lora_alpha=config.alpha,
        lora_dropout=config.dropout,
        target_modules=layers(config),
        task_type="CAUSAL_LM",
    )
    torch.manual_seed(seed)
    return get_peft_model(model, settings)


def part_digests(model: Any) -> dict[str, str]:
    """Digests of the adapter's weights in the vision and in the text layers."""
    from peft import get_peft_model_state_dict

    parts: dict[str, list[bytes]] = {}
    for name, tensor in sorted(get_peft_model_state_dict(model, adapter_name="default").items()):
        part = parts.setdefault("vision" if ".visual." in name else "text", [])
        part += [name.encode(), tensor.detach().float().cpu().numpy().tobytes()]
    return {name: digest(*chunks) for name, chunks in parts.items()}


def save_adapter(model: Any, base: str, folder: Path) -> None:
    """Write the adapter as peft does, with the base model's name in place of a path of this machine."""
    model.peft_config["default"].base_model_name_or_path = base
    # "auto" would look for the base model's configuration on the Hub
    model.save_pretrained(folder, selected_adapters=["default"], save_embedding_layers=False)
    (folder / "README.md").unlink(missing_ok=True)


def file_digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
