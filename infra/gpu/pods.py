"""`recto gpu up|status|ssh|down`: one pod at RunPod, by name."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

from infra.gpu.config import PodConfig, handed_on, public_key, reachable_api, shared_store
from infra.gpu.runpod import NoneFreeError, Pod, RunPod
from tasks.config import load_config
from tasks.records import StageError, UsageError

GRACE = timedelta(minutes=5)
"""Before RunPod removes a pod whose money is spent, its worker stops by itself, so that its run is marked."""

SURCHARGE = 1.1
"""A pod may cost so many times what was quoted, for its disk; a dearer one is removed."""


def act(action: str, run: str | Path) -> None:
    """Do what a verb says with the pod that a run file describes, and print what is told of it."""
    config = load_config(run, PodConfig)
    if action == "ssh":
        command = ssh_command(config)
        os.execvp(command[0], command)
    for line in {"up": up, "status": status, "down": down}[action](config):
        print(line, flush=True)


def up(config: PodConfig) -> Iterator[str]:
    """Provision the pod, or tell of the one that stands.

    Raises UsageError for what a pod could not work with, StageError where no GPU is free under the price.
    """
    if not config.image:
        raise UsageError("image is empty: build infra/Dockerfile, push it to a registry, and name it in the run file")
    api, store, key = reachable_api(config), shared_store(config), public_key(config.ssh_key)
    given = handed_on(config.pass_env, os.environ)
    runpod = RunPod.from_environment(given.values())
    if standing := runpod.pods(config.name):
        yield from map(_line, standing)
        yield "it stands, so nothing was made; `recto gpu down` removes it, with whatever it is doing"
        return
    if urlsplit(api).scheme == "http":
        yield f"warning: {api} is not https: the API's password and all that the worker says go in clear"
    environment = {
        "PREFECT_API_URL": api,
        "RECTO_HOME": store,
        "RECTO_POOL": config.pool,
        "RECTO_IDLE_MINUTES": str(config.idle_minutes),
        "RECTO_GPU_MEMORY": str(config.memory_gib),
        "HF_HOME": f"{config.mount.rstrip('/')}/huggingface",
        **({"PUBLIC_KEY": key} if key else {}),
        **config.env,
        **given,
    }
    pod, until = _deployed(runpod, config, environment)
    yield _line(pod)
    yield (
        f"it takes work of the pool {config.pool} from {api}; it removes itself after {config.idle_minutes:g} minutes "
        f"without any, and at {until:%Y-%m-%d %H:%M} UTC (${config.max_spend:g}) in any case"
    )


def status(config: PodConfig) -> Iterator[str]:
    """A line for each pod of the name; for none, one that says so."""
    standing = RunPod.from_environment().pods(config.name)
    yield from map(_line, standing)
    if not standing:
        yield f"no pod {config.name} stands, and nothing is charged"


def ssh_command(config: PodConfig) -> list[str]:
    """The command that opens a shell on the pod. Raises StageError where there is none to open yet."""
    standing = RunPod.from_environment().pods(config.name)
    if not standing:
        raise StageError(f"no pod {config.name} stands; `recto gpu up` makes one")
    pod = standing[0]
    if not pod.ssh:
        raise StageError(f"{_line(pod)}: no public SSH port yet; its image may still be on the way, try in a minute")
    if not shutil.which("ssh"):
        raise UsageError("there is no ssh on the path; install OpenSSH's client")
    host, port = pod.ssh
    key = config.ssh_key.removesuffix(".pub")
    # addresses are given to others later, so a host is known by the pod's id
    known = ["-o", f"HostKeyAlias=runpod-{pod.id}", "-o", "StrictHostKeyChecking=accept-new"]
    return ["ssh", *known, *(["-i", os.path.expanduser(key)] if key else []), "-p", str(port), f"recto@{host}"]


def down(config: PodConfig) -> Iterator[str]:
    """Remove every pod of the name, with its volume."""
    runpod = RunPod.from_environment()
    standing = runpod.pods(config.name)
    for pod in standing:
        runpod.terminate(pod.id)
        yield f"removed: {_line(pod)}"
    if not standing:
        yield f"no pod {config.name} stands"


def _deployed(runpod: RunPod, config: PodConfig, environment: dict[str, str]) -> tuple[Pod, datetime]:
    """A pod with the first GPU that is free for the price, and when RunPod will remove it."""
    secure = {"SECURE": True, "COMMUNITY": False, "ALL": None}[config.cloud]
    why: list[str] = []
    for gpu in config.gpus:
        price = runpod.price(gpu, secure)
        if price is None or price > config.max_per_hour:
            why.append(f"{gpu}: {'none free' if price is None else f'${price:g}'}")
            continue
        until = datetime.now(UTC) + timedelta(hours=config.max_spend / price)
        try:
            pod = runpod.deploy(config.name, _input(config, gpu, price, until, environment))
        except NoneFreeError:
            why.append(f"{gpu}: the last was taken")
            continue
        if pod.per_hour > min(SURCHARGE * price, config.max_per_hour):
            runpod.terminate(pod.id)
            raise StageError(f"RunPod quoted ${price:g} an hour for {gpu} and took ${pod.per_hour:g}; it was removed")
        return pod, until
    raise StageError(
        f"no GPU is free for ${config.max_per_hour:g} an hour ({'; '.join(why)}): try later, name more in gpus, "
        "raise max_per_hour, or set cloud to ALL"
    )


def _input(
    config: PodConfig, gpu: str, price: float, until: datetime, environment: dict[str, str]
) -> dict[str, object]:
    """PodFindAndDeployOnDemandInput, its name apart."""
    worker_until = {"RECTO_UNTIL": (until - GRACE).isoformat(timespec="seconds")}
    volume = {"networkVolumeId": config.network_volume} if config.network_volume else {"volumeInGb": config.volume_gb}
    return {
        "imageName": config.image,
        "gpuTypeId": gpu,
        "gpuCount": 1,
        "cloudType": config.cloud,
        "deployCost": price,
        "terminateAfter": f"{until:%Y-%m-%dT%H:%M:%SZ}",
        "containerDiskInGb": config.disk_gb,
        "volumeMountPath": config.mount,
        "allowedCudaVersions": list(config.cuda),
        "ports": "22/tcp",
        "supportPublicIp": True,
        "startSsh": bool(config.ssh_key),
        "env": [{"key": name, "value": value} for name, value in (environment | worker_until).items()],
        **volume,
    }


def _line(pod: Pod) -> str:
    spent = ""
    if pod.seconds is not None:
        spent = f", up {pod.seconds / 3600:.1f} h (${pod.per_hour * pod.seconds / 3600:.2f})"
    return f"pod {pod.name} ({pod.id}): {pod.gpu}, {pod.status.lower()}, ${pod.per_hour:g} an hour{spent}"
