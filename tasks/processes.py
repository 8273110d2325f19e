"""Processes that a run starts end when it does, also where it was killed."""

from __future__ import annotations

import multiprocessing
import os
import threading
from functools import cache


@cache
def end_with_parent() -> None:
    """Let this process end as soon as the one that started it is gone: a pool's would wait for its work for ever.

    In a process that `multiprocessing` did not start, nothing.
    """
    if (parent := multiprocessing.parent_process()) is None:
        return

    def wait() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()
