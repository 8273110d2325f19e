"""Page images inside an HTML file."""

from __future__ import annotations

import base64
import io

_WIDEST, _TALLEST = 760, 1_600  # pixels of a page image in an HTML file
_SMALL_IMAGE, _IMAGE = 30_000, 45_000  # bytes: an image that stays as it is; what others are pressed below
_QUALITIES = (60, 40, 25, 10)


def data_uri(image: bytes) -> tuple[str, int, int]:
    """A page image as a data URI of about 60 kB at most, and its width and height in pixels.

    A small PNG stays as it is; what is larger is scaled into 760 x 1600 pixels and pressed (WebP).
    """
    from PIL import Image

    opened = Image.open(io.BytesIO(image))
    fits = opened.width <= _WIDEST and opened.height <= _TALLEST
    if opened.format == "PNG" and fits and len(image) <= _SMALL_IMAGE:
        return _uri("png", image), opened.width, opened.height
    picture = opened.convert("L" if opened.mode in ("1", "L", "LA", "I;16") else "RGB")
    picture.thumbnail((_WIDEST, _TALLEST), Image.Resampling.LANCZOS)
    for quality in _QUALITIES:
        sink = io.BytesIO()
        picture.save(sink, "WEBP", quality=quality, method=2)
        if sink.tell() <= _IMAGE:
            break
    return _uri("webp", sink.getvalue()), picture.width, picture.height


def _uri(kind: str, image: bytes) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(image).decode()}"
