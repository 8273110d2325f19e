"""Rendering on a real Dask cluster: a scheduler and two workers, as an operator starts them."""

from __future__ import annotations

import json
import multiprocessing
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from flows import dataset
from flows.dataset import draw_pages
from tasks.collect.snapshot import take_snapshots
from tasks.collect.stage import collect_stage
from tasks.config import load_run
from tasks.records import Document, StageError, StageRef
from tasks.render.pool import draw_all
from tasks.render.stage import BATCH, render_pages
from tasks.render_config import RenderConfig
from tasks.store import MANIFEST, Folder, finish, write_documents

pytest.importorskip("distributed")

BIN = Path(sys.executable).parent
RUN = """
cluster = "{cluster}"
workers = 1

[collect]
sources = ["folder"]
folder = "{folder}"
min_chars = 20

[render]
width = 300
height = 160
dpi = 36
font_sizes = [10]
margins = [12, 12]
look = "plain"
"""


def content(folder: Path) -> dict[str, bytes]:
    files = (p for p in folder.rglob("*") if p.is_file() and p.name != MANIFEST)  # which says how long a stage took
    return {str(p.relative_to(folder)): p.read_bytes() for p in files}


@contextmanager
def started(command: list[str], log: Path, env: dict[str, str]) -> Iterator[None]:
    with log.open("wb") as file:
        process = subprocess.Popen([str(BIN / "dask"), *command], env=env, stdout=file, stderr=subprocess.STDOUT)
    try:
        yield
    finally:
        process.terminate()
        process.wait(30)


@contextmanager
def scheduler(folder: Path, env: dict[str, str]) -> Iterator[str]:
    """A scheduler; its address."""
    file = folder / "scheduler.json"
    command = ["scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(file)]
    with started(command, folder / "scheduler.log", env):
        for _ in range(600):
            if file.exists() and (text := file.read_text()):
                yield json.loads(text)["address"]
                return
            time.sleep(0.1)
        pytest.fail((folder / "scheduler.log").read_text())


def test_a_cluster_draws_the_same_bytes(
    prefect_server: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "source").mkdir()
    for i in range(BATCH + 6):  # two batches
        (tmp_path / "source" / f"page{i}.md").write_text(f"# Page {i}\n\n- the first of {i} points\n- the second\n")
    env = {**prefect_server, "RECTO_HOME": str(tmp_path / "there")}
    run = tmp_path / "run.toml"
    with scheduler(tmp_path, env) as address:
        run.write_text(RUN.format(cluster=address, folder=tmp_path / "source"))
        worker = ["worker", address, "--no-nanny", "--nthreads", "1", "--no-dashboard", "--local-directory"]
        logs = [tmp_path / f"worker{i}.log" for i in range(2)]
        with (
            started([*worker, str(tmp_path / "one")], logs[0], env),
            started([*worker, str(tmp_path / "two")], logs[1], env),
        ):
            while not all("Registered to" in log.read_text() for log in logs):
                time.sleep(0.1)
            command = [str(BIN / "recto"), "dataset", "--run", str(run), "--out", str(tmp_path / "out")]
            done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    assert all("Completed()" in log.read_text() for log in logs)

    monkeypatch.setenv("RECTO_HOME", str(tmp_path / "here"))
    config = load_run(run)
    documents = collect_stage(config.collect, *take_snapshots(config.collect))
    render_pages(config.render, documents, workers=1)
    for stage in ("pages", "batches", "render"):
        drawn = content(tmp_path / "here" / stage)
        assert drawn
        assert content(tmp_path / "there" / stage) == drawn


@pytest.fixture
def one_document(home: Path) -> StageRef:
    folder = Folder(str(home / "collected"))
    write_documents(folder, [Document("one", "# One\n", "en", "test", "", "", "MIT", "", "one")])
    return finish(folder, "one", {"documents": 1})


def test_a_cluster_without_workers_is_said(one_document: StageRef, tmp_path: Path) -> None:
    with scheduler(tmp_path, dict(os.environ)) as address, pytest.raises(StageError, match="no worker; 'dask worker"):
        draw_pages(RenderConfig(), one_document, cluster=address)


def test_a_cluster_that_does_not_answer_is_said(one_document: StageRef, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dataset, "CONNECT_SECONDS", 1)
    with pytest.raises(StageError, match="no Dask scheduler answers"):
        draw_pages(RenderConfig(), one_document, cluster="tcp://127.0.0.1:1")


def test_a_worker_that_may_start_no_process_says_how_to_start_it() -> None:
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"), initializer=_be_daemon) as pool:
        assert "--no-nanny" in pool.submit(_draw_nothing).result()


def _be_daemon() -> None:
    multiprocessing.process.current_process()._config["daemon"] = True  # type: ignore[attr-defined]


def _draw_nothing() -> str:
    try:
        return str(list(draw_all([], RenderConfig())))
    except StageError as e:
        return str(e)
