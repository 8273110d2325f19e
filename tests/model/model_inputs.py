from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PIL import Image, ImageDraw

from tasks.model.prompts import prompt_text


def draw(text: str, width: int = 256, height: int = 96) -> Image.Image:
    image = Image.new("RGB", (width, height), "white")
    ImageDraw.Draw(image).text((6, 6), text, fill="black")
    return image


def inputs_of(processor: Any, images: Sequence[Image.Image]) -> Any:
    text = prompt_text(processor, "Convert to Markdown.")
    return processor(
        images=[[image] for image in images],
        text=[text] * len(images),
        padding=True,
        padding_side="left",
        return_tensors="pt",
    )
