"""The collect stage: documents and rejects of what the sources held, and the funnel that says where the rest went."""

from __future__ import annotations

from collections import Counter, defaultdict
from importlib.metadata import version

from prefect import task
from prefect.cache_policies import NO_CACHE

from tasks.collect.benchmark import benchmark_digest
from tasks.collect.intake import Intake
from tasks.collect.snapshot import fetcher_for, read_snapshot, snapshot_source, take_snapshots
from tasks.config import CollectConfig
from tasks.records import Reason, StageRef, digest
from tasks.stage import Counts, Stage
from tasks.store import Folder, write_documents

FUNNEL = "funnel.json"


def _collect(folder: Folder, config: CollectConfig, *snapshots: StageRef) -> Counts:
    intake = Intake(config)
    funnel: dict[str, Counter[str]] = defaultdict(Counter)
    for ref in snapshots:
        name, documents, rejects = snapshot_source(ref), len(intake.documents), len(intake.rejects)
        for item in read_snapshot(ref):
            intake.take(item)
        funnel[name] += Counter(documents=len(intake.documents) - documents)
        funnel[name] += Counter(r.reason.value for r in intake.rejects[rejects:])
    write_documents(folder, intake.documents)
    folder.write_rejects(intake.rejects)
    folder.write_json(FUNNEL, funnel)
    cut = sum(r.reason is Reason.CUT for r in intake.rejects)
    documents, dropped = len(intake.documents), len(intake.rejects) - cut
    return {"found": documents + dropped, "documents": documents, "rejected": dropped, "cut": cut}


def _environment(config: CollectConfig) -> str:
    benchmark = benchmark_digest(config.benchmark) if config.benchmark else ""
    return digest(benchmark, *map(version, ("pyromark", "py3langid", "pypandoc-binary")))


# what decides which texts come in has decided what the snapshots hold
ASKING = ("sources", "folder", "catalogue", "required", "contact", "mirrors", "patience")
collect_stage = Stage("collect", 5, _collect, _environment, ignore=(*ASKING, "benchmark"))


@task(name="snapshot", cache_policy=NO_CACHE)
def _take(config: CollectConfig, anew: bool) -> list[StageRef]:
    return take_snapshots(config, fetcher_for(config, anew))


_clean = collect_stage.task(retries=1, retry_delay_seconds=5)


def collect(config: CollectConfig, anew: bool = False) -> StageRef:
    """What the sources hold now, and the documents in it: two Prefect tasks. `anew`: ask for all of it again, also for
    what was had before and has not changed."""
    return _clean(config, *_take(config, anew))
