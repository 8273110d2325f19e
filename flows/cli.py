"""The `recto` command. Nothing heavy is imported until a verb runs, so that --help answers at once."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable

from flows import verbs
from infra.environment import prepare
from tasks.records import StageError, UsageError

Verb = Callable[[argparse.Namespace], None]


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
    subparsers = parser.add_subparsers(required=True, metavar="VERB")

    def add(name: str, run: Verb, help: str) -> argparse.ArgumentParser:
        sub = subparsers.add_parser(name, help=help, description=help)
        sub.add_argument("--run", metavar="FILE.toml", help="run configuration; the project's own are in infra/runs")
        sub.set_defaults(verb=run)
        return sub

    demo = add("demo", verbs.demo, "the whole line on the embedded corpus with the embedded model; ends with a report")
    demo.add_argument("--out", metavar="DIR", help="where dataset and report go (default: in the store)")
    dataset = add("dataset", verbs.dataset, "build and publish a dataset")
    dataset.add_argument(
        "--source-dir", metavar="DIR", help="every *.md below is a document, and nothing else is collected"
    )
    dataset.add_argument("--out", metavar="DIR", help="folder or URI of the dataset (default: in the store)")
    dataset.add_argument("--keep-pdf", action="store_true", help="keep the PDF of each document")
    collect = add("collect", verbs.collect, "collect documents, and say what was found and rejected")
    collect.add_argument("--dry-run", action="store_true", help="write nothing")
    doctor = add("doctor", verbs.doctor, "check what this machine has against what a run needs")
    doctor.add_argument("--sources", action="store_true", help="ask the services for every source that the run names")
    bootstrap = add("bootstrap", verbs.bootstrap, "train the embedded tiny reader from nothing")
    bootstrap.add_argument("--out", metavar="DIR", required=True, help="where the model goes")
    bootstrap.add_argument("--work", metavar="DIR", help="checkpoint, log and pages (default: in --out)")
    bootstrap.add_argument(
        "--measure", action="store_true", help="only measure the reader in --out, and write its card"
    )
    train = add("train", verbs.train, "SFT, GRPO and evaluation on a published dataset; or a grid of such trainings")
    train.add_argument("--dataset", metavar="URI", help="folder or URI, or Hub repo@revision; a grid can build its own")
    train.add_argument("--grid", metavar="FILE.toml", help="an ablation; the project's own is infra/runs/ablation.toml")
    train.add_argument("--dry-run", action="store_true", help="only list the grid's cells and what each will cost")
    train.add_argument("--out", metavar="DIR", help="where the report goes (default: in the store)")
    evaluate = add("evaluate", verbs.evaluate, "systems read the same pages, and one report says how they compare")
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
        "--systems",
        metavar="NAME",
        nargs="+",
        help=f"in place of the run's: {', '.join(verbs.SYSTEMS)}; more in a run file",
    )
    evaluate.add_argument("--out", metavar="DIR", help="where the report goes (default: in the store)")
    counting = add("counting", verbs.counting, "the counting study: bases learn to count by GRPO; ends with a report")
    counting.add_argument("--out", metavar="DIR", help="where the report goes (default: in the store)")
    counting.add_argument("--dry-run", action="store_true", help="only list the cells and what each will cost")
    report = add(
        "report", verbs.report, "write the report of a run, what is not finished being run first; or look at pages"
    )
    report.add_argument("--out", metavar="PATH", help="where it goes: a folder, or the HTML file of --dataset")
    of = report.add_mutually_exclusive_group()
    of.add_argument("--dataset", metavar="URI", help="look through this one: folder or URI, or Hub repo@revision")
    of.add_argument("--styles", action="store_true", help="only draw 24 pages side by side, to see what a run draws")
    of.add_argument("--audit", metavar="URI", help="only read pages of this dataset by OCR: which words are missed?")
    report.add_argument("--source-dir", metavar="DIR", help="with --styles: the documents that are drawn")
    gpu = add("gpu", verbs.gpu, "a GPU worker at RunPod, which goes by itself when there is no work")
    gpu.add_argument(
        "action",
        choices=("up", "status", "ssh", "down"),
        help="make the pod, tell what stands and costs, open a shell on it, remove it",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
