"""The embedded reader: the Qwen3-VL architecture at 3.5 M parameters, with a byte-level tokenizer.

Every part is the stock class, so a saved folder loads through AutoProcessor and AutoModelForImageTextToText
exactly as Qwen/Qwen3-VL-2B-Instruct does. An image is cut in patches of 8 px, merged 2 x 2: a vision token is a
cell of 16 x 16 px. A text token is a byte of UTF-8.
"""

from __future__ import annotations

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


def build_tokenizer() -> Any:
    """7 special tokens, 256 bytes, and the constant pieces of the prompt. No merges."""
    declare_operators()
    from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: i for i, token in enumerate((*SPECIAL, *alphabet))}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
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


def build_processor() -> Any:
    """The stock Qwen3VLProcessor. Pages of 32 x 32 to 640 x 640 px in area are not resized beyond whole cells."""
    declare_operators()
    from transformers.models.qwen2_vl.image_processing_qwen2_vl import Qwen2VLImageProcessor
    from transformers.models.qwen3_vl.processing_qwen3_vl import Qwen3VLProcessor
    from transformers.models.qwen3_vl.video_processing_qwen3_vl import Qwen3VLVideoProcessor

    pixels: dict[str, Any] = {
        "patch_size": PATCH,
        "temporal_patch_size": 2,
        "merge_size": MERGE,
        "image_mean": [0.5] * 3,
        "image_std": [0.5] * 3,
    }
    return Qwen3VLProcessor(  # type: ignore[no-untyped-call]
        image_processor=Qwen2VLImageProcessor(size={"shortest_edge": 32 * 32, "longest_edge": 640 * 640}, **pixels),
        tokenizer=build_tokenizer(),
        video_processor=Qwen3VLVideoProcessor(**pixels),
        chat_template=CHAT_TEMPLATE,
    )


def build_model(tokenizer: Any, seed: int = 0) -> Any:
    """An untrained model, float32. Vision: 4 layers of 128. Text: 4 layers of 192, tied embedding."""
    declare_operators()
    import torch
    from transformers import Qwen3VLConfig, Qwen3VLForConditionalGeneration

    token_id = tokenizer.convert_tokens_to_ids
    config = Qwen3VLConfig(
        text_config={
            "vocab_size": len(tokenizer),
            "hidden_size": 192,
            "intermediate_size": 512,
            "num_hidden_layers": 4,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "head_dim": 48,
            "max_position_embeddings": 4096,
            "tie_word_embeddings": True,
            # the sections (time, height, width) sum to head_dim / 2
            "rope_parameters": {
                "rope_type": "default",
                "rope_theta": 10000.0,
                "mrope_section": [6, 9, 9],
                "mrope_interleaved": True,
            },
            "bos_token_id": token_id(PAD),
            "eos_token_id": token_id(END),
            "pad_token_id": token_id(PAD),
        },
        vision_config={
            "depth": 4,
            "hidden_size": 128,
            "intermediate_size": 384,
            "num_heads": 4,
            "patch_size": PATCH,
            "spatial_merge_size": MERGE,
            "temporal_patch_size": 2,
            "out_hidden_size": 192,
            "num_position_embeddings": 16 * 16,
            "deepstack_visual_indexes": [1, 2],
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
    state = {name: tensor.to(dtype) for name, tensor in model.state_dict().items()}
    kept, model.config.dtype = model.config.dtype, dtype
    model.save_pretrained(folder, state_dict=state)
    model.config.dtype = kept
    processor.save_pretrained(folder)
