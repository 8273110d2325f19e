"""What each verb of the `recto` command does. Everything heavy is imported where a verb needs it."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from infra.environment import quiet_tracebacks
from tasks.records import StageError, UsageError

if TYPE_CHECKING:
    from tasks.config import RunConfig

SYSTEMS = (
    "base", "tesseract", "rapidocr", "pymupdf4llm", "markitdown", "nougat", "got-ocr2", "olmocr", "docling",
)  # fmt: skip


def _load(arguments: argparse.Namespace, default: str | None = None) -> RunConfig:
    from tasks.config import RUNS, load_run

    return load_run(arguments.run or (RUNS / default if default else None))


def demo(arguments: argparse.Namespace) -> None:
    run = _load(arguments, "demo.toml")
    from flows.pipeline import pipeline
    from tasks.store import Folder, home

    quiet_tracebacks()
    out = Folder(arguments.out) if arguments.out else Folder(home()) / "demo"
    done = pipeline(run, (out / "dataset").uri)
    _tell(done.uri, out.uri)


def _tell(report: str, out: str | None = None) -> None:
    """Print the summary of a report and, last, its path; with `out`, that of a copy there."""
    from tasks.store import MANIFEST, Folder

    made = Folder(report)
    told = Folder(out) if out else made
    if out:
        for name in made.names("*.*"):
            if name != MANIFEST:
                told.write(name, made.read(name))
    print(made.read("summary.txt").decode(), flush=True)
    path = f"{told.uri}/report.html"
    print(path if "://" in path else Path(path).absolute())


def report(arguments: argparse.Namespace) -> None:
    if arguments.source_dir is not None and not arguments.styles:
        raise UsageError("--source-dir goes with --styles")
    if arguments.dataset is not None and arguments.run:
        raise UsageError("report --dataset reads no run configuration; leave --run out")
    from flows.looking import look_at_styles, look_for_words, look_through

    if arguments.dataset is not None:
        print(look_through(arguments.dataset, arguments.out))
    elif arguments.styles:
        print(look_at_styles(_load(arguments).of_folder(arguments.source_dir), arguments.out))
    elif arguments.audit is not None:
        print(look_for_words(arguments.audit, arguments.out))
    else:
        demo(arguments)


def dataset(arguments: argparse.Namespace) -> None:
    run = _load(arguments).of_folder(arguments.source_dir)
    if arguments.keep_pdf:
        run = run.model_copy(update={"render": run.render.model_copy(update={"keep_pdf": True})})
    from flows.dataset import dataset_rebuild, default_out
    from tasks.collect.snapshot import ready_sources
    from tasks.dataset.publish import check_out
    from tasks.store import Folder

    out = Folder(arguments.out) if arguments.out else default_out(run)
    check_out(out)
    ready_sources(run.collect)  # a folder that cannot be used is said before a server starts
    quiet_tracebacks()
    built = dataset_rebuild(run, out.uri)
    counts, sides = built.pages.rendered.counts, built.pages.split.counts
    agreeing, kept = (100 * float(counts[name]) for name in ("agreement >= 0.98", "kept share"))
    print(
        f"{sides['train']} train and {sides['test']} test pages in {built.dataset.uri}\n"
        f"agreement of labels and pages before any rejection, n = {counts['pages']}: mean {counts['agreement']:.5f}, "
        f"at least 0.98 on {agreeing:.2f} %; kept {kept:.2f} %"
    )


def collect(arguments: argparse.Namespace) -> None:
    run = _load(arguments)
    from tasks.collect.snapshot import take_snapshots
    from tasks.collect.sources import open_sources
    from tasks.collect.stage import FUNNEL, collect_stage
    from tasks.store import Folder

    if arguments.dry_run:
        for name, source in open_sources(run.collect).items():
            for line in source.plan():
                print(f"{name}: {line}")
        return
    snapshots = take_snapshots(run.collect)
    for name, taken in zip(dict.fromkeys(run.collect.sources), snapshots, strict=True):
        print(f"{name}: {', '.join(f'{what} {n}' for what, n in taken.counts.items())}")
    done = collect_stage(run.collect, *snapshots)
    for name, fates in Folder(done.uri).read_json(FUNNEL).items():
        print(f"{name}: {', '.join(f'{fate} {n}' for fate, n in fates.items())}")
    print(", ".join(f"{name} {value}" for name, value in done.counts.items()), f"in {done.uri}")


def doctor(arguments: argparse.Namespace) -> None:
    from flows.doctor import examine, examine_sources

    run = _load(arguments, "rebuild.toml" if arguments.sources else "demo.toml")
    if problems := (examine_sources(run.collect) if arguments.sources else examine(run)):
        raise StageError(f"{problems} problem(s); each line above says what to do")


def bootstrap(arguments: argparse.Namespace) -> None:
    from tasks.train.bootstrap_command import bootstrap, measure_reader

    out = Path(arguments.out)
    if arguments.measure:
        if arguments.run or arguments.work:
            raise UsageError("--measure takes only --out")
        measure_reader(out)
        return
    bootstrap(Path(arguments.run) if arguments.run else None, Path(arguments.work or out / "work"), out)


def train(arguments: argparse.Namespace) -> None:
    if arguments.grid is not None:
        _ablation(arguments)
        return
    if arguments.dataset is None or arguments.dry_run:
        raise UsageError("name what to train on: --dataset; or a --grid, with which --dry-run goes")
    run = _load(arguments)
    from tasks.dataset.publish import dataset_at

    dataset_at(arguments.dataset)
    from flows.training import train

    quiet_tracebacks()
    done = train(arguments.dataset, run)
    print(f"sft: {done.sft.uri}\ngrpo: {done.grpo.uri}")
    _tell(done.report.uri, arguments.out)


def _ablation(arguments: argparse.Namespace) -> None:
    if arguments.run is not None:
        raise UsageError("a grid names its run itself; leave --run out")
    from tasks.config import load_config
    from tasks.evaluate.ablation.config import AblationConfig
    from tasks.evaluate.ablation.grid import plan

    study = load_config(arguments.grid, AblationConfig)
    planned = plan(study)
    if arguments.dry_run:
        print(planned)
        return
    from flows.ablation import ablation

    quiet_tracebacks()
    _tell(ablation(study, arguments.dataset or "").uri, arguments.out)


def evaluate(arguments: argparse.Namespace) -> None:
    run = _load(arguments)
    if arguments.systems is not None:
        run = _with_systems(run, arguments.systems)
    from flows.evaluation import check, evaluate

    check(run, arguments.dataset or "", arguments.adapters, arguments.bench or "", arguments.bench_dir)
    quiet_tracebacks()
    done = evaluate(arguments.dataset or "", arguments.adapters, run, arguments.bench or "", arguments.bench_dir)
    _tell(done.uri, arguments.out)


def _with_systems(run: RunConfig, names: list[str]) -> RunConfig:
    from pydantic import TypeAdapter

    from tasks.config import System

    if unknown := [name for name in names if name not in SYSTEMS]:
        raise UsageError(
            f"unknown system {unknown[0]!r}: choose from {', '.join(SYSTEMS)}, or describe it in a run file"
        )
    adapter: TypeAdapter[System] = TypeAdapter(System)
    systems = tuple(adapter.validate_python({"kind": name}) for name in dict.fromkeys(names) if name != "base")
    settings = run.evaluate.model_copy(update={"base": "base" in names, "systems": systems})
    return run.model_copy(update={"evaluate": settings})


def counting(arguments: argparse.Namespace) -> None:
    from tasks.config import RUNS, load_config
    from tasks.counting.config import StudyConfig
    from tasks.counting.grid import plan

    study = load_config(arguments.run or RUNS / "counting" / "small.toml", StudyConfig)
    planned = plan(study)
    if arguments.dry_run:
        print(planned)
        return
    from flows.counting import counting_study

    quiet_tracebacks()
    _tell(counting_study(study).uri, arguments.out)


def gpu(arguments: argparse.Namespace) -> None:
    from infra.gpu.pods import act
    from tasks.config import RUNS

    act(arguments.action, arguments.run or RUNS / "gpu" / "runpod.toml")
