"""An upload in a process of its own, which the double of the Hub kills when it has seen enough."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

from doubles.faults import Fault
from doubles.on_hub import OnHub

PROGRAM = """
import sys
from tasks.config import UploadConfig
from tasks.dataset.upload import upload_dataset
from tasks.records import DatasetRef
upload_dataset(UploadConfig(dataset=sys.argv[1]), DatasetRef(*sys.argv[2:]))
"""


def upload_until_killed(on_hub: OnHub, name: str, uri: str, content: str, method: str, part: str, spare: int) -> None:
    """SIGKILL at the request after `spare` others of this method and part of a path; what is killed waits for it."""
    started: list[subprocess.Popen[bytes]] = []

    def kill() -> None:
        os.kill(started[0].pid, signal.SIGKILL)

    on_hub.service.faults.next(Fault(kind="reset", call=kill), method, part, spare=spare)
    environment = {
        **os.environ,
        "HF_ENDPOINT": on_hub.service.url,
        "HF_TOKEN": on_hub.hub.token,
        "HF_HUB_OFFLINE": "0",
    }
    started.append(subprocess.Popen([sys.executable, "-c", PROGRAM, name, uri, content], env=environment))
    assert started[0].wait(120) == -signal.SIGKILL
