"""Document models of the Hub, asked as their authors ask them. Their answers are kept in their own dialect:
formulas in `\\(...\\)`, tables as HTML or LaTeX; what scoring reads of these, `tasks.scoring` says."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from tasks.config import HubModel
from tasks.evaluate.page_set import PageInput
from tasks.evaluate.systems.reader import PageByPage, decoded, installed
from tasks.model.generate import Answer
from tasks.model.load import load_model, load_processor, revision_of, unavailable
from tasks.model.torchvision_cpu import declare_operators
from tasks.train.environment import base_digest

if TYPE_CHECKING:
    from PIL.Image import Image

PUBLISHED = {
    "nougat": "facebook/nougat-base",
    "got-ocr2": "stepfun-ai/GOT-OCR-2.0-hf",
    "olmocr": "allenai/olmOCR-2-7B-1025",
}
OLMOCR_LONGEST_SIDE = 1288  # pixels, as in olmOCR's own pipeline
FRONT_MATTER = re.compile(r"\A---\n.*?\n---\n", re.DOTALL)

Ask = Callable[["Image"], tuple[Any, int]]


def versions(system: HubModel) -> Mapping[str, str]:
    name = _name(system)
    libraries = {"nougat": ("nltk", "levenshtein"), "olmocr": ("olmocr",)}.get(system.kind, ())
    return {name: base_digest(name), **installed("torch", "transformers", *libraries)}


def _name(system: HubModel) -> str:
    return system.model or PUBLISHED[system.kind]


def _reader(ask: Ask, decode: Callable[[Any], str], max_new_tokens: int) -> PageByPage:
    """`ask` turns a page image into the ids of prompt and answer, and how many of them are the prompt's; `decode` an
    answer's ids into Markdown."""

    def convert(page: PageInput) -> Answer:
        import torch

        with torch.inference_mode():
            ids, prompt = ask(decoded(page))
        answer = ids[0, prompt:]
        return Answer(decode(answer).strip(), len(answer) >= max_new_tokens)

    return PageByPage(convert, batch=1)


def open_reader(system: HubModel) -> PageByPage:
    versions(system)
    return {"nougat": _nougat, "got-ocr2": _got_ocr2, "olmocr": _olmocr}[system.kind](system)


def _nougat(system: HubModel) -> PageByPage:
    """Nougat (Blecher et al. 2023, arXiv 2308.13418)."""
    import torch
    from transformers import NougatImageProcessor, NougatTokenizer, VisionEncoderDecoderModel

    declare_operators()
    name = _name(system)
    try:
        processor: Any = NougatImageProcessor.from_pretrained(name, revision=revision_of(name))
        tokenizer: Any = NougatTokenizer.from_pretrained(name, revision=revision_of(name))
        model: Any = VisionEncoderDecoderModel.from_pretrained(
            name, revision=revision_of(name), dtype=getattr(torch, system.dtype)
        )
    except (OSError, ValueError) as e:
        raise unavailable(name, e) from e
    model = model.to("cuda" if torch.cuda.is_available() else "cpu").eval()

    def ask(image: Image) -> tuple[Any, int]:
        pixels = processor(image, return_tensors="pt").pixel_values.to(model.device, model.dtype)
        unknown = [[tokenizer.unk_token_id]]
        ids = model.generate(pixels, min_length=1, max_new_tokens=system.max_new_tokens, bad_words_ids=unknown)
        return ids, 1  # the token that starts the decoder

    def decode(ids: Any) -> str:
        text = tokenizer.decode(ids, skip_special_tokens=True)
        return str(tokenizer.post_process_generation(text, fix_markdown=False))

    return _reader(ask, decode, system.max_new_tokens)


def _got_ocr2(system: HubModel) -> PageByPage:
    """GOT-OCR 2 (Wei et al. 2024, arXiv 2409.01704), formatted output."""
    model, processor = load_model(_name(system), system.dtype), load_processor(_name(system))

    def ask(image: Image) -> tuple[Any, int]:
        inputs = processor(image, return_tensors="pt", format=True).to(model.device, model.dtype)
        ids = model.generate(
            **inputs,
            do_sample=False,
            tokenizer=processor.tokenizer,
            stop_strings="<|im_end|>",
            max_new_tokens=system.max_new_tokens,
        )
        return ids, inputs["input_ids"].shape[1]

    return _reader(ask, _plain(processor), system.max_new_tokens)


def _olmocr(system: HubModel) -> PageByPage:
    """olmOCR 2 (Poznanski et al. 2025, arXiv 2510.19817), once and greedy: its own pipeline asks again, warmer, where
    an answer does not end."""
    from olmocr.prompts.prompts import build_no_anchoring_v4_yaml_prompt

    model, processor = load_model(_name(system), system.dtype), load_processor(_name(system))
    # its training put the text before the image
    content = [{"type": "text", "text": build_no_anchoring_v4_yaml_prompt()}, {"type": "image"}]
    prompt = processor.apply_chat_template(
        [{"role": "user", "content": content}], tokenize=False, add_generation_prompt=True
    )

    def ask(image: Image) -> tuple[Any, int]:
        scale = OLMOCR_LONGEST_SIDE / max(image.size)
        resized = image.resize((round(image.width * scale), round(image.height * scale)))
        inputs = processor(images=[resized], text=[prompt], return_tensors="pt").to(model.device, model.dtype)
        ids = model.generate(**inputs, do_sample=False, max_new_tokens=system.max_new_tokens)
        return ids, inputs["input_ids"].shape[1]

    plain = _plain(processor)
    return _reader(ask, lambda ids: FRONT_MATTER.sub("", plain(ids).strip()), system.max_new_tokens)


def _plain(processor: Any) -> Callable[[Any], str]:
    return lambda ids: str(processor.tokenizer.decode(ids, skip_special_tokens=True))
