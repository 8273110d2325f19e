"""What names a person or a machine: e-mail and IP addresses become addresses that are reserved for examples."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection

from tasks.config import Masked

_EMAIL = re.compile(
    r"(?<![\w.%+/-])(?!git@)[\w.%+-]{1,64}@(?!(?:[\w-]+\.)*example\.)(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}(?![\w@])",
    re.ASCII,
)
_FOUR = re.compile(r"(?<![\w.-])\d{1,3}(?:\.\d{1,3}){3}(?![\w-]|\.\d)", re.ASCII)
_SIX = re.compile(r"(?<![\w:.])[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7}(?![\w:])", re.ASCII)


def mask(text: str, kinds: Collection[Masked]) -> str:
    """The text with e-mail addresses (RFC 2606) and public IP addresses (RFC 5737, RFC 3849) made examples.

    Addresses that are the same everywhere (loopback, private networks, masks, examples) stay, as do section numbers.
    """
    if "email" in kinds:
        text = _EMAIL.sub("user@example.com", text)
    if "ip" in kinds:
        text = _FOUR.sub(lambda found: _ip(found[0], "192.0.2.1"), text)
        text = _SIX.sub(lambda found: _ip(found[0], "2001:db8::1"), text)
    return text


def _ip(text: str, example: str) -> str:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return text
    # numbers of sections and versions are small
    numbering = address.version == 4 and max(address.packed) < 32
    return text if numbering or not address.is_global else example
