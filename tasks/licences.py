"""Which licences let anybody pass on a text and pictures made from it."""

from __future__ import annotations

import re

REDISTRIBUTABLE = frozenset(
    (
        *("0BSD", "Apache-2.0", "BlueOak-1.0.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT", "MIT-0", "Zlib"),
        *("CC0-1.0", "CC-BY-3.0", "CC-BY-4.0", "CC-BY-SA-3.0", "CC-BY-SA-4.0", "Unlicense"),
        *("LPPL-1.3c", "MPL-2.0", "PSF-2.0"),
    )
)
"""SPDX ids. The list is closed: what is not on it, an unknown licence too, is not collected from a service."""


def may_publish(license: str) -> bool:
    """Whether an SPDX expression (ids with AND, OR; one with brackets does not) lets its document be published."""
    if "(" in license or ")" in license:
        return False
    return any(all(part in REDISTRIBUTABLE for part in choice.split(" AND ")) for choice in license.split(" OR "))


_CREATIVE_COMMONS = re.compile(
    r"(?:https?:)?//(?:www\.)?creativecommons\.org/(?:licenses/(?P<terms>by[a-z-]*)|publicdomain/zero)/"
    r"(?P<version>\d\.\d)(?:/(?:(?:deed|legalcode)(?:\.[\w-]+)?)?)?"
)


def spdx_of(address: str) -> str:
    """The SPDX identifier of a Creative Commons licence's address; NOASSERTION for anything else."""
    if found := _CREATIVE_COMMONS.fullmatch(address.strip()):
        return f"CC-{found['terms'].upper()}-{found['version']}" if found["terms"] else f"CC0-{found['version']}"
    return "NOASSERTION"
