"""Take the thinking out of a model's answer."""

from __future__ import annotations

import re

TAG = re.compile(r"</?think>", re.IGNORECASE)
TOKEN = re.compile(
    r"(?:^|(?<=</think>))[ \t>]*(?P<fence>`{3,}|~{3,})(?=(?P<info>[^\n]*))"
    r"|(?P<ticks>`+)|(?P<tag></?think>)|(?P<blank>\n[ \t]*(?=\n))",
    re.MULTILINE | re.IGNORECASE,
)


def _closing_ticks(tokens: list[re.Match[str]]) -> dict[int, int]:
    """For the token that opens a code span, the token that closes it: as many backticks, in the same paragraph."""
    closing: dict[int, int] = {}
    latest: dict[int, int] = {}  # number of backticks -> nearest token to the right
    for i in range(len(tokens) - 1, -1, -1):
        if tokens[i]["blank"]:
            latest.clear()
        elif run := tokens[i]["ticks"] or tokens[i]["fence"]:
            if run[0] == "`" and len(run) in latest:
                closing[i] = latest[len(run)]
            latest[len(run)] = i
    return closing


def strip_thinking(text: str) -> str:
    """The answer without its `<think>...</think>` blocks, in time linear in its length.

    - A block ends at the first `</think>` (thinking does not nest: a model often names the tag while it thinks).
    - A block that never ends reaches to the end: an answer that never left thinking is the empty text.
    - A `</think>` that nothing opened ends a thinking whose opening tag stood in the prompt: all before it goes.
    - Tags inside a code fence or a code span of the answer are content and stay; inside thinking, code means nothing.

    A text without such tags comes back as it is; otherwise white space at the ends goes too, and a space
    keeps the two sides of a block apart.
    """
    if not isinstance(text, str):
        raise TypeError(f"an answer is a str, not {type(text).__name__}")
    if not TAG.search(text):
        return text
    tokens = list(TOKEN.finditer(text))
    if not any(token["tag"] for token in tokens):
        return text
    closing = _closing_ticks(tokens)
    kept: list[str] = []
    begin: int | None = 0  # where the answer goes on; None while it thinks
    fence = ""
    i, found = 0, False
    while i < len(tokens):
        token = tokens[i]
        run, tag = token["fence"], (token["tag"] or "").lower()
        if begin is None:
            if tag == "</think>":
                begin = token.end()
        elif fence:
            if run and run[0] == fence[0] and len(run) >= len(fence) and not token["info"].strip():
                fence = ""
        elif run and not (run[0] == "`" and "`" in token["info"]):
            fence = run
        elif i in closing:
            i = closing[i]
        elif tag:
            found = True
            if tag == "<think>":
                kept.append(text[begin : token.start()])
                begin = None
            else:
                kept.clear()
                begin = token.end()
        i += 1
    if not found:
        return text
    if begin is not None:
        kept.append(text[begin:])
    return " ".join(piece for piece in kept if piece.strip()).strip()


def answer_to(reference: str, text: str) -> str:
    """The answer as it is compared with a page: without its thinking, unless the page itself shows such a tag outside
    code, where nobody can tell."""
    return strip_thinking(text) if isinstance(reference, str) and strip_thinking(reference) == reference else text
