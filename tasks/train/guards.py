"""What must hold before, while and after an adapter is trained. Every error says with which number it did not."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tasks.model.prompts import messages, prompt_text
from tasks.records import StageError
from tasks.train.pages import DatasetPage
from tasks.train_config import LoraConfig

MEASURED_SIZES = 16
"""Different image sizes whose prompts are measured, the largest ones."""


class NothingToTrainError(StageError):
    """No parameter takes part in training."""


class ContextTooShortError(StageError):
    """The longest prompt and the longest answer do not fit into the model's context together."""


class PromptMismatchError(StageError):
    """Training would ask something else than evaluation does."""


class AdapterMismatchError(StageError):
    """The adapter to go on from is not the one that the run describes."""


class AdapterUnchangedError(StageError):
    """Training left adapter weights as they were."""


class NotFiniteError(StageError):
    """The loss or its gradient is no finite number."""


class NoGradientError(StageError):
    """A part of the adapter gets no gradient, while another does."""


def trainable_parameters(model: Any) -> int:
    """Number of parameters that are trained. Raises NothingToTrainError where there are none."""
    count = int(sum(p.numel() for p in model.parameters() if p.requires_grad))
    if not count:
        total = sum(p.numel() for p in model.parameters())
        raise NothingToTrainError(
            f"0 of {total} parameters are trainable; the adapter fits no layer of this model, or was loaded frozen"
        )
    return count


def split_too_long(
    pages: Sequence[DatasetPage], tokenizer: Any, max_new_tokens: int
) -> tuple[list[DatasetPage], list[tuple[DatasetPage, int]]]:
    """Pages whose label and end token fit into an answer, and the others with their tokens."""
    kept: list[DatasetPage] = []
    long: list[tuple[DatasetPage, int]] = []
    for page in pages:
        tokens = len(tokenizer(answer_text(page.markdown), add_special_tokens=False)["input_ids"]) + 1
        if tokens > max_new_tokens:
            long.append((page, tokens))
        else:
            kept.append(page)
    return kept, long


def answer_text(label: str) -> str:
    """The answer that a model is to give for a label: the label without the line ends around it."""
    return label.strip("\n")


def check_context(
    model: Any, processor: Any, prompt: str, sizes: Iterable[tuple[int, int]], max_new_tokens: int
) -> int:
    """Tokens of the longest prompt over images of these sizes (width, height), image tokens included.

    Raises ContextTooShortError where prompt and answer exceed the model's context.
    """
    from PIL import Image

    largest = sorted(set(sizes), key=lambda size: (size[0] * size[1], size))[-MEASURED_SIZES:]
    text = prompt_text(processor, prompt)
    longest, size = max(
        (len(processor(images=[[Image.new("RGB", size)]], text=[text])["input_ids"][0]), size) for size in largest
    )
    context = model.config.get_text_config().max_position_embeddings
    if longest + max_new_tokens > context:
        raise ContextTooShortError(
            f"a page of {size[0]} x {size[1]} px makes a prompt of {longest} tokens, with model.max_new_tokens ="
            f" {max_new_tokens} more than the model's context of {context}; use smaller pages or shorter answers"
        )
    return longest


def check_prompt(processor: Any, prompt: str) -> None:
    """Raise PromptMismatchError unless the trainer's way through the chat template gives evaluation's bytes."""
    from trl.data_utils import apply_chat_template, prepare_multimodal_messages

    conversation = prepare_multimodal_messages(trainer_prompt(prompt), images=[None])
    trained = apply_chat_template({"prompt": conversation}, processor)["prompt"]
    evaluated = prompt_text(processor, prompt)
    if trained != evaluated:
        raise PromptMismatchError(
            f"training asks {len(trained.encode())} bytes, {trained!r}, evaluation {len(evaluated.encode())},"
            f" {evaluated!r}; the model's chat template must not depend on how a message is spelled"
        )


def trainer_prompt(prompt: str) -> list[dict[str, str]]:
    """`prompts.messages` as the rows of a trainer's dataset hold it: the trainer puts the images before the text."""
    return [
        {"role": turn["role"], "content": "".join(part.get("text", "") for part in turn["content"])}
        for turn in messages(prompt)
    ]


def check_adapter(model: Any, config: LoraConfig, layers: str) -> None:
    """Raise AdapterMismatchError unless the loaded adapter is what [lora] says."""
    adapter = model.peft_config["default"]
    loaded = {"r": adapter.r, "alpha": adapter.lora_alpha, "layers": adapter.target_modules}
    wanted = {"r": config.r, "alpha": config.alpha, "layers": layers}
    if wrong := [f"{k} = {loaded[k]}, not {wanted[k]}" for k in loaded if loaded[k] != wanted[k]]:
        raise AdapterMismatchError(f"the SFT adapter has {'; '.join(wrong)}; give both runs the same [lora]")


def check_changed(before: Mapping[str, str], after: Mapping[str, str], steps: int) -> None:
    """Raise AdapterUnchangedError for a part of the adapter (text, vision, merger) with the same digest as before."""
    if same := sorted(part for part in before if before[part] == after[part]):
        raise AdapterUnchangedError(
            f"after {steps} steps the adapter's {' and '.join(same)} weights are those it began with (digest"
            f" {before[same[0]]}): no gradient reached them; look at grad_norm and frac_reward_zero_std in the log"
        )


def check_gradients(step: int, norms: Sequence[Mapping[str, float]]) -> None:
    """Raise NoGradientError for a part whose gradient was 0 in all of these steps, where in each another's was not."""
    for part in norms[0]:
        if all(of_step[part] == 0 < max(of_step.values()) for of_step in norms):
            others = ", ".join(f"{name} {norm:.3g}" for name, norm in norms[-1].items() if norm)
            raise NoGradientError(
                f"step {step}: the {part} adapter got no gradient in {len(norms)} steps (others: {others}); look for"
                " frozen weights, or leave these layers out (lora.vision)"
            )


def check_finite(step: int, logs: Mapping[str, Any]) -> None:
    """Raise NotFiniteError for a loss or gradient norm that is nan or infinite."""
    for name in ("loss", "grad_norm"):
        if isinstance(value := logs.get(name), float) and not math.isfinite(value):
            raise NotFiniteError(
                f"step {step}: {name} is {value}; lower the learning rate, or set model.dtype to 'float32'"
            )
