"""Faster ways through Qwen3-VL on a CPU, equal to the stock ones up to rounding.

The stock vision attention runs image after image; here the images of a batch that have one size are attended to
together, and of a large one the scores are never whole in memory. The patch embedding, whose stride is its kernel, is a
linear map, and the norm is torch's own. Training in bfloat16 (weights or autocast) takes half the time so; float32
gains little. Opt-in, per model, reversible.
"""

from __future__ import annotations

from types import MethodType
from typing import Any

LONGEST = 1024  # vision tokens of an image beyond which plain attention's memory outweighs its speed


def _vision_attention(
    self: Any,
    hidden_states: Any,
    cu_seqlens: Any,
    position_embeddings: Any = None,
    max_seqlen: int | None = None,
    **kwargs: Any,
) -> Any:
    """Self-attention within each image: (tokens, hidden) -> (tokens, hidden)."""
    import torch
    from torch.nn.functional import scaled_dot_product_attention
    from transformers.models.qwen3_vl.modeling_qwen3_vl import apply_rotary_pos_emb_vision

    lengths = cu_seqlens.diff().tolist()
    long, equal = max(lengths) > LONGEST, len(set(lengths)) == 1
    if not long and not equal:
        return type(self).forward(self, hidden_states, cu_seqlens, position_embeddings, max_seqlen, **kwargs)
    tokens = hidden_states.shape[0]
    q, k, v = self.qkv(hidden_states).view(tokens, 3, self.num_heads, -1).unbind(1)
    q, k = apply_rotary_pos_emb_vision(q, k, *position_embeddings)
    if long:
        parts = zip(*(x.transpose(0, 1).split(lengths, 1) for x in (q, k, v)), strict=True)
        each = [scaled_dot_product_attention(q, k, v, scale=self.scaling) for q, k, v in parts]
        return self.proj(torch.cat(each, 1).transpose(0, 1).reshape(tokens, -1))
    q, k, v = (x.view(-1, lengths[0], self.num_heads, x.shape[-1]).transpose(1, 2) for x in (q, k, v))
    if v.dtype == torch.bfloat16:
        attended = torch.softmax((q * self.scaling) @ k.transpose(-1, -2), -1) @ v
    else:
        attended = scaled_dot_product_attention(q, k, v, scale=self.scaling)
    return self.proj(attended.transpose(1, 2).reshape(tokens, -1))


def _patch_embedding(self: Any, hidden_states: Any) -> Any:
    """(patches, channels * frames * patch * patch) -> (patches, hidden)."""
    import torch

    weight = self.proj.weight.flatten(1)
    return torch.nn.functional.linear(hidden_states.to(weight.dtype), weight, self.proj.bias)


def _rms_norm(self: Any, hidden_states: Any) -> Any:
    import torch

    weight = self.weight.to(hidden_states.dtype)
    return torch.nn.functional.rms_norm(hidden_states, weight.shape, weight, self.variance_epsilon)


def _replacements() -> dict[type, Any]:
    from transformers.models.qwen3_vl import modeling_qwen3_vl as qwen

    return {
        qwen.Qwen3VLVisionAttention: _vision_attention,
        qwen.Qwen3VLVisionPatchEmbed: _patch_embedding,
        qwen.Qwen3VLTextRMSNorm: _rms_norm,
    }


def speed_up(model: Any) -> Any:
    """Switch the fast paths on in `model` (also under a peft adapter) and return it."""
    replacements = _replacements()
    for module in model.modules():
        if type(module) in replacements:
            module.forward = MethodType(replacements[type(module)], module)
    return model


def restore(model: Any) -> Any:
    """Switch the stock paths on again."""
    replacements = _replacements()
    for module in model.modules():
        if type(module) in replacements:
            module.__dict__.pop("forward", None)
    return model
