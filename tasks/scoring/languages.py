"""Names of programming languages as code blocks carry them."""

from __future__ import annotations

import re

_ALIASES = {
    "python": "py python3 py3 pycon",
    "bash": "sh shell zsh console shell-session shellsession terminal",
    "javascript": "js jsx mjs node",
    "typescript": "ts tsx",
    "yaml": "yml",
    "markdown": "md",
    "html": "htm",
    "c++": "cpp cxx cc",
    "c#": "cs csharp",
    "rust": "rs",
    "ruby": "rb",
    "go": "golang",
    "dockerfile": "docker",
    "": "text txt plain plaintext none",
}
_NAME = {alias: name for name, aliases in _ALIASES.items() for alias in aliases.split()}
_TAG = re.compile(r"[^\s,{}]+")


def language(info: str) -> str:
    """The language of an info string: its first word in lower case, by its usual name; "" for plain text."""
    found = _TAG.search(info)
    tag = found[0].lower().removeprefix(".").removeprefix("language-") if found else ""
    return _NAME.get(tag, tag)
