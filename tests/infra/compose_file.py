"""infra/compose.yaml as Compose reads it: values of the env file in place of its variables."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

INFRA = Path(__file__).parents[2] / "infra"
COMPOSE = INFRA / "compose.yaml"
EXAMPLE = INFRA / "compose.env.example"
_VARIABLE = re.compile(r"\$\{(\w+)(:[?-])?([^}]*)\}")


def compose(environment: Mapping[str, str]) -> Any:
    """The file with its variables filled in. Raises KeyError with the message of a missing one that is required."""

    def value(match: re.Match[str]) -> str:
        name, kind, rest = match.groups()
        if found := environment.get(name):
            return found
        if kind == ":?":
            raise KeyError(rest or name)
        return rest

    return yaml.safe_load(_VARIABLE.sub(value, COMPOSE.read_text()))


def variables_of_example() -> dict[str, str]:
    """Every variable that the example of an env file names, those in comments too."""
    return dict(re.findall(r"^(?:# )?([A-Z_]+)=(.*)$", EXAMPLE.read_text(), re.MULTILINE))
