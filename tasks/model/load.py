"""Models and processors, always through transformers' Auto classes: the embedded reader, a folder, or a Hub name."""

from __future__ import annotations

import json
import logging
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from tasks.model.torchvision_cpu import declare_operators
from tasks.records import UsageError

logging.getLogger("bitsandbytes.backends").setLevel(logging.ERROR)  # misses a kernel that it can do without

FAMILIES = "families.json"
TINY = Path(__file__).parents[2] / "data" / "models" / "tiny"
# linear layers of Qwen3-VL that an adapter goes into; never the patch embedding, a convolution
TEXT_LAYERS = r".*language_model.*\.(q_proj|k_proj|v_proj|o_proj|gate_proj|up_proj|down_proj)"
VISION_LAYERS = r".*visual\.(blocks|merger|deepstack_merger_list).*\.(qkv|proj|linear_fc1|linear_fc2)"


def resolve(base: str) -> str:
    """'tiny' -> the embedded model's folder; a folder with a config.json -> its path; else a Hub name as it is.

    Raises UsageError for a folder that is missing or holds no model.
    """
    if base == "tiny":
        base = str(TINY)
    path = Path(base).expanduser()
    if base and path.is_dir():
        if not (path / "config.json").is_file():
            raise UsageError(f"{path}: not a model: no config.json in it")
        return str(path.resolve())
    # a Hub name is `owner/name` or `name`; anything else was meant as a folder
    if path.is_absolute() or base.startswith((".", "~")) or base.count("/") > 1 or not base:
        raise UsageError(f"{base or 'model.base'}: no such model folder")
    return base


def trained_families(base: str) -> frozenset[str]:
    """The families whose text the model is known to have been trained on (its `families.json`); none for most."""
    path = Path(resolve(base)) / FAMILIES
    return frozenset(json.loads(path.read_text())) if path.is_file() else frozenset()


@lru_cache
def revision_of(name: str) -> str:
    """The commit of a Hub model that is loaded: the newest, or the downloaded one where the Hub is out of reach; of a
    folder there is one only. Loading by commit asks the Hub for nothing that is there already.

    Raises UsageError where the model is neither to be fetched nor there.
    """
    if Path(name).is_dir():
        return "main"
    import httpx
    from huggingface_hub import HfApi, constants

    try:
        return HfApi().model_info(name, timeout=20).sha or "main"
    except (OSError, ValueError, httpx.HTTPError) as e:
        downloaded = Path(constants.HF_HUB_CACHE) / f"models--{name.replace('/', '--')}" / "refs" / "main"
        if downloaded.is_file():
            return downloaded.read_text().strip()
        raise unavailable(name, e) from e


def unavailable(base: str, error: Exception) -> UsageError:
    """What is said of a model that transformers could not load."""
    first = (str(error).strip().splitlines() or [type(error).__name__])[0]
    if Path(base).is_dir():
        return UsageError(f"{base}: not a loadable model: {first}")
    return UsageError(
        f"{base}: cannot be fetched from the Hub and is no local folder ({first}); "
        "check the name and the network, or name a folder (or 'tiny', the embedded one)"
    )


def load_processor(base: str) -> Any:
    """The processor of a model. Raises UsageError when there is none to be had."""
    declare_operators()
    from transformers import AutoProcessor

    name = resolve(base)
    try:
        processor = AutoProcessor.from_pretrained(name, revision=revision_of(name))  # type: ignore[no-untyped-call]
    except (OSError, ValueError) as e:
        raise unavailable(name, e) from e
    if not hasattr(processor, "image_processor"):
        raise UsageError(f"{name}: not an image-text-to-text model: its processor takes no images")
    return processor


def _quantised(dtype: str, gpu: bool) -> dict[str, Any]:
    import torch
    from transformers import BitsAndBytesConfig

    if find_spec("bitsandbytes") is None:
        raise UsageError("model.load = '4bit' needs bitsandbytes: pip install 'recto[gpu]', or load = 'full'")
    settings = BitsAndBytesConfig(  # type: ignore[no-untyped-call]
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=getattr(torch, dtype),
    )
    return {"quantization_config": settings, "device_map": {"": 0 if gpu else "cpu"}}


def load_model(
    base: str,
    dtype: Literal["float32", "bfloat16"] = "float32",
    adapter: str | Path | None = None,
    trainable: bool = False,
    load: Literal["full", "4bit"] = "full",
) -> Any:
    """An image-text-to-text model, with a peft adapter if one is named, ready to read or (`trainable`) to train.

    `load` = "4bit": its linear layers, the output layer apart, hold 4-bit NormalFloat with doubly quantised constants,
    and compute in `dtype` (QLoRA, arXiv 2305.14314, section 3). Norms, embeddings and the patch embedding stay whole.
    On a machine without a GPU attention is computed plainly, and Qwen3-VL takes the faster ways of `cpu.speed_up`.
    Raises UsageError when the model or the adapter cannot be had.
    """
    declare_operators()
    import torch
    from transformers import AutoModelForImageTextToText

    from tasks.model.cpu import speed_up

    gpu = torch.cuda.is_available()
    name = resolve(base)
    try:
        model: Any = AutoModelForImageTextToText.from_pretrained(
            name,
            revision=revision_of(name),
            dtype=getattr(torch, dtype),
            attn_implementation="sdpa" if gpu else "eager",
            **(_quantised(dtype, gpu) if load == "4bit" else {}),
        )
    except (OSError, ValueError) as e:
        raise unavailable(name, e) from e
    if not gpu:
        speed_up(model)
    elif load == "full":
        model = model.to("cuda")
    if adapter is not None:
        from peft import PeftModel

        if not (Path(adapter) / "adapter_config.json").is_file():
            raise UsageError(f"{adapter}: not an adapter: no adapter_config.json in it")
        model = PeftModel.from_pretrained(model, str(adapter), is_trainable=trainable)
        # peft looks for the base there when it saves; the adapter's own file names no folder of a machine
        model.peft_config["default"].base_model_name_or_path = name
    return model.train(trainable)
