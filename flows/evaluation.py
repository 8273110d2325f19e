"""Evaluation: systems read the same pages, and one table says how they compare."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from prefect import flow

from flows.showing import name_by, short_name
from tasks.config import HeldOutRun, RunConfig, ScoreRun
from tasks.dataset.publish import dataset_at
from tasks.evaluate.held_out import held_out, held_out_families
from tasks.evaluate.olmocr.bench import OlmocrPagesConfig, fetch_bench, olmocr_pages
from tasks.evaluate.olmocr.check import OlmocrCheckConfig, olmocr_check, ready
from tasks.evaluate.olmocr.rows import bench_root
from tasks.evaluate.read import Adapter, adapter_at, read, reads_of, seen_families
from tasks.evaluate.real.stage import RealPagesConfig, real_pages
from tasks.evaluate.report.artifacts import publish_artifacts
from tasks.evaluate.report.stage import report
from tasks.evaluate.stage import evaluate as score
from tasks.evaluate.systems import versions
from tasks.records import StageRef, UsageError
from tasks.store import DEFAULT_HOME, home

Bench = Literal["", "real", "olmocr"]


@dataclass(frozen=True, slots=True)
class Judged:
    """A page set, what each system read of it, and the table; `checks`: what olmOCR's own checker says of each read,
    where the pages are its benchmark's."""

    pages: StageRef
    reads: tuple[StageRef, ...]
    table: StageRef
    checks: tuple[StageRef, ...] = ()

    @property
    def stages(self) -> tuple[StageRef, ...]:
        return (self.pages, *self.reads, self.table, *self.checks)


def held_out_run(run: RunConfig, dataset: StageRef, *adapters: Adapter) -> HeldOutRun:
    """The choice of held-out pages. Families that a checkpoint among the systems was trained on are left out."""
    without = sorted(seen_families(reads_of(run, adapters)) & held_out_families(dataset))
    return HeldOutRun(without=tuple(without), selection=run.pages, pages=run.evaluate.pages, seed=run.evaluate.seed)


def judge(run: RunConfig, pages: StageRef, *adapters: Adapter, official: bool = False) -> Judged:
    """Every system of the run reads the pages, and they are scored together; `official`: by olmOCR's checker too."""
    if official:
        ready(pages)
    asked = reads_of(run, adapters)
    reads = tuple(read(config, pages, *([adapter] if adapter else [])) for config, adapter in asked)
    settings = ScoreRun(resamples=run.evaluate.resamples, seed=run.evaluate.seed)
    table = score(settings, pages, *reads)
    checking = OlmocrCheckConfig(resamples=settings.resamples, seed=settings.seed, seconds=run.evaluate.checker_seconds)
    checks = tuple(olmocr_check(checking, pages, answers) for answers in reads) if official else ()
    return Judged(pages, reads, table, checks)


def tell(run: RunConfig, judged: Judged, *before: StageRef) -> StageRef:
    """The report on an evaluation and the stages before it, with what Prefect's own pages show of it."""
    told = report(run, *before, *judged.stages)
    publish_artifacts(told, judged.table)
    return told


def check(run: RunConfig, dataset: str, adapters: list[str], bench: Bench, bench_dir: str) -> list[Adapter]:
    """The adapters. Raises UsageError for what cannot work, before anything starts."""
    if bool(dataset) == bool(bench):
        raise UsageError("name either a dataset or a benchmark")
    if dataset:
        if bench_dir:
            raise UsageError(f"{bench_dir}: a benchmark's folder, but a dataset is evaluated; leave one of them out")
        dataset_at(dataset)
    if bench == "olmocr" and bench_dir:
        bench_root(bench_dir)
    trained = [adapter_at(text) for text in adapters]
    for config, _ in reads_of(run, trained):
        versions(config.reader)
    return trained


def page_set(run: RunConfig, dataset: str, bench: Bench, bench_dir: str, adapters: list[Adapter]) -> StageRef:
    """The pages to judge on: a dataset's held-out ones, Debian's own PDFs, or olmOCR-bench."""
    if bench == "real":
        return real_pages(RealPagesConfig(languages=run.evaluate.bench_languages, debs=bench_dir))
    if bench == "olmocr":
        where = bench_dir or str(fetch_bench(DEFAULT_HOME if "://" in home() else Path(home())))
        return olmocr_pages(OlmocrPagesConfig(bench_dir=where, limit=run.evaluate.bench_pages))
    held = dataset_at(dataset)
    return held_out(held_out_run(run, held, *adapters), held)


def _named(dataset: str, run: RunConfig, bench: Bench, **_: object) -> str:
    return f"evaluate {short_name(run.model.base)} on {bench or short_name(dataset)}"


@flow(name="evaluate", flow_run_name=name_by(_named), log_prints=True)
def evaluate(
    dataset: str = "",
    adapters: list[str] = [],  # noqa: B006
    run: RunConfig = RunConfig(),
    bench: Bench = "",
    bench_dir: str = "",
) -> StageRef:
    """Compare systems on the held-out pages of a dataset, or on a benchmark; the returned stage holds the report.

    Args:
        dataset: Judge on the held-out pages of this dataset: its folder or URI, or a Hub repo@revision.
        adapters: Folders or URIs of finished training stages, or NAME=URI; those that differ only in the seed of their
            training are one system.
        run: The base model, and in `evaluate` what else is asked and how; the rest is not used.
        bench: Or judge on a benchmark: pages of Debian's own PDFs (real), or olmOCR-bench.
        bench_dir: A copy of olmOCR-bench; for 'real', a folder that holds the packages; empty: they are fetched.
    """
    trained = check(run, dataset, adapters, bench, bench_dir)
    pages = page_set(run, dataset, bench, bench_dir, trained)
    return tell(run, judge(run, pages, *trained, official=bench == "olmocr"))
