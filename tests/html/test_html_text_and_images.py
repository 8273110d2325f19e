from __future__ import annotations

import base64
import io
import random

from PIL import Image

from tasks.html.images import data_uri
from tasks.html.text import MAX_CHARS, beginning, visible


def plain(width: int, height: int) -> bytes:
    sink = io.BytesIO()
    Image.new("RGB", (width, height), "white").save(sink, "PNG")
    return sink.getvalue()


def test_control_characters_are_shown_and_do_nothing() -> None:
    assert visible("a\0b\x1b[31m\tc\r\nd\u202ee") == "a␀b␛[31m\tc\nd\ufffde"
    assert visible("\ud800") == "\ufffd"
    assert beginning("x" * (MAX_CHARS + 1)) == f"{'x' * MAX_CHARS}\n… 1 more characters"


def test_wide_images_are_made_smaller() -> None:
    assert data_uri(plain(3_000, 30))[1:] == (760, 8)
    small = plain(256, 96)
    uri, width, height = data_uri(small)
    assert (width, height) == (256, 96)
    assert base64.b64decode(uri.removeprefix("data:image/png;base64,")) == small
    assert data_uri(plain(30, 5_000))[2] == 1_600


def noise(size: tuple[int, int], seed: int) -> bytes:
    sink = io.BytesIO()
    Image.frombytes("L", size, random.Random(seed).randbytes(size[0] * size[1])).save(sink, "PNG")
    return sink.getvalue()


def test_an_image_that_cannot_be_pressed_is_bounded_all_the_same() -> None:
    assert len(data_uri(noise((1_240, 1_754), 0))[0]) < 400_000
