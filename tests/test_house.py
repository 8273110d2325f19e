"""The house: which way the doors open, how long a file may be, and that every run configuration can be read."""

from __future__ import annotations

import ast
import itertools
from pathlib import Path

import pytest

from tasks.config import RUNS, RunConfig, load_config, load_run
from tasks.evaluate.ablation.config import AblationConfig
from tasks.records import UsageError

ROOT = Path(__file__).parents[1]
BASE = frozenset(
    {
        "records",
        "config",
        "hub",
        "html",
        "licences",
        "render_config",
        "store",
        "markdown",
        "progress",
        "secret",
        "stage",
        "features",
        "processes",
        "guidance_config",
        "intervals",
        "statistics",
        "train_config",
        "verdicts",
    }
)
# a room may import from itself and from rooms further left; rooms of one rank know nothing of each other
RANKS = (
    {"base"},
    {"scoring"},
    {"collect"},
    {"render"},
    {"dataset"},
    {"model"},
    {"train"},
    {"evaluate", "counting"},
    {"flows"},
)
RANK = {room: rank for rank, rooms in enumerate(RANKS) for room in rooms}
LONGEST = 300
MODULES = sorted(p for top in ("flows", "tasks", "infra") for p in (ROOT / top).rglob("*.py"))
FILES = MODULES + sorted((ROOT / "tests").rglob("*.py"))


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def room_of(module: str) -> str | None:
    """The room of one of the project's modules; None for anything else."""
    parts = module.split(".")
    if parts[0] == "flows":
        return "flows"
    if parts[0] != "tasks" or len(parts) == 1:
        return None
    return "base" if parts[1] in BASE else parts[1]


def imports(path: Path) -> set[str]:
    """Every module that a file imports, anywhere in it; `from a import b` names both a and a.b."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found |= {node.module or ""} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def test_every_module_has_a_room() -> None:
    rooms = {room_of(name_of(path)) for path in MODULES} - {None}
    assert rooms <= set(RANK)
    assert {"base", "scoring", "collect", "render", "dataset", "flows"} <= rooms


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_doors_open_one_way(path: Path) -> None:
    room = room_of(name_of(path))
    if room is None:
        return
    others = {(module, room_of(module)) for module in imports(path)}
    wrong = sorted(m for m, other in others if other and other != room and RANK[other] >= RANK[room])
    assert not wrong, f"{room} must not import {', '.join(wrong)}"


def test_scoring_needs_no_model_library() -> None:
    heavy = {"torch", "transformers", "trl", "peft", "datasets", "prefect", "weasyprint", "unsloth"}
    for path in (ROOT / "tasks" / "scoring").glob("*.py"):
        assert not heavy & {module.split(".")[0] for module in imports(path)}, path


def test_flows_are_all_that_knows_flows() -> None:
    for path in MODULES:
        if path.parts[len(ROOT.parts)] != "flows":
            assert not {m for m in imports(path) if m.split(".")[0] == "flows"}, path


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_files_are_short(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= LONGEST


def test_test_files_have_names_of_their_own() -> None:
    names = sorted(p.name for p in (ROOT / "tests").rglob("*.py") if p.name != "conftest.py")
    assert [a for a, b in itertools.pairwise(names) if a == b] == []


@pytest.mark.parametrize("path", sorted(RUNS.glob("*.toml")), ids=lambda p: p.name)
def test_every_run_configuration_loads(path: Path) -> None:
    run = load_config(path, AblationConfig if path.name == "ablation.toml" else RunConfig)
    assert run.why, "a run says what it is for"


def test_a_run_configuration_says_what_is_wrong(tmp_path: Path) -> None:
    assert load_run(None) == RunConfig()
    with pytest.raises(UsageError, match="no such run file"):
        load_run(tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_text("[render]\nwidht = 3\n")
    with pytest.raises(UsageError, match=r"render\.widht"):
        load_run(tmp_path / "bad.toml")
    (tmp_path / "broken.toml").write_text("[render\n")
    with pytest.raises(UsageError, match="not a readable TOML"):
        load_run(tmp_path / "broken.toml")
