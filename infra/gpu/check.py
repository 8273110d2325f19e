"""Whether the GPU of this machine can train: asked of PyTorch, in a process that gives the GPU back."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict, dataclass

from tasks.records import StageError

SECONDS = 300


@dataclass(frozen=True, slots=True)
class Gpu:
    """`cuda` is the version that PyTorch was built for; the driver is new enough for it, or nothing was found."""

    name: str
    gib: float
    bf16: bool
    capability: str
    cuda: str


def check_gpu(least_gib: float = 0) -> str:
    """The GPU in a line. Raises StageError, one line too, for one that is missing, too small or too old."""
    command = [sys.executable, "-m", "infra.gpu.check"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise StageError(f"no usable GPU: PyTorch did not start on it in {SECONDS} s") from None
    if done.returncode:
        said = done.stderr.strip().splitlines() or [f"the check ended with {done.returncode}"]
        raise StageError(f"no usable GPU: {said[-1]}")
    gpu = Gpu(**json.loads(done.stdout.splitlines()[-1]))
    if gpu.gib < least_gib:
        raise StageError(f"{gpu.name} has {gpu.gib:.1f} GiB of memory, and RECTO_GPU_MEMORY asks for {least_gib:g}")
    if not gpu.bf16:
        raise StageError(f"{gpu.name} (compute capability {gpu.capability}) has no bfloat16; take one of 8.0 or newer")
    return f"{gpu.name}, {gpu.gib:.1f} GiB, bfloat16, CUDA {gpu.cuda}"


def look() -> Gpu:
    """What PyTorch sees, after it has counted on the GPU. Raises what PyTorch raises where it cannot."""
    import torch

    torch.cuda.init()  # type: ignore[no-untyped-call]  # says what is wrong with driver or build
    device = torch.cuda.get_device_properties(0)
    bf16 = torch.cuda.is_bf16_supported(including_emulation=False)
    if torch.ones(8, device="cuda", dtype=torch.float32).sum().item() != 8:
        raise RuntimeError(f"{device.name} counts wrong")
    capability = f"{device.major}.{device.minor}"
    return Gpu(device.name, device.total_memory / 2**30, bf16, capability, str(torch.version.cuda))


def main() -> None:
    try:
        print(json.dumps(asdict(look())))
    except (RuntimeError, AssertionError, ImportError) as e:
        sys.exit(str(e).strip().splitlines()[0])


if __name__ == "__main__":
    main()
