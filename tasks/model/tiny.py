"""Tiny models of the Qwen3-VL architecture: the embedded reader at 3.5 M parameters, and smaller ones.

Every part is the stock class, so a saved folder loads through AutoProcessor and AutoModelForImageTextToText
exactly as Qwen/Qwen3-VL-2B-Instruct does. The reader cuts an image in patches of 8 px, merged 2 x 2: a vision token
is a cell of 16 x 16 px. Its text token is a byte of UTF-8.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.model.torchvision_cpu import declare_operators
from tasks.train_config import ModelConfig

if TYPE_CHECKING:
    import torch

PATCH, MERGE = 8, 2
CELL = PATCH * MERGE
PAD, END = "<|endoftext|>", "<|im_end|>"
SPECIAL = (PAD, "<|im_start|>", END, "<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>")
# constant pieces of every prompt, one token each: a fifth of the sequence otherwise
WHOLE = ("<|im_start|>user\n", "<|im_start|>assistant\n", ModelConfig().prompt)
# letters with the space or sign before them, single digits, other signs
WORDS = r"[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+|\s+"


@dataclass(frozen=True, slots=True)
class Shape:
    """Sizes of a model: width of a layer, of its feed-forward inside, number of layers and of attention heads."""

    patch: int = PATCH
    vision_width: int = 128
    vision_inner: int = 384
    vision_layers: int = 4
    vision_heads: int = 4
    deepstack: tuple[int, ...] = (1, 2)
    """Vision layers whose output also goes into the first text layers."""
    width: int = 192
    inner: int = 512
    layers: int = 4
    heads: int = 4
    groups: int = 2
    """Key-value heads."""
    rotary: tuple[int, int, int] = (6, 9, 9)
    """Share of the rotary frequencies for time, height and width: half of a head's width."""
    rotary_base: float = 10_000.0
    positions: int = 16 * 16
    """Learned positions of patches, a square of them."""
    context: int = 4096
    vocabulary: int = 0
    """0: the tokenizer's."""


READER = Shape()
CHAT_TEMPLATE = """\
{%- for message in messages -%}
<|im_start|>{{ message.role }}{{ '\\n' }}
{%- if message.content is string -%}
{{ message.content }}
{%- else -%}
{%- for part in message.content -%}
{%- if part.type == 'image' -%}<|vision_start|><|image_pad|><|vision_end|>
{%- elif part.type == 'text' -%}{{ part.text }}
{%- endif -%}
{%- endfor -%}
{%- endif -%}
<|im_end|>{{ '\\n' }}
{%- endfor -%}
{%- if add_generation_prompt -%}<|im_start|>assistant{{ '\\n' }}{%- endif -%}"""


def build_tokenizer(texts: Sequence[str] = (), size: int = 0) -> Any:
    """7 special tokens, 256 bytes, and the constant pieces of the prompt.

    No merges; with `texts`, those learned from them, until there are `size` tokens (pieces apart). A digit is never
    merged.
    """
    declare_operators()
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: i for i, token in enumerate((*SPECIAL, *alphabet))}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.normalizer = normalizers.NFC()
    to_bytes = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.pre_tokenizer = to_bytes
    tokenizer.decoder = decoders.ByteLevel()
    if texts:
        words = pre_tokenizers.Split(Regex(WORDS), "isolated")
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence([words, to_bytes])
        learn: Any = trainers.BpeTrainer
        tokenizer.train_from_iterator(
            texts, learn(vocab_size=size, special_tokens=list(SPECIAL), initial_alphabet=alphabet, show_progress=False)
        )
    tokenizer.add_special_tokens(list(SPECIAL))
    tokenizer.add_tokens([AddedToken(piece, normalized=False) for piece in WHOLE])
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer,
        eos_token=END,
        pad_token=PAD,
        additional_special_tokens=[token for token in SPECIAL if token not in (PAD, END)],
        model_max_length=4096,
        clean_up_tokenization_spaces=False,
        padding_side="left",
    )


