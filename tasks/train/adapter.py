"""The adapter: which layers it goes into, its digests, and its folder."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
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


def part_of(name: str) -> str:
    """The part of the adapter that a weight belongs to: the vision layers, their mergers, or the text layers."""
    if ".visual." not in name:
        return "text"
    return "merger" if "merger" in name else "vision"


def adapter_parameters(model: Any) -> dict[str, list[Any]]:
    """Part -> the weights of the adapter that is trained, frozen ones among them too."""
    parts: dict[str, list[Any]] = {}
    for name, parameter in model.named_parameters():
        if ".lora_" in name and ".default." in name:  # not the frozen copy that a KL term compares with
            parts.setdefault(part_of(name), []).append(parameter)
    return parts


def gradient_norms(parts: Mapping[str, Sequence[Any]]) -> dict[str, float]:
    """The norm of the gradient of each of the `adapter_parameters`' parts, 0 where there is none."""
    from torch.nn.utils import get_total_norm

    return {
        part: float(get_total_norm([w.grad for w in weights if w.grad is not None])) for part, weights in parts.items()
    }


def part_digests(model: Any) -> dict[str, str]:
    """Digests of the adapter's weights, by part."""
    from peft import get_peft_model_state_dict

    parts: dict[str, list[bytes]] = {}
    for name, tensor in sorted(get_peft_model_state_dict(model, adapter_name="default").items()):
        part = parts.setdefault(part_of(name), [])
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
