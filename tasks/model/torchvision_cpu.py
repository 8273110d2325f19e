"""Lets the registry's torchvision wheel, built for CUDA, import beside a CPU build of torch.

The wheel's compiled library does not load there, so the two operators that it would have declared are unknown
when torchvision registers their fake kernels. Declaring the schemas is enough: `transforms.v2`, all that
transformers uses, is pure torch. `nms` itself stays unusable.
"""

from __future__ import annotations

import sys

NMS = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"


def declare_operators() -> None:
    """Make `import torchvision` work. Call before transformers, trl or peft are imported; safe to repeat."""
    import torch

    try:
        import torchvision
    except RuntimeError as e:
        if "torchvision::" not in str(e):
            raise
        for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
            del sys.modules[name]
        for operator in ("nms", "qnms"):
            torch.library.define(f"torchvision::{operator}", NMS)
        import torchvision  # noqa: F401
