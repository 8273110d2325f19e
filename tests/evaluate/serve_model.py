"""`transformers serve` with a model folder, on a machine whose torchvision has no image decoder: FOLDER PORT."""

from __future__ import annotations

import io
import sys
from typing import Any

from tasks.model.torchvision_cpu import declare_operators

declare_operators()

import torch  # noqa: E402
from PIL import Image  # noqa: E402
from torchvision.io import image as torchvision_image  # noqa: E402
from torchvision.transforms.functional import pil_to_tensor  # noqa: E402


def decode(data: Any, *_: Any, **__: Any) -> torch.Tensor:
    return pil_to_tensor(Image.open(io.BytesIO(bytes(data.numpy()))).convert("RGB"))


if __name__ == "__main__":
    import torchvision.io

    torchvision.io.decode_image = torchvision_image.decode_image = decode
    from transformers.cli.transformers import main

    folder, port = sys.argv[1:]
    sys.argv = ["transformers", "serve", folder, "--port", port, "--host", "127.0.0.1", "--device", "cpu"]
    main()
