"""What decides an adapter besides its configuration and its dataset: base weights, precision, and the libraries that
train, draw, read and reward."""

from __future__ import annotations

from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from tasks.model.load import resolve, revision_of
from tasks.records import UsageError, digest
from tasks.train.adapter import file_digest
from tasks.train_config import GrpoRun, ModelConfig, SftRun

LIBRARIES = (
    "torch",
    "transformers",
    "trl",
    "peft",
    "tokenizers",
    "pillow",
    "pyromark",
    "beautifulsoup4",
    "rapidfuzz",
    "apted",
    "scipy",
    "numpy",
)


def versions(config: ModelConfig) -> dict[str, str]:
    """Raises UsageError where the configuration asks for a library that is not there, or cannot run here."""
    import torch

    if config.engine == "unsloth" and not torch.cuda.is_available():
        raise UsageError("model.engine = 'unsloth' needs a CUDA GPU, and there is none here; use 'trl'")
    asked = [*(["bitsandbytes"] if config.load == "4bit" else []), *(["unsloth"] if config.engine == "unsloth" else [])]
    try:
        return {name: version(name) for name in (*LIBRARIES, *asked)}
    except PackageNotFoundError as e:
        raise UsageError(f"{e.name} is not installed, which [model] asks for: pip install 'recto[gpu]'") from None


def base_digest(base: str) -> str:
    """Digest of the files of a model folder, or `name@revision` of a model of the Hub.

    Raises UsageError for a folder that is missing or holds no model, and for a model of the Hub that cannot be had.
    """
    name = resolve(base)
    if not Path(name).is_dir():
        return f"{name}@{revision_of(name)}"
    files = sorted(p for p in Path(name).rglob("*") if p.is_file() and not p.name.startswith("."))
    return _folder_digest(
        tuple((p, p.relative_to(name).as_posix(), p.stat().st_size, p.stat().st_mtime_ns) for p in files)
    )


@lru_cache
def _folder_digest(files: tuple[tuple[Path, str, int, int], ...]) -> str:
    """Size and time are there for the cache: a file that changed is read again."""
    return digest(*(text for path, name, _, _ in files for text in (name, file_digest(path))))


def precision() -> str:
    """What most products are computed in; the adapter itself is float32."""
    import torch

    return "bfloat16" if torch.cuda.is_available() or has_bfloat16() else "float32"


def has_bfloat16() -> bool:
    """Whether this CPU has instructions for bfloat16; where it is emulated, it is slower than float32."""
    import torch

    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))


def environment(config: SftRun | GrpoRun) -> str:
    libraries = (f"{name} {v}" for name, v in versions(config.model).items())
    return digest(base_digest(config.model.base), precision(), *libraries)
