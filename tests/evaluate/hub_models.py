"""Document models of the Hub in miniature, with random weights: their real classes, processors and saved folders."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tasks.model import tiny
from tasks.model.torchvision_cpu import declare_operators


def _byte_tokenizer(*special: str) -> Any:
    declare_operators()
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokens = ["<s>", "<pad>", "</s>", "<unk>", *special, *alphabet]
    tokenizer = Tokenizer(models.BPE(vocab={t: i for i, t in enumerate(tokens)}, merges=[], unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(["<s>", "<pad>", "</s>", "<unk>", *special])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", pad_token="<pad>", unk_token="<unk>"
    )


def got_ocr2(folder: Path) -> Path:
    tokenizer = _byte_tokenizer("<|im_start|>", "<|im_end|>", "<img>", "</img>", "<imgpad>")
    from transformers import GotOcr2Config, GotOcr2ForConditionalGeneration, GotOcr2Processor
    from transformers.models.got_ocr2.image_processing_got_ocr2 import GotOcr2ImageProcessor

    text = {"vocab_size": len(tokenizer), "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1}
    heads = {"num_attention_heads": 2, "num_key_value_heads": 2, "max_position_embeddings": 2048}
    vision = {"hidden_size": 8, "output_channels": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "mlp_dim": 8}
    config = GotOcr2Config(
        text_config={**text, **heads, "eos_token_id": 2, "pad_token_id": 1},
        vision_config={**vision, "global_attn_indexes": []},
        image_token_index=tokenizer.convert_tokens_to_ids("<imgpad>"),
    )
    GotOcr2ForConditionalGeneration(config).save_pretrained(folder)
    GotOcr2Processor(GotOcr2ImageProcessor(size={"height": 1024, "width": 1024}), tokenizer).save_pretrained(folder)
    return folder


def nougat(folder: Path) -> Path:
    declare_operators()
    from transformers import (
        DonutSwinConfig,
        MBartConfig,
        NougatProcessor,
        NougatTokenizer,
        VisionEncoderDecoderConfig,
        VisionEncoderDecoderModel,
    )
    from transformers.models.nougat.image_processing_nougat import NougatImageProcessor

    tokenizer = NougatTokenizer(tokenizer_object=_byte_tokenizer().backend_tokenizer)
    encoder = DonutSwinConfig(image_size=[64, 64], embed_dim=8, depths=[1, 1], num_heads=[2, 2], window_size=4)
    decoder = MBartConfig(
        vocab_size=len(tokenizer),
        d_model=16,
        decoder_layers=1,
        decoder_attention_heads=2,
        decoder_ffn_dim=16,
        is_decoder=True,
        add_cross_attention=True,
        forced_eos_token_id=None,
    )
    config = VisionEncoderDecoderConfig.from_encoder_decoder_configs(encoder, decoder)
    config.decoder_start_token_id, config.pad_token_id, config.eos_token_id = 0, 1, 2
    model: Any = VisionEncoderDecoderModel(config=config)
    model.generation_config.decoder_start_token_id = 0
    model.save_pretrained(folder)
    NougatProcessor(NougatImageProcessor(size={"height": 64, "width": 64}), tokenizer).save_pretrained(folder)
    return folder


def qwen(folder: Path) -> Path:
    """Stands for olmOCR, whose classes are Qwen2.5-VL's."""
    processor = tiny.build_processor()
    tiny.save(tiny.build_model(processor.tokenizer), processor, folder)
    return folder
