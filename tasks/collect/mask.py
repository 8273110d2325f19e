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
_FOUR = re.compile(
    r"(?:(?:\b(?:sections?|sec\.|chapters?|clauses?|versions?|ver\.|v|releases?|build)|§|^#{1,6})[\s\[(`*]{0,3})?"
    r"(?<![\w.-])\d{1,3}(?:\.\d{1,3}){3}(?![\w-]|\.\d)",
    re.ASCII | re.IGNORECASE | re.MULTILINE,
)
_SIX = re.compile(r"(?<![\w:.])[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7}(?![\w:])", re.ASCII)
# all that is given out so far (RFC 4291); slices of code and names such as `a::b` are elsewhere, or too short
_UNICAST = ipaddress.IPv6Network("2000::/3")


def mask(text: str, kinds: Collection[Masked]) -> str:
    """The text with e-mail addresses (RFC 2606) and public IP addresses (RFC 5737, RFC 3849) made examples.

    Addresses that are the same everywhere (loopback, private networks, masks, examples) stay, as do section numbers.
    """
    if "email" in kinds:
        text = _EMAIL.sub("user@example.com", text)
    if "ip" in kinds:
        text = _FOUR.sub(_ipv4, text)
        text = _SIX.sub(_ipv6, text)
    return text


def _ipv4(found: re.Match[str]) -> str:
    try:
        address = ipaddress.IPv4Address(found[0])
    except ValueError:  # preceded by what makes it a numbering, or out of range
        return found[0]
    # numbers of sections and versions are small
    return "192.0.2.1" if address.is_global and max(address.packed) >= 32 else found[0]


def _ipv6(found: re.Match[str]) -> str:
    try:
        address = ipaddress.IPv6Address(found[0])
    except ValueError:
        return found[0]
    groups = sum(map(bool, found[0].split(":")))
    return "2001:db8::1" if address in _UNICAST and address.is_global and groups >= 3 else found[0]
