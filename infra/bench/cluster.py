"""What a Dask cluster adds to the drawing: two real workers of one process each against two local processes, in turn,
on the same documents with an empty page cache every time. The first run on the cluster loads its libraries."""

from __future__ import annotations

import os
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from infra.bench.timing import collected, processor
from tasks.records import Document
from tasks.render.stage import plan
from tasks.render_config import RenderConfig
from tasks.store import Folder, home

RUNS = 3
WORKERS = 2
BIN = Path(sys.executable).parent
SECONDS = 300


def bench(documents: Sequence[Document]) -> None:
    with ExitStack() as stack:
        address = stack.enter_context(cluster(stack))
        print(f"\n{len(documents)} documents, {WORKERS} workers of one process ({processor()})\n")
        print("| run | cluster, wall s | longest worker, s | overhead | local, wall s | cluster / local |")
        print("| --- | ---: | ---: | ---: | ---: | ---: |")
        shares, ratios = [], []
        for run in range(RUNS + 1):
            there, longest = drawn(documents, run, address)
            here, _ = drawn(documents, run, "")
            share, ratio = 100 * (there - longest) / there, there / here
            name = f"{run}" if run else "first"
            print(f"| {name} | {there:.1f} | {longest:.1f} | {share:.1f} % | {here:.1f} | {ratio:.2f} |", flush=True)
            if run:
                shares.append(share)
                ratios.append(ratio)
        said = [f"{statistics.mean(x):.2f} ({min(x):.2f} to {max(x):.2f})" for x in (shares, ratios)]
        print(f"\noverhead {said[0]} % of the wall time, cluster / local {said[1]} (n = {RUNS}, without the first)")


def drawn(documents: Sequence[Document], run: int, address: str) -> tuple[float, float]:
    """Wall seconds of drawing all, and those that the worker who drew longest spent on batches."""
    from flows.dataset import draw_batches

    (Folder(home()) / "pages").delete()
    config, seconds = RenderConfig(seed=run), defaultdict[str, float](float)
    waiting = plan(config, collected(documents, "cluster"))
    started = time.perf_counter()
    for batch in draw_batches(config, waiting, 1 if address else WORKERS, address):
        seconds[batch.worker] += batch.seconds
    return time.perf_counter() - started, max(seconds.values())


@contextmanager
def cluster(stack: ExitStack) -> Iterator[str]:
    """A Prefect server, a scheduler and its workers, as an operator starts them; the scheduler's address."""
    prefect, dask = (f"{BIN / name}" for name in ("prefect", "dask"))
    api, port = _free_port(), _free_port()
    os.environ |= {"PREFECT_API_URL": f"http://127.0.0.1:{api}/api", "PREFECT_HOME": f"{home()}/prefect"}
    stack.enter_context(_running(prefect, "server", "start", "--port", str(api)))
    _wait(f"http://127.0.0.1:{api}/api/health")
    address = f"tcp://127.0.0.1:{port}"
    stack.enter_context(_running(dask, "scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard"))
    for number in range(WORKERS):
        scratch = f"{home()}/worker{number}"
        options = ("--no-nanny", "--nthreads", "1", "--no-dashboard", "--local-directory", scratch)
        stack.enter_context(_running(dask, "worker", address, *options))
    from distributed import Client

    with Client(address, timeout=SECONDS, set_as_default=False) as client:
        client.wait_for_workers(WORKERS, timeout=SECONDS)
    yield address


@contextmanager
def _running(*command: str) -> Iterator[Any]:
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


def _wait(url: str) -> None:
    for _ in range(SECONDS):
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except OSError:
            time.sleep(1)
    raise TimeoutError(url)


def _free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])
