"""What an OCR engine that knows nothing of how a page was made reads on it: Tesseract's recall of a label's words."""

from __future__ import annotations

import itertools
import os
import re
import subprocess
from collections import Counter

from tasks.markdown import visible_text
from tasks.records import StageError
from tasks.scoring.text import normalise, words

MODELS = {"ja": "jpn+eng"}  # of every other language, English
SECONDS = 120  # a page that takes longer has been read as nothing
_COARSE = 8  # pixels of the page to one of its paper
_BROKEN = re.compile(r"[-\u00ad\u2010]$")


def evened(image: bytes) -> bytes:
    """The encoded image as grey PNG: each pixel in relation to the paper around it, then its ink black.

    Tesseract draws one line between dark and light for the whole page: a shadow, or faded ink beside a dark table,
    which no reader minds, would end up on the wrong side of it.
    """
    import cv2
    import numpy as np

    page = cv2.imdecode(np.frombuffer(image, np.uint8), cv2.IMREAD_GRAYSCALE)
    if page is None:
        raise ValueError("not an image")
    height, width = page.shape
    small = cv2.resize(page, (-(-width // _COARSE), -(-height // _COARSE)), interpolation=cv2.INTER_AREA)
    paper = cv2.medianBlur(cv2.dilate(small, np.ones((3, 3), np.uint8)), 11)
    flat = cv2.divide(page, cv2.resize(paper, (width, height)), scale=255)
    inner = flat[height // 10 : height - height // 10, width // 10 : width - width // 10]
    ink = min(float(np.quantile(inner, 0.005)), 200.0)
    table = ((np.arange(256) - ink) * 255 / (255 - ink)).clip(0, 255).astype(np.uint8)
    return bytes(cv2.imencode(".png", cv2.LUT(flat, table), [cv2.IMWRITE_PNG_COMPRESSION, 1])[1])


def read_page(image: bytes, language: str, dpi: int) -> str:
    """The text Tesseract reads in an encoded image, its light evened; "" where it takes over `SECONDS`.

    Raises StageError where Tesseract or its model is missing, or it cannot read the image.
    """
    model = MODELS.get(language, "eng")
    command = ["tesseract", "stdin", "stdout", "-l", model, "--dpi", str(dpi)]
    env = {**os.environ, "OMP_THREAD_LIMIT": "1"}
    try:
        done = subprocess.run(command, input=evened(image), capture_output=True, env=env, timeout=SECONDS, check=True)
    except FileNotFoundError:
        raise StageError("Tesseract is not installed; 'make tools' brings it") from None
    except subprocess.TimeoutExpired:
        return ""
    except subprocess.CalledProcessError as e:
        raise StageError(f"tesseract -l {model} failed: {e.stderr.decode(errors='replace').strip()[-300:]}") from None
    return done.stdout.decode()


def missed_words(label: str, text: str) -> tuple[int, Counter[str]]:
    """How many words the label shows (each CJK character is one), and those of them that the text lacks.

    Formulas are no words: what an engine makes of their drawing says nothing of the page. A word that is broken at
    the end of a line is found in both halves put together, with or without a hyphen.
    """
    wanted = Counter(words(normalise(visible_text(label, formulas=False))))
    missed = wanted - Counter(words(normalise(text)))
    if not missed:
        return wanted.total(), missed
    lines = [line.split() for line in text.splitlines() if line.strip()]
    joined: Counter[str] = Counter()
    for above, below in itertools.pairwise(lines):
        for end in {above[-1], _BROKEN.sub("", above[-1])}:
            joined.update(words(normalise(end + below[0])))
    return wanted.total(), missed - joined


def word_recall(label: str, text: str) -> float | None:
    """Share, in [0, 1], of the label's words that the text holds; None where the label shows none."""
    count, missed = missed_words(label, text)
    return 1 - missed.total() / count if count else None
