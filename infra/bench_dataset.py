"""`python -m infra.bench_dataset`: what building a dataset costs cold, again, with 1 % changed and with ten times the
documents, and the memory of publishing. Every run is a process of its own, its start included: wall seconds, CPU
seconds with those of its children, and the most memory that it held, the processes that draw apart."""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import psutil

# what is measured is imported where it runs: every process that draws imports this module first
DOCUMENTS = 1_400
RUNS = 3


def measured(job: str, argument: str) -> dict[str, float]:
    from infra.bench.dataset_jobs import build, publish_many

    started = time.perf_counter()
    told = build(argument) if job == "build" else publish_many(int(argument))
    this = psutil.Process()
    cpu = sum(sum(process.cpu_times()[:4]) for process in (this, *this.children(recursive=True)))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {**told, "wall": time.perf_counter() - started, "cpu": cpu, "peak": peak}


def alone(*arguments: str) -> dict[str, float]:
    """The case in a process of its own."""
    command = [sys.executable, "-m", "infra.bench_dataset", *arguments]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def bench_builds(folder: str) -> None:
    from infra.bench.dataset_jobs import pieces, write
    from tasks.collect import collect
    from tasks.config import CollectConfig

    texts = pieces(collect(CollectConfig())[0])[:DOCUMENTS]
    tenth, every = Path(folder, "tenth"), Path(folder, "every")
    write(tenth, texts[::10])
    write(every, texts)
    print("| build | n | documents | pages | drawn | shards written | wall s | CPU s | of cold | peak MiB |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    tell("cold", [built(tenth)])
    cold = built(every)
    tell("cold, ten times", [cold], cold["cpu"])
    again = [built(every) for _ in range(RUNS)]
    tell("again", again, cold["cpu"])
    changed = []
    for run in range(RUNS):
        write(every, [(file, f"{text}\nOne more line.\n") for file, text in texts[run::100]])
        changed.append(built(every))
    tell("1 % changed", changed, cold["cpu"])
    fixed = statistics.mean(run["cpu"] for run in again)
    net = [100 * (run["cpu"] - fixed) / (cold["cpu"] - fixed) for run in changed]
    print(f"1 % changed, both without what a build costs that changes nothing: {spread(net)} % of cold (n = {RUNS})")


def built(source: Path) -> dict[str, float]:
    os.environ["RECTO_HOME"] = f"{source}-home"
    return alone("build", str(source))


def tell(name: str, runs: Sequence[dict[str, float]], cold: float = 0.0) -> None:
    """A row of the table: means, and of CPU the lowest and the highest."""
    counts = " | ".join(f"{runs[-1][key]:.0f}" for key in ("documents", "pages", "drawn", "shards"))
    share = spread([100 * run["cpu"] / cold for run in runs]) + " %" if cold else ""
    wall, peak = statistics.mean(run["wall"] for run in runs), max(run["peak"] for run in runs)
    cpu = spread([run["cpu"] for run in runs])
    print(f"| {name} | {len(runs)} | {counts} | {wall:.1f} | {cpu} | {share} | {peak:.0f} |", flush=True)


def spread(values: Sequence[float]) -> str:
    if len(values) == 1:
        return f"{values[0]:.1f}"
    return f"{statistics.mean(values):.1f} ({min(values):.1f} to {max(values):.1f})"


def main() -> None:
    if len(sys.argv) > 1:
        print(json.dumps(measured(*sys.argv[1:])))
        return
    with tempfile.TemporaryDirectory() as folder:
        bench_builds(folder)
        for pages in (1_000, 10_000):
            found = alone("publish", str(pages))
            print(f"publish {pages} pages ({found['MB']:.0f} MB): {found['wall']:.1f} s, peak {found['peak']:.0f} MiB")


if __name__ == "__main__":
    main()
