"""Processes killed without warning while Prefect runs them: what is marked, freed, re-used, and done once."""

from __future__ import annotations

import json
import re
import shutil
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from crash_site import PROJECT, Site, flow_of, kill, within
from flow_documents import write_documents

from tasks.collect.snapshot import take_snapshots
from tasks.collect.stage import collect_stage
from tasks.config import CollectConfig, PublishConfig, SplitConfig
from tasks.dataset.publish import publish_stage
from tasks.dataset.split import split_stage
from tasks.records import digest
from tasks.render.stage import render_pages
from tasks.render_config import RenderConfig
from tasks.train.checkpoints import MARKER

pytestmark = [pytest.mark.full, pytest.mark.timeout(1800)]
LONG = 900
"""Seconds that a run may take on a machine with other work to do."""
REBUILD, TRAIN = "dataset-rebuild/dataset-rebuild", "train/train"
SMALL = RenderConfig(
    width=256,
    height=96,
    dpi=96,
    font_sizes=(14,),
    margins=(4, 8),
    fonts_en=("Liberation Sans",),
    look="plain",
    links="text",
    languages=("en",),
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    site = Site(tmp_path_factory.mktemp("site"))
    yield site
    site.close()


@pytest.fixture(scope="module")
def dataset(site: Site, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Small pages in the store; nothing announces them."""
    folder = write_documents(tmp_path_factory.mktemp("small") / "documents", 8)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RECTO_HOME", str(site.home))
        config = CollectConfig(sources=("folder",), folder=str(folder))
        documents = collect_stage(config, *take_snapshots(config))
        drawn = render_pages(SMALL, documents, workers=1)
        dealt = split_stage(SplitConfig(test_share=0.3, test_pages=0), drawn, "", workers=1)
        return publish_stage(PublishConfig(name="small"), documents, drawn, dealt).uri


def training(dataset: str, seed: int = 0) -> dict[str, Any]:
    run = {
        "model": {"max_new_tokens": 140},
        "pages": {"max_label_chars": 120},
        "sft": {"steps": 10, "batch": 2, "save_steps": 1},
        "grpo": {"steps": 6, "prompts": 2, "generations": 2, "probe": "off", "save_steps": 1, "seed": seed},
        "evaluate": {"pages": 2, "batch": 2, "resamples": 200},
    }
    return {"dataset": dataset, "run": run}


def rebuild(folder: Path, name: str) -> dict[str, Any]:
    return {"run": {"collect": {"sources": ["folder"], "folder": str(folder)}, "workers": 2, "publish": {"name": name}}}


def checkpoint(site: Site, stage: str) -> int:
    """The newest step that a training which is not finished has kept; 0: none."""
    kept = site.home.glob(f"{stage}/*/checkpoints/*/{MARKER}")
    return max((int(p.parent.name) for p in kept), default=0)


def resumed_after(site: Site, run: UUID, stage: str) -> int:
    (step,) = re.findall(rf"^{stage}: goes on after step (\d+) of", site.says(run), re.MULTILINE)
    return int(step)


def steps(site: Site, stage: str) -> list[list[int]]:
    """The steps in the log of each finished training."""
    logs = [p.with_name("log.jsonl") for p in site.home.glob(f"{stage}/*/manifest.json")]
    return [[json.loads(line)["step"] for line in log.read_text().splitlines()] for log in logs]


def announced(site: Site) -> dict[str, int]:
    """How often each dataset was announced."""
    return dict(Counter(event["resource"]["prefect.resource.name"] for event in site.events("dataset.published")))


def pages(site: Site) -> dict[Path, int]:
    """The files of the page cache, and when each was written."""
    return {path: path.stat().st_mtime_ns for path in site.home.glob("pages/*/*.parquet")}


def started_by_events(site: Site) -> int:
    """Runs that an automation started."""
    runs = site.client.read_flow_runs()
    return sum(run.created_by is not None and run.created_by.type == "AUTOMATION" for run in runs)


def test_a_flow_that_is_killed_in_sft_lets_the_run_that_waits_go_on_from_its_checkpoint(
    site: Site, dataset: str
) -> None:
    worker = site.worker("gpu")
    killed = site.run(TRAIN, training(dataset))
    site.reaches(killed, "Running", LONG)
    waiting = site.run(TRAIN, training(dataset))
    site.until(killed, lambda: checkpoint(site, "sft") > 0, LONG)
    assert site.state(waiting) != "Running"
    kill(flow_of(worker))
    reached = checkpoint(site, "sft")
    assert site.reaches(killed, "Crashed", 60) < 60, "the worker says so, before a heartbeat is missed"
    site.reaches(waiting, "Completed", LONG)
    assert resumed_after(site, waiting, "sft") == reached < 10
    assert steps(site, "sft") == [[*range(1, 11)]]
    kill(worker)


def test_a_worker_that_is_killed_with_its_flow_in_grpo_is_noticed_and_another_machine_goes_on(
    site: Site, dataset: str, tmp_path: Path
) -> None:
    """The other machine has a checkout, a temporary folder and a Prefect profile of its own, and shares the store."""
    worker = site.worker("gpu")
    run = site.run(TRAIN, training(dataset, seed=1))
    site.until(run, lambda: checkpoint(site, "grpo") > 0, LONG)
    kill(flow_of(worker), worker)
    reached = checkpoint(site, "grpo")
    site.reaches(run, "Crashed", 180)

    elsewhere = tmp_path / "elsewhere"
    for part in ("flows", "tasks", "data/models"):
        shutil.copytree(PROJECT / part, elsewhere / part, ignore=shutil.ignore_patterns("__pycache__"))
    (elsewhere / "tmp").mkdir()
    own = {
        "PYTHONPATH": str(elsewhere),
        "PYTHONDONTWRITEBYTECODE": "",
        "PREFECT_HOME": str(elsewhere / "prefect"),
        "TMPDIR": str(elsewhere / "tmp"),
    }
    other = site.worker("gpu", "other-worker", **own)
    site.retry(run)
    site.reaches(run, "Completed", LONG)
    assert (elsewhere / "flows" / "__pycache__").exists(), "it ran the other checkout"
    assert re.search("^sft .* re-used", site.says(run), re.MULTILINE)
    assert resumed_after(site, run, "grpo") == reached < 6
    assert [*range(1, 7)] in steps(site, "grpo")
    kill(other)


def test_a_rebuild_whose_worker_is_killed_while_it_draws_goes_on_from_the_pages_that_are_there(
    site: Site, tmp_path: Path
) -> None:
    """The flow is not killed: it ends by itself when it finds nobody that reads what it prints."""
    worker, before = site.worker("cpu"), pages(site)
    run = site.run(REBUILD, rebuild(write_documents(tmp_path / "documents", 6), "worker-killed"))
    site.until(run, lambda: pages(site) != before, LONG)
    kill(worker)
    drawn = pages(site)
    site.reaches(run, "Crashed", 300)
    worker = site.worker("cpu")
    site.retry(run)
    site.reaches(run, "Completed", LONG)
    assert drawn.items() <= pages(site).items(), "a page was drawn twice"
    within(60, lambda: announced(site) == {"worker-killed": 1}, "it is not announced")
    kill(worker)


def test_a_rebuild_survives_a_server_that_is_killed_and_announces_its_dataset_once(site: Site, tmp_path: Path) -> None:
    worker, before = site.worker("cpu"), pages(site)
    parameters = rebuild(write_documents(tmp_path / "documents", 7), "server-killed")
    run = site.run(REBUILD, parameters)
    site.until(run, lambda: pages(site) != before, LONG)
    kill(site.server)
    site.start_server()
    site.reaches(run, "Completed", LONG)
    within(60, lambda: announced(site).get("server-killed") == 1, "it is not announced")

    noted = site.home / "announcements" / f"{digest(f'{site.home}/datasets/server-killed')}.json"
    noted.unlink()  # as a kill leaves it that comes between the event and the note of it
    again = site.run(REBUILD, parameters)
    site.reaches(again, "Completed", LONG)
    within(60, noted.exists, "it is not announced again")
    time.sleep(10)  # the server keeps events a few seconds later
    assert announced(site)["server-killed"] == 1
    assert started_by_events(site) == len(announced(site)), "a training for each dataset"
    kill(worker)
