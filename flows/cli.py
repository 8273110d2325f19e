"""The `recto` command. Nothing heavy is imported until a verb runs, so that --help answers at once."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from infra.environment import prepare, quiet_tracebacks
from tasks.records import StageError, UsageError

if TYPE_CHECKING:
    from tasks.config import RunConfig

Verb = Callable[[argparse.Namespace], None]

SYSTEMS = (
    "base", "tesseract", "rapidocr", "pymupdf4llm", "markitdown", "nougat", "got-ocr2", "olmocr", "docling",
)  # fmt: skip


def main(argv: list[str] | None = None) -> int:
    """Run a verb. Returns 0 done, 1 the job failed, 2 bad usage or configuration."""
    arguments = _parser().parse_args(argv)
    verb: Verb = arguments.verb
    try:
        prepare()
        verb(arguments)
    except UsageError as e:
        return _fail(2, e)
    except StageError as e:
        return _fail(1, e)
    except KeyboardInterrupt:
        return _fail(1, "stopped; the same command goes on from what is finished")
    except Exception as e:
        if os.environ.get("RECTO_DEBUG"):
            raise
        return _fail(1, f"{type(e).__name__}: {e}".splitlines()[0] + " (RECTO_DEBUG=1 shows where)")
    return 0


def _fail(code: int, problem: object) -> int:
    print(f"recto: {problem}", file=sys.stderr)
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="recto",
        description="Real Markdown to exact (page image, page Markdown) pairs, and a small model trained on them.",
    )
    verbs = parser.add_subparsers(required=True, metavar="VERB")

    def add(name: str, run: Verb, help: str) -> argparse.ArgumentParser:
        sub = verbs.add_parser(name, help=help, description=help)
        sub.add_argument("--run", metavar="FILE.toml", help="run configuration; the project's own are in infra/runs")
        sub.set_defaults(verb=run)
        return sub

    demo = add("demo", _demo, "the whole line on the embedded corpus with the embedded model; ends with a report")
    demo.add_argument("--out", metavar="DIR", help="where dataset and report go (default: in the store)")
    dataset = add("dataset", _dataset, "build and publish a dataset")
    dataset.add_argument(
        "--source-dir", metavar="DIR", help="every *.md below is a document, and nothing else is collected"
    )
    dataset.add_argument("--out", metavar="DIR", help="folder or URI of the dataset (default: in the store)")
    dataset.add_argument("--keep-pdf", action="store_true", help="keep the PDF of each document")
    collect = add("collect", _collect, "collect documents, and say what was found and rejected")
    collect.add_argument("--dry-run", action="store_true", help="write nothing")
    doctor = add("doctor", _doctor, "check what this machine has against what a run needs")
    doctor.add_argument("--sources", action="store_true", help="ask the services for every source that the run names")
    bootstrap = add("bootstrap", _bootstrap, "train the embedded tiny reader from nothing")
    bootstrap.add_argument("--out", metavar="DIR", required=True, help="where the model goes")
    bootstrap.add_argument("--work", metavar="DIR", help="checkpoint, log and pages (default: in --out)")
    bootstrap.add_argument(
        "--measure", action="store_true", help="only measure the reader in --out, and write its card"
    )
    train = add("train", _train, "SFT, GRPO and evaluation on a published dataset; or a grid of such trainings")
    train.add_argument("--dataset", metavar="URI", help="folder or URI, or Hub repo@revision; a grid can build its own")
    train.add_argument("--grid", metavar="FILE.toml", help="an ablation; the project's own is infra/runs/ablation.toml")
    train.add_argument("--dry-run", action="store_true", help="only list the grid's cells and what each will cost")
    train.add_argument("--out", metavar="DIR", help="where the report goes (default: in the store)")
    evaluate = add("evaluate", _evaluate, "systems read the same pages, and one report says how they compare")
    pages = evaluate.add_mutually_exclusive_group(required=True)
    pages.add_argument("--dataset", metavar="URI", help="its held-out pages: folder or URI, or Hub repo@revision")
    pages.add_argument(
        "--bench", choices=("real", "olmocr"), help="pages of Debian's own PDFs, or olmOCR-bench with its checker"
    )
    evaluate.add_argument(
        "--bench-dir", metavar="DIR", default="", help="copy of olmOCR-bench; for 'real', a folder that holds the .debs"
    )
    evaluate.add_argument(
        "--adapters", metavar="URI", nargs="*", default=[], help="folders of finished training stages, or NAME=URI"
    )
    evaluate.add_argument(
        "--systems", metavar="NAME", nargs="+", help=f"in place of the run's: {', '.join(SYSTEMS)}; more in a run file"
    )
    evaluate.add_argument("--out", metavar="DIR", help="where the report goes (default: in the store)")
    counting = add("counting", _counting, "the counting study: bases learn to count by GRPO; ends with a report")
    counting.add_argument("--out", metavar="DIR", help="where the report goes (default: in the store)")
    counting.add_argument("--dry-run", action="store_true", help="only list the cells and what each will cost")
    report = add("report", _report, "write the report of a run, what is not finished being run first; or look at pages")
    report.add_argument("--out", metavar="PATH", help="where it goes: a folder, or the HTML file of --dataset")
    of = report.add_mutually_exclusive_group()
    of.add_argument("--dataset", metavar="URI", help="look through this one: folder or URI, or Hub repo@revision")
    of.add_argument("--styles", action="store_true", help="only draw 24 pages side by side, to see what a run draws")
    of.add_argument("--audit", metavar="URI", help="only read pages of this dataset by OCR: which words are missed?")
    report.add_argument("--source-dir", metavar="DIR", help="with --styles: the documents that are drawn")
    gpu = add("gpu", _gpu, "a GPU worker at RunPod, which goes by itself when there is no work")
    gpu.add_argument(
        "action",
        choices=("up", "status", "ssh", "down"),
        help="make the pod, tell what stands and costs, open a shell on it, remove it",
    )
    return parser


def _load(arguments: argparse.Namespace, default: str | None = None) -> RunConfig:
    from tasks.config import RUNS, load_run

    return load_run(arguments.run or (RUNS / default if default else None))


def _demo(arguments: argparse.Namespace) -> None:
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


def _report(arguments: argparse.Namespace) -> None:
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
        _demo(arguments)


def _dataset(arguments: argparse.Namespace) -> None:
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


def _collect(arguments: argparse.Namespace) -> None:
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


def _doctor(arguments: argparse.Namespace) -> None:
    from flows.doctor import examine, examine_sources

    run = _load(arguments, "rebuild.toml" if arguments.sources else "demo.toml")
    if problems := (examine_sources(run.collect) if arguments.sources else examine(run)):
        raise StageError(f"{problems} problem(s); each line above says what to do")


def _bootstrap(arguments: argparse.Namespace) -> None:
    from tasks.train.bootstrap_command import bootstrap, measure_reader

    out = Path(arguments.out)
    if arguments.measure:
        if arguments.run or arguments.work:
            raise UsageError("--measure takes only --out")
        measure_reader(out)
        return
    bootstrap(Path(arguments.run) if arguments.run else None, Path(arguments.work or out / "work"), out)


def _train(arguments: argparse.Namespace) -> None:
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


def _evaluate(arguments: argparse.Namespace) -> None:
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


def _counting(arguments: argparse.Namespace) -> None:
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


def _gpu(arguments: argparse.Namespace) -> None:
    from infra.gpu.pods import act
    from tasks.config import RUNS

    act(arguments.action, arguments.run or RUNS / "gpu" / "runpod.toml")


if __name__ == "__main__":
    sys.exit(main())
