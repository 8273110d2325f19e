"""Every stage, killed without warning at its middle and last write.

Training and uploads are killed where they are tested: test_sft.py, test_grpo.py, test_upload.py; the command and
Prefect's processes in test_pipeline.py and test_crashes.py.
"""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from killed_stages import CELLS, write_input

TESTS = Path(__file__).parents[1]
TIMES = {"seconds", "cpu_seconds"}


class Stages:
    """The stages on one input: what each wrote when nothing disturbed it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        paths = os.pathsep.join(map(str, (TESTS / "flows", TESTS / "evaluate", TESTS.parent)))
        self.process = subprocess.Popen(
            [sys.executable, "-c", "from killed_stages import main; main()"],
            env={**os.environ, "PYTHONPATH": paths, "RECTO_HOME": str(root / "store")},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.written: dict[str, list[str]] = self._answer()

    def run(self, name: str, kill_at: str = "") -> dict[str, Any]:
        assert self.process.stdin
        print(json.dumps([name, kill_at]), file=self.process.stdin, flush=True)
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self.process.stdout
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        return answer

    def files(self) -> dict[str, bytes]:
        """Every file that was written whole."""
        found = (p for p in self.root.rglob("*") if p.is_file() and p.suffix != ".part")
        return {p.relative_to(self.root).as_posix(): p.read_bytes() for p in found}


def without_times(files: dict[str, bytes]) -> dict[str, object]:
    return {name: _without_times(name, data) for name, data in files.items()}


def _without_times(name: str, data: bytes) -> object:
    if name.endswith("manifest.json"):
        said = json.loads(data)
        counts = {k: v for k, v in said["counts"].items() if k not in TIMES}
        return {**{k: v for k, v in said.items() if k not in TIMES}, "counts": counts}
    if name.endswith("answers.parquet") and "seconds" in (table := pq.read_table(io.BytesIO(data))).column_names:
        return table.drop_columns(["seconds"]).to_pylist()
    return data


@pytest.fixture(scope="module")
def stages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stages]:
    root = tmp_path_factory.mktemp("stages")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(TESTS / "evaluate")
        write_input(root)
    found = Stages(root)
    yield found
    found.process.kill()
    found.process.communicate()


@pytest.mark.parametrize("name", CELLS)
def test_a_killed_stage_ends_as_an_undisturbed_one(name: str, stages: Stages) -> None:
    whole, written = stages.files(), stages.written[name]
    later = {file for of in list(CELLS)[list(CELLS).index(name) + 1 :] for file in stages.written[of]}
    for file in whole.keys() & {*written, *later}:
        (stages.root / file).unlink()
    try:
        for file in (written[len(written) // 2], written[-1]):
            assert stages.run(name, kill_at=file) == {"code": -signal.SIGKILL}
            assert not (stages.root / file).exists()
        assert not stages.run(name)["reused"]
        assert without_times(stages.files()) == without_times({f: whole[f] for f in whole.keys() - later})
        assert stages.run(name)["written"] == []
    finally:
        for file, data in whole.items():
            (stages.root / file).write_bytes(data)
