"""Documents to page files, in processes that can neither hang nor take the run down with them."""

from __future__ import annotations

import faulthandler
import gc
import logging
import multiprocessing
import os
import resource
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from types import FrameType
from typing import TYPE_CHECKING

from tasks.processes import end_with_parent
from tasks.records import Document, Reason, Reject, StageError
from tasks.render.cache import PageFile
from tasks.render_config import RenderConfig

if TYPE_CHECKING:
    from tasks.render.document import Rendered

MEMORY = 6 * 2**30  # bytes of address space a document may take

Outcome = tuple[Document, Reject | None]

RENEWED = 2_000
"""Documents after which processes are started anew, whatever libraries leave behind in them."""

_kept = threading.local()  # the processes of this thread's last call, how many they may be, and what they have drawn


class _TookTooLong(BaseException):
    """Raised by the alarm; no `except Exception` of a library swallows it."""


def _alarm(_: int, __: FrameType | None) -> None:
    raise _TookTooLong


def _start_worker() -> None:
    end_with_parent()
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    limit = MEMORY if hard == resource.RLIM_INFINITY else min(MEMORY, hard)
    resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
    logging.getLogger("weasyprint").setLevel(logging.ERROR)  # a missing glyph is a named reject
    signal.signal(signal.SIGALRM, _alarm)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides
    gc.freeze()  # modules are not looked through again for every document


def draw(document: Document, config: RenderConfig, file: PageFile) -> Reject | None:
    """Draw one document into its page file; the reject says why there is none.

    What the document does wrong is the reject; that the store cannot be written to is raised.
    """
    with open(os.devnull, "w") as sink:
        # a document stuck in C code never sees the alarm: then the process goes, and the pool reports it
        faulthandler.dump_traceback_later(2 * config.seconds_per_document + 5, exit=True, file=sink)
        try:
            rendered = _draw_in_time(document, config)
        except _TookTooLong:  # out here, because the alarm may still go off while it is being switched off
            return Reject(
                "render", Reason.RENDER_TIMEOUT, document.doc_id, detail=f"over {config.seconds_per_document} s"
            )
        except StageError:
            raise
        except Exception as e:  # a document is data: whatever it breaks is its own reject
            return Reject("render", Reason.RENDER_ERROR, document.doc_id, detail=f"{type(e).__name__}: {e}"[:300])
        finally:
            faulthandler.cancel_dump_traceback_later()
    file.write(rendered, keep_pdf=config.keep_pdf)
    return None


def _draw_in_time(document: Document, config: RenderConfig) -> Rendered:
    from tasks.render.document import render_document

    signal.setitimer(signal.ITIMER_REAL, config.seconds_per_document)
    try:
        return render_document(document, config)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def draw_all(
    work: Sequence[tuple[Document, PageFile]],
    config: RenderConfig,
    workers: int = 0,
    task: Callable[[Document, RenderConfig, PageFile], Reject | None] = draw,
) -> Iterator[Outcome]:
    """Draw documents in at most `workers` processes (0: one a core), in any order of completion.

    The processes wait for the next call, until `dismiss`. A document whose process dies is tried once more, alone; if
    it dies again it is a reject. Raises StageError where this process may not start others.
    """
    if multiprocessing.current_process().daemon:
        raise StageError("this worker may not start processes; start Dask workers with --no-nanny --nthreads 1")
    count = workers or os.cpu_count() or 1
    queue = deque(work)
    suspects: deque[tuple[Document, PageFile]] = deque()
    while queue or suspects:
        alone = bool(suspects)
        source = deque([suspects.popleft()]) if alone else queue
        yield from _drain(source, suspects, alone, config, 1 if alone else count, task)


def dismiss() -> None:
    """Let go of the processes that wait for this thread's next documents."""
    if pool := getattr(_kept, "pool", None):
        del _kept.pool
        pool.shutdown(cancel_futures=True)


def _pool(workers: int, documents: int) -> ProcessPoolExecutor:
    """The processes of the call before where they will do, else new ones."""
    if not hasattr(_kept, "pool") or _kept.workers != workers or _kept.documents + documents > RENEWED:
        dismiss()
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["__main__", "tasks.render.document"])  # a second of imports, once for all
        _kept.pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_start_worker)
        _kept.workers, _kept.documents = workers, 0
    _kept.documents += documents
    pool: ProcessPoolExecutor = _kept.pool
    return pool


def _drain(
    source: deque[tuple[Document, PageFile]],
    suspects: deque[tuple[Document, PageFile]],
    alone: bool,
    config: RenderConfig,
    workers: int,
    task: Callable[[Document, RenderConfig, PageFile], Reject | None],
) -> Iterator[Outcome]:
    """Work through `source` until it is empty or a process dies; then those in flight become suspects."""
    pool = _pool(workers, len(source))
    running: dict[Future[Reject | None], tuple[Document, PageFile]] = {}
    try:
        while source or running:
            while source and len(running) <= workers:
                item = source.popleft()
                try:
                    running[pool.submit(task, item[0], config, item[1])] = item
                except BrokenProcessPool:
                    source.appendleft(item)
                    raise
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                reject = future.result()
                yield running.pop(future)[0], reject
    except BrokenProcessPool:
        dismiss()
        for document, file in running.values():
            if alone:
                reject = Reject("render", Reason.RENDER_CRASH, document.doc_id, detail="the process died")
                yield document, reject
            else:
                suspects.append((document, file))
    except BaseException:
        dismiss()
        raise
