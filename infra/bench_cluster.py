"""`python -m infra.bench_cluster`: what a Dask cluster costs beside the drawing. A scheduler and two workers of one
process each, on this machine, draw pieces of the embedded corpus; the step's seconds are held against those that the
longer worker drew, both of the same run."""

from __future__ import annotations

import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from infra.bench.dataset_jobs import pieces, write
from tasks.collect import collect
from tasks.config import CollectConfig

BIN = Path(sys.executable).parent
DOCUMENTS = 1_400
RUNS = 3
TOLD = re.compile(
    r"drawn: (\d+) documents in (\d+) batches in ([\d.]+) s by 2 workers, of which one drew for ([\d.]+) s"
)


@contextmanager
def dask(*arguments: str) -> Iterator[None]:
    process = subprocess.Popen([str(BIN / "dask"), *arguments], stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def address_in(file: Path) -> str:
    while not (file.exists() and file.read_text()):
        time.sleep(0.1)
    return str(json.loads(file.read_text())["address"])


def draw(cluster: str, documents: Path, out: Path) -> float:
    """One build into an empty store; the share of the drawing that was spent beside it, in per cent."""
    run = out.with_suffix(".toml")
    run.write_text(f'cluster = "{cluster}"\nworkers = 1\n[collect]\nsources = ["folder"]\nfolder = "{documents}"\n')
    command = [str(BIN / "recto"), "dataset", "--run", str(run), "--out", str(out)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    found = TOLD.search(done.stdout)
    assert found, done.stdout
    count, batches, step, longest = found.groups()
    beside = 100 * (float(step) / float(longest) - 1)
    print(f"| {count} | {batches} | {step} | {longest} | {beside:.1f} % |", flush=True)
    return beside


def main() -> None:
    from prefect.settings import PREFECT_API_URL
    from prefect.testing.utilities import prefect_test_harness

    texts = pieces(collect(CollectConfig())[0])[:DOCUMENTS]
    print("| documents | batches | step s | longer worker's drawing s | beside it |")
    print("| ---: | ---: | ---: | ---: | ---: |")
    beside = []
    for number in range(RUNS):
        with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
            os.environ["RECTO_HOME"] = f"{folder}/home"
            stack.enter_context(prefect_test_harness(server_startup_timeout=120))
            os.environ["PREFECT_API_URL"] = str(PREFECT_API_URL.value())  # flow and workers talk to one server
            write(Path(folder, "documents"), texts)
            file = Path(folder, "scheduler.json")
            stack.enter_context(dask("scheduler", "--port", "0", "--no-dashboard", "--scheduler-file", str(file)))
            address = address_in(file)
            for _ in range(2):
                stack.enter_context(dask("worker", address, "--no-nanny", "--nthreads", "1", "--no-dashboard"))
            time.sleep(5)  # until both have come
            beside.append(draw(address, Path(folder, "documents"), Path(folder, f"out{number}")))
    print(f"beside the drawing: {statistics.mean(beside):.1f} % ({min(beside):.1f} to {max(beside):.1f}, n = {RUNS})")


if __name__ == "__main__":
    main()
