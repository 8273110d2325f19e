"""What a pod at RunPod is to be: a TOML of its own, `infra/runs/gpu/*.toml`."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field

from tasks.records import UsageError
from tasks.render_config import Config

Variable = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]


class PodConfig(Config):
    """One pod with one GPU, which takes work from a Prefect pool and goes when there is none."""

    why: str = Field("", description="What this pod is for")
    name: str = Field("recto-gpu", min_length=1, description="A pod of this name that stands is never doubled")
    image: str = Field("", description="The image of infra/Dockerfile, where you pushed it")
    gpus: tuple[str, ...] = Field(
        ("NVIDIA A40", "NVIDIA RTX A6000", "NVIDIA L40S"),
        min_length=1,
        description="RunPod's ids of GPU types; the first that is free for the price is taken",
    )
    cloud: Literal["SECURE", "COMMUNITY", "ALL"] = Field("SECURE", description="RunPod's own data centres, or others'")
    max_per_hour: float = Field(0.8, gt=0, description="Dollars an hour for the GPU; dearer ones are not taken")
    max_spend: float = Field(5.0, gt=0, description="Dollars for the GPU, after which the pod is removed, done or not")
    idle_minutes: float = Field(10, ge=1, description="Without work for so long, the pod removes itself")
    memory_gib: float = Field(40, ge=0, description="The worker refuses a GPU with less memory")
    cuda: tuple[str, ...] = Field(
        ("13.0", "13.1", "13.2"), description="CUDA versions of hosts that will do; the image's PyTorch needs 13.0"
    )
    disk_gb: int = Field(30, ge=10, description="Disk beside the image; lost with the pod")
    volume_gb: int = Field(40, ge=0, description="Volume at `mount`, for models from the Hub; lost with the pod")
    network_volume: str = Field("", description="Id of a network volume to mount instead, which outlives the pod")
    mount: str = Field("/workspace", pattern="^/.+")
    ssh_key: str = Field("~/.ssh/id_ed25519.pub", description="File of the public key that may log in; empty: none")
    pool: str = Field("gpu", description="Prefect work pool")
    prefect_api: str = Field("", description="Address of the Prefect API; empty: PREFECT_API_URL")
    store: str = Field("", description="URI of the store; empty: RECTO_HOME")
    env: dict[Variable, str] = Field({}, description="More environment; may refer to RunPod's own secrets")
    pass_env: tuple[Variable, ...] = Field((), description="Variables handed on from here, secrets among them")


def reachable_api(config: PodConfig) -> str:
    """The address of the Prefect API that the pod is given. Raises UsageError for one that no pod can reach."""
    address = config.prefect_api or os.environ.get("PREFECT_API_URL", "")
    remedy = "give the server a public https address (docs/server.md) and name it in prefect_api or PREFECT_API_URL"
    if not address:
        raise UsageError(f"no Prefect API is named, and a pod works for none else: {remedy}")
    try:
        parts = urlsplit(address)
        host, credentials = parts.hostname or "", parts.username or parts.password
    except ValueError as e:
        raise UsageError(f"the address of the Prefect API cannot be read ({e}): {remedy}") from None
    if credentials:
        raise UsageError("the address of the Prefect API holds a password; hand on PREFECT_API_AUTH_STRING instead")
    if parts.scheme not in ("http", "https") or not host:
        raise UsageError(f"{address} is no address of a Prefect API: {remedy}")
    if not _public(host):
        raise UsageError(f"a pod at RunPod cannot reach the Prefect API at {address}: {remedy}")
    return address


def _public(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_global
    except ValueError:
        name = host.rstrip(".").lower()
        return "." in name and not name.endswith((".localhost", ".local", ".lan", ".home.arpa"))


def shared_store(config: PodConfig) -> str:
    """URI of the store. Raises UsageError for a folder of this machine, which a pod does not have."""
    store = config.store or os.environ.get("RECTO_HOME", "")
    if "://" in store or store.startswith(config.mount.rstrip("/") + "/"):
        return store
    raise UsageError(
        f"the store {store or '(RECTO_HOME is empty)'} is not where a pod can reach it: name a URI such as "
        f"s3://bucket/recto in store or RECTO_HOME, or a folder below {config.mount} for what the Hub alone connects"
    )


def handed_on(names: tuple[str, ...], environment: Mapping[str, str]) -> dict[str, str]:
    """Values of variables of this process. Raises UsageError naming those that are empty."""
    if missing := [name for name in names if not environment.get(name)]:
        raise UsageError(f"pass_env names what is not set here: {', '.join(missing)}; export it, or take it out")
    return {name: environment[name] for name in names}


def public_key(path: str) -> str:
    """The public key in a file. Raises UsageError for no file, and for a private key."""
    if not path:
        return ""
    try:
        key = Path(path).expanduser().read_text().strip()
    except (OSError, UnicodeDecodeError) as e:
        raise UsageError(
            f"ssh_key {path} cannot be read ({e}); 'ssh-keygen -t ed25519' makes one, '' is none"
        ) from None
    if "PRIVATE" in key or len(key.split()) < 2:
        raise UsageError(f"ssh_key {path} is no public key; name the file that ends in .pub")
    return key
