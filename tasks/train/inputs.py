"""What the model is shown and asked: the same tokens and pixels in training, in rollouts and in evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tasks.model.prompts import prompt_text
from tasks.records import StageError
from tasks.train.guards import PromptMismatchError

CHECKED = 4
"""Pages that are compared before training."""


class ImageTokensCutError(StageError):
    """Prompts hold fewer image tokens than their images need."""


def check_rollouts(trainer: Any, rows: Any, prompt: str) -> None:
    """Compare what a GRPO trainer asks of the first rows with what evaluation asks, token by token, pixel by pixel.

    Raises ImageTokensCutError and PromptMismatchError.
    """
    rows = list(rows.select(range(min(CHECKED, len(rows)))))
    have, need = image_tokens(trainer, rows, prompt)
    if have < need:
        raise ImageTokensCutError(
            f"image tokens cut: {have} of the {need} that {len(rows)} pages need are in their prompts; let nothing"
            " shorten a prompt, or use smaller pages"
        )
    asked, pixels = _of_rollouts(trainer, rows)
    _check_same(asked, pixels, trainer.processing_class, prompt, rows)


def check_batch(trainer: Any, rows: Any, prompt: str) -> None:
    """Compare what an SFT trainer puts before the first answers with what evaluation asks; as `check_rollouts`."""
    import torch

    rows = list(rows.select(range(min(CHECKED, len(rows)))))
    batches = [trainer.data_collator([row]) for row in rows]
    asked = [batch["input_ids"][0][batch["labels"][0] == -100].tolist() for batch in batches]
    _check_same(asked, torch.cat([b["pixel_values"] for b in batches]), trainer.processing_class, prompt, rows)


def image_tokens(trainer: Any, rows: Sequence[Any], prompt: str) -> tuple[int, int]:
    """Image tokens in the prompts that a GRPO trainer makes of the rows, and in those of evaluation."""
    image = trainer.model.config.image_token_id
    made, _ = _of_rollouts(trainer, rows)
    wanted, _ = _of_evaluation(trainer.processing_class, prompt, rows)
    have, need = (sum(list(ids).count(image) for ids in prompts) for prompts in (made, wanted))
    return have, need


def _of_rollouts(trainer: Any, rows: Sequence[Any]) -> tuple[Any, Any]:
    """Token ids of each prompt, and the pixels of all, as TRL makes them (trl 1.14.2)."""
    from trl.data_utils import prepare_multimodal_messages

    prompts = [prepare_multimodal_messages(row["prompt"], images=row["images"]) for row in rows]
    ids, _, fields = trainer._tokenize_prompts(prompts)
    return ids, fields["pixel_values"]


def _of_evaluation(processor: Any, prompt: str, rows: Sequence[Any]) -> tuple[Any, Any]:
    """As `tasks.model.generate` makes them, without its padding."""
    images = [[image.convert("RGB") for image in row["images"]] for row in rows]
    inputs = processor(images=images, text=[prompt_text(processor, prompt)] * len(rows))
    return inputs["input_ids"], inputs["pixel_values"]


def _check_same(asked: Any, pixels: Any, processor: Any, prompt: str, rows: Sequence[Any]) -> None:
    import torch

    wanted, shown = _of_evaluation(processor, prompt, rows)
    for trained, evaluated in zip(asked, wanted, strict=True):
        if list(trained) != list(evaluated):
            raise PromptMismatchError(
                f"training asks {len(trained)} tokens, evaluation {len(evaluated)}, and they differ; both must go"
                " through one processor"
            )
    pixels, shown = torch.as_tensor(pixels), torch.as_tensor(shown)
    if pixels.shape != shown.shape or not torch.equal(pixels, shown.to(pixels.dtype)):
        raise PromptMismatchError(
            f"training shows pixels of shape {tuple(pixels.shape)}, evaluation {tuple(shown.shape)}, and they differ;"
            " both must go through one processor"
        )