def build_processor(tokenizer: Any = None, shape: Shape = READER) -> Any:
    """The stock Qwen3VLProcessor; the reader's tokenizer where none is given.

    Images of 32 x 32 to 640 x 640 px in area are not resized beyond whole cells.
    """
    declare_operators()
    from transformers.models.qwen2_vl.image_processing_qwen2_vl import Qwen2VLImageProcessor
    from transformers.models.qwen3_vl.processing_qwen3_vl import Qwen3VLProcessor
    from transformers.models.qwen3_vl.video_processing_qwen3_vl import Qwen3VLVideoProcessor

    pixels: dict[str, Any] = {
        "patch_size": shape.patch,
        "temporal_patch_size": 2,
        "merge_size": MERGE,
        "image_mean": [0.5] * 3,
        "image_std": [0.5] * 3,
    }
    return Qwen3VLProcessor(  # type: ignore[no-untyped-call]
        image_processor=Qwen2VLImageProcessor(size={"shortest_edge": 32 * 32, "longest_edge": 640 * 640}, **pixels),
        tokenizer=tokenizer or build_tokenizer(),
        video_processor=Qwen3VLVideoProcessor(**pixels),
        chat_template=CHAT_TEMPLATE,
    )


def build_model(tokenizer: Any, seed: int = 0, shape: Shape = READER) -> Any:
    """An untrained model, float32, with a tied embedding."""
    declare_operators()
    import torch
    from transformers import Qwen3VLConfig, Qwen3VLForConditionalGeneration

    token_id = tokenizer.convert_tokens_to_ids
    config = Qwen3VLConfig(
        text_config={
            "vocab_size": shape.vocabulary or len(tokenizer),
            "hidden_size": shape.width,
            "intermediate_size": shape.inner,
            "num_hidden_layers": shape.layers,
            "num_attention_heads": shape.heads,
            "num_key_value_heads": shape.groups,
            "head_dim": 2 * sum(shape.rotary),
            "max_position_embeddings": shape.context,
            "tie_word_embeddings": True,
            "rope_parameters": {
                "rope_type": "default",
                "rope_theta": shape.rotary_base,
                "mrope_section": list(shape.rotary),
                "mrope_interleaved": True,
            },
            "bos_token_id": token_id(PAD),
            "eos_token_id": token_id(END),
            "pad_token_id": token_id(PAD),
        },
        vision_config={
            "depth": shape.vision_layers,
            "hidden_size": shape.vision_width,
            "intermediate_size": shape.vision_inner,
            "num_heads": shape.vision_heads,
            "patch_size": shape.patch,
            "spatial_merge_size": MERGE,
            "temporal_patch_size": 2,
            "out_hidden_size": shape.width,
            "num_position_embeddings": shape.positions,
            "deepstack_visual_indexes": list(shape.deepstack),
        },
        image_token_id=token_id("<|image_pad|>"),
        video_token_id=token_id("<|video_pad|>"),
        vision_start_token_id=token_id("<|vision_start|>"),
        vision_end_token_id=token_id("<|vision_end|>"),
        tie_word_embeddings=True,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = Qwen3VLForConditionalGeneration(config)  # type: ignore[no-untyped-call]
    model.generation_config.eos_token_id = [token_id(END), token_id(PAD)]
    model.generation_config.pad_token_id = token_id(PAD)
    return model


def save(model: Any, processor: Any, folder: Path, dtype: torch.dtype | None = None) -> None:
    """Write model and processor to `folder`, the weights as `dtype` (default bfloat16, 7 MB)."""
    import torch

    dtype = dtype or torch.bfloat16
    tied = model.all_tied_weights_keys  # as copies they would no longer be seen to be one
    state = {name: tensor.to(dtype) for name, tensor in model.state_dict().items() if name not in tied}
    kept, model.config.dtype = model.config.dtype, dtype
    model.save_pretrained(folder, state_dict=state)
    model.config.dtype = kept
    processor.save_pretrained(folder)
