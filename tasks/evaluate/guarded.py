"""Functions run on data that nobody vouches for, in a process that can neither hang the run nor take it down."""

from __future__ import annotations

import contextlib
import faulthandler
import multiprocessing
import os
import resource
import signal
import time
import weakref
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any, ParamSpec, TypeVar

from tasks.records import StageError

MEMORY = 4 * 2**30  # bytes of address space
START_SECONDS = 600  # longest that a process may take to start

P = ParamSpec("P")
T = TypeVar("T")


class WorkerError(Exception):
    """A call failed, took too long or too much memory, or ended its process; the message says which, in one line."""


class Worker:
    """A process that runs one function after another, each for at most `seconds` and within `memory` bytes of address
    space. `prepare` runs once in each process, before the first call; what it loads stays.

    It is for one thread. A process that is lost to a call is made anew before that call's error is raised. Raises
    StageError where a process does not start.
    """

    def __init__(self, prepare: Callable[[], None], seconds: int, memory: int = MEMORY) -> None:
        self.prepare, self.seconds, self.memory = prepare, seconds, memory
        self._start()

    def __call__(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The result of a module-level function. Raises WorkerError."""
        fine, value = self._ask(self.seconds, function, *args, **kwargs)
        if not self._process.is_alive():
            self.close()
            self._start()
        if not fine:
            raise WorkerError(value)
        result: T = value
        return result

    def close(self) -> None:
        """End the process, whatever it does."""
        self._end()

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._connection, its_end = context.Pipe()
        self._process: BaseProcess = context.Process(target=_serve, args=(its_end, self.memory), daemon=True)
        self._process.start()
        its_end.close()  # so that its death is the end of the file
        self._end = weakref.finalize(self, _stop, self._process, self._connection)
        fine, why = self._ask(START_SECONDS, self.prepare)
        if not fine:
            self.close()
            raise StageError(f"a process that reads pages does not start: {why}")

    def _ask(self, seconds: int, function: Callable[..., object], *args: object, **kwargs: object) -> tuple[bool, Any]:
        """Whether the call succeeded, and its result or else what went wrong."""
        started = time.monotonic()
        try:
            self._connection.send((seconds, function, args, kwargs))
            fine, lost, value = self._connection.recv()
        except (EOFError, OSError):
            self._process.join()
            if time.monotonic() - started >= seconds:
                return False, f"took over {seconds} s"
            return False, f"ended its process ({_ending(self._process.exitcode or 0)})"
        if lost:
            self._process.join()
        return fine, value


def _stop(process: BaseProcess, connection: Connection) -> None:
    process.kill()
    process.join()
    connection.close()


def _ending(code: int) -> str:
    return signal.Signals(-code).name if code < 0 else f"exit status {code}"


def _serve(connection: Connection, memory: int) -> None:
    """Answer each call with whether it succeeded, whether this process is lost to it, and its result or error."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    resource.setrlimit(resource.RLIMIT_AS, (memory if hard == resource.RLIM_INFINITY else min(memory, hard), hard))
    with open(os.devnull, "w") as sink, contextlib.suppress(EOFError, OSError):  # the parent is gone
        while True:
            try:
                seconds, function, args, kwargs = connection.recv()
                faulthandler.dump_traceback_later(seconds, exit=True, file=sink)  # C code sees no alarm
                try:
                    value = function(*args, **kwargs)
                finally:
                    faulthandler.cancel_dump_traceback_later()
                connection.send((True, False, value))
            except (EOFError, BrokenPipeError):
                return
            except MemoryError:
                connection.send((False, True, f"MemoryError: it needs more than {memory / 2**30:.1f} GiB"))
                return
            except Exception as e:
                connection.send((False, False, f"{type(e).__name__}: {e}".strip().splitlines()[0][:300]))
