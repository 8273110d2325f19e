"""`python -m infra.bootstrap`: what a Prefect server needs before it runs recto. Safe to repeat.

The server is that of PREFECT_API_URL. What is there already is left as it is, so an operator's own limit or a switched
off automation stays; a Secret block takes the value that the environment has now.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from datetime import timedelta

from tasks.records import UsageError

HEARTBEAT_SECONDS = 30
"""Between two signs of life of a run; Prefect takes no less."""
MISSING_SECONDS = 90
CRASHED = "recto-crashed-runs"
POOLS = {
    "cpu": ("Datasets: collects, renders, publishes", None),
    "gpu": ("Training and evaluation, one run at a time on a GPU; a worker without one uses its CPU", 1),
}
SECRETS = {"HF_TOKEN": "hf-token", "GITHUB_TOKEN": "github-token"}


def bootstrap(missing_seconds: int = MISSING_SECONDS) -> Iterator[str]:
    """Make pools, the automation and the Secret blocks; yields a line for each, which never shows a value.

    A run of which nothing is heard for `missing_seconds` is marked crashed, which frees the slots that it holds.
    Raises UsageError where that is no more than the time between two signs of life.
    """
    if missing_seconds <= HEARTBEAT_SECONDS:
        raise UsageError(f"{missing_seconds} s: a run gives a sign of life every {HEARTBEAT_SECONDS} s; wait longer")
    for name in POOLS:
        yield f"work pool {name}: {_pool(name)}"
    yield f"automation {CRASHED}: {_automation(missing_seconds)}"
    for variable, block in SECRETS.items():
        yield f"Secret block {block}: {_secret(variable, block)}"


def _pool(name: str) -> str:
    from prefect import get_client
    from prefect.client.schemas.actions import WorkPoolCreate
    from prefect.exceptions import ObjectAlreadyExists
    from prefect.workers.process import ProcessWorker

    description, limit = POOLS[name]
    template = ProcessWorker.get_default_base_job_template()
    template["variables"]["properties"]["env"]["default"] = {
        "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": str(HEARTBEAT_SECONDS)
    }
    pool = WorkPoolCreate(
        name=name, type="process", description=description, base_job_template=template, concurrency_limit=limit
    )
    with get_client(sync_client=True) as client:
        try:
            client.create_work_pool(pool)
        except ObjectAlreadyExists:
            return "is there"
    return f"made, {limit or 'any number of'} run{'' if limit == 1 else 's'} at a time"


def _automation(missing_seconds: int) -> str:
    from prefect import get_client
    from prefect.client.schemas.objects import StateType
    from prefect.events.actions import ChangeFlowRunState
    from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture
    from prefect.events.schemas.events import ResourceSpecification

    automation = AutomationCore(
        name=CRASHED,
        description="A run of which nothing is heard any more is marked crashed",
        trigger=EventTrigger(
            after={"prefect.flow-run.heartbeat"},
            expect={"prefect.flow-run.*"},
            match=ResourceSpecification({"prefect.resource.id": ["prefect.flow-run.*"]}),
            for_each={"prefect.resource.id"},
            posture=Posture.Proactive,
            threshold=1,
            within=timedelta(seconds=missing_seconds),
        ),
        actions=[
            ChangeFlowRunState(state=StateType.CRASHED, message=f"nothing was heard of it for {missing_seconds} s")
        ],
    )
    with get_client(sync_client=True) as client:
        standing = client.read_automations_by_name(CRASHED)
        if not standing:
            client.create_automation(automation)
            return f"made, after {missing_seconds} s of silence"
        (there,) = standing
        # an update forgets which runs are waited for, so it is made only where something changes
        if isinstance(there.trigger, EventTrigger) and there.trigger.within == automation.trigger.within:  # type: ignore[union-attr]
            return "is there"
        client.update_automation(there.id, automation.model_copy(update={"enabled": there.enabled}))
    return f"changed to {missing_seconds} s of silence"


def _secret(variable: str, block: str) -> str:
    from prefect.blocks.system import Secret

    value = os.environ.get(variable, "").strip()
    if not value:
        return f"left alone, {variable} is empty"
    Secret(value=value).save(block, overwrite=True)
    return f"holds {variable}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--missing-seconds",
        type=int,
        default=MISSING_SECONDS,
        metavar="N",
        help=f"silence after which a run is marked crashed; a sign of life comes every {HEARTBEAT_SECONDS} s "
        "(default: %(default)s)",
    )
    try:
        for line in bootstrap(parser.parse_args().missing_seconds):
            print(line, flush=True)
    except UsageError as e:
        parser.error(str(e))


if __name__ == "__main__":
    main()
