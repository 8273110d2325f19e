"""Cheaper rollouts on a CPU, equal to TRL's own up to rounding.

The answers of a group are about the same page and come from the same weights. So a page is looked at once, not once
an answer, both when answers are sampled and when their gradient is taken; and while answers are sampled token by
token the adapter is merged into the weights, which spares two small products a layer and token.

Import after `trainer.prepare_libraries`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from peft.tuners.lora import LoraLayer

from tasks.train.guided import GuidedTrainer


class SharedPagesTrainer(GuidedTrainer):
    """GuidedTrainer with the two shortcuts. `_generate_single_turn` is where TRL samples (trl 1.14.2)."""

    def __init__(self, model: Any, **options: Any) -> None:
        super().__init__(model=model, **options)
        look_once(self.model.get_base_model().model.visual)

    def _generate_single_turn(self, *inputs: Any, **options: Any) -> Any:
        with merged(self.model):
            return super()._generate_single_turn(*inputs, **options)


@contextmanager
def merged(model: Any) -> Iterator[None]:
    """The active adapter inside the base weights; afterwards these are put back as they were, not computed back."""
    layers = [
        layer
        for layer in model.modules()
        # what is quantised could only be merged by rounding it anew
        if isinstance(layer, LoraLayer) and layer.get_base_layer().weight.is_floating_point()
    ]
    weights = [layer.get_base_layer().weight.data for layer in layers]
    try:
        for layer in layers:
            layer.merge(safe_merge=True)  # into a copy
        yield
    finally:
        for layer, weight in zip(layers, weights, strict=True):
            layer.get_base_layer().weight.data = weight
            layer.merged_adapters.clear()


def look_once(visual: Any) -> None:
    """Let a Qwen3-VL vision model compute equal images of a batch once. Gradients of the copies add up."""
    stock = visual.forward

    def forward(pixels: Any, grid_thw: Any, **options: Any) -> Any:
        """(patches, channels * frames * patch * patch), (images, 3) -> features, as the stock forward."""
        first, copy_of = _first_of_equals(pixels, grid_thw)
        if len(first) == len(copy_of):
            return stock(pixels, grid_thw=grid_thw, **options)
        patches = grid_thw.prod(-1).tolist()
        parts = pixels.split(patches)
        output = stock(torch.cat([parts[i] for i in first]), grid_thw=grid_thw[first], **options)
        lengths = [patches[i] for i in first]
        cell = visual.spatial_merge_size**2
        output.last_hidden_state = _spread(output.last_hidden_state, lengths, copy_of)
        output.pooler_output = _spread(output.pooler_output, [n // cell for n in lengths], copy_of)
        output.deepstack_features = [
            _spread(features, [n // cell for n in lengths], copy_of) for features in output.deepstack_features
        ]
        return output

    visual.forward = forward


def _first_of_equals(pixels: Any, grid_thw: Any) -> tuple[list[int], list[int]]:
    """Images that differ from all before them, and for every image its place among these."""
    place: dict[tuple[bytes, bytes], int] = {}
    first: list[int] = []
    copy_of: list[int] = []
    for i, (part, grid) in enumerate(zip(pixels.split(grid_thw.prod(-1).tolist()), grid_thw, strict=True)):
        key = (part.view(torch.uint8).numpy().tobytes(), grid.numpy().tobytes())
        if key not in place:
            place[key] = len(first)
            first.append(i)
        copy_of.append(place[key])
    return first, copy_of


def _spread(features: Any, lengths: list[int], copy_of: list[int]) -> Any:
    parts = features.split(lengths)
    return torch.cat([parts[i] for i in copy_of])
