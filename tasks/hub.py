"""The Hugging Face Hub: one road up for datasets and adapters, and what a name there stands for.

The client sends a file again after a fault by itself; creating, committing and tagging it tries once. Everything here
looks at what is there before it does anything, so that the same call goes on where an earlier one stopped.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, ParamSpec, TypeVar

from tasks.records import StageError, TransportError, UsageError
from tasks.secret import secret
from tasks.stage import is_transport

if TYPE_CHECKING:
    import httpx
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError
    from prefect import Task

Given = ParamSpec("Given")
Result = TypeVar("Result")
SILENCE = 60
"""Seconds without a byte after which a connection is given up."""
LONGEST_WAIT = 120
"""Seconds: where the Hub asks to wait longer, the run stops and says so."""
REFERENCE = re.compile(r"([\w.-]+/[\w.-]+)@([\w./-]+)")
_EMPTY = {".gitattributes", "README.md"}
_VERSION = re.compile(r"v(\d+)")


@dataclass(frozen=True, slots=True)
class Repository:
    """Where something goes up. `marker` is a file by which it is known as ours; what is there in `folders` and did not
    come up this time is deleted."""

    kind: Literal["dataset", "model"]
    name: str
    private: bool
    marker: str
    folders: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Uploaded:
    """What a repository holds now: the commit, and the tag of its version. `changed`: this call made the commit."""

    name: str
    revision: str
    tag: str
    changed: bool

    @property
    def reference(self) -> str:
        return f"{self.name}@{self.revision}"

    def __str__(self) -> str:
        return f"{'uploaded' if self.changed else 'nothing changed:'} {self.name} {self.tag}, commit {self.revision}"


def upload(to: Repository, files: Mapping[str, Path | bytes], message: str) -> Uploaded:
    """Bring a repository to these files (name there -> content) in one commit, and tag it `v1`, `v2`, ...

    The repository is created where it is missing. What the Hub already stores is not sent again, and readers see the
    old version or the new one, never a part. Where nothing changed there is no commit and no tag.

    Raises StageError, and TransportError where the same call may succeed later.
    """
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    with explained(to.name):
        api = client()
        head, there = _standing(api, to)
        stale = sorted(name for name in there - set(files) if name.startswith(to.folders))
        commit = api.create_commit(
            to.name,
            [
                *(CommitOperationAdd(name, content) for name, content in sorted(files.items())),
                *(CommitOperationDelete(name) for name in stale),
            ],
            commit_message=message,
            repo_type=to.kind,
            parent_commit=head,
        )
        return Uploaded(to.name, commit.oid, _tag(api, to, commit.oid), commit.oid != head)


def resolve(name: str, revision: str) -> str:
    """The commit that a branch, tag or commit of a dataset stands for now.

    Raises UsageError where there is no such thing, TransportError where the Hub cannot be asked.
    """
    with explained(f"{name}@{revision}"):
        return str(client().dataset_info(name, revision=revision).sha)


def hub_task(name: str, call: Callable[Given, Result]) -> Task[Given, Result]:
    """A call of the Hub as a Prefect task, which is started again where the network failed."""
    from prefect import task
    from prefect.cache_policies import NO_CACHE

    again: dict[str, Any] = {"retries": 3, "retry_delay_seconds": [2, 20, 60], "retry_condition_fn": is_transport}
    return task(name=name, cache_policy=NO_CACHE, **again)(call)


def client() -> HfApi:
    """The Hub's client, at HF_ENDPOINT and with the token of HF_TOKEN, of the Secret block `hf-token` or of
    `hf auth login`."""
    from huggingface_hub import HfApi

    _set_up()
    if token := secret("HF_TOKEN"):
        os.environ.setdefault("HF_TOKEN", token)  # what reads hf:// or loads a model knows no other place
    return HfApi(token=token or None)


@cache
def _set_up() -> None:
    """Bounds that the client lacks: by itself it waits for ever for an answer, and as long as the Hub asks it to.

    Xet, the client's other road up, is off. It is a program of its own with its own retries, which knows none of these
    bounds; over LFS a file that has arrived is never sent again, and that is what the tests of faults and kills show.
    """
    from huggingface_hub import constants, set_client_factory
    from huggingface_hub.utils._http import default_client_factory

    def factory() -> httpx.Client:
        made = default_client_factory()
        made.event_hooks = {"request": [*made.event_hooks["request"], _bound], "response": [_check_wait]}
        return made

    constants.HF_HUB_DISABLE_XET = True
    set_client_factory(factory)


def _bound(request: httpx.Request) -> None:
    """Some of the client's calls ask for no limit, so that a limit of the session is not enough."""
    limits = request.extensions["timeout"]
    request.extensions["timeout"] = {name: SILENCE if limit is None else limit for name, limit in limits.items()}


def _check_wait(response: httpx.Response) -> None:
    """Raises StageError for an answer after which the client would wait too long, or ask again without end."""
    from huggingface_hub.utils._http import parse_ratelimit_headers

    asked = response.headers.get("Retry-After", "")
    limit = parse_ratelimit_headers(response.headers)
    seconds = limit.reset_in_seconds if limit and not limit.remaining else int(asked) if asked.isdigit() else 0
    if response.is_error and seconds > LONGEST_WAIT:
        raise StageError(f"the Hub asks to wait {seconds} s; run the same again then: it goes on where it stopped")
    if response.status_code == 409 and "conflicting operation" in response.read().decode():
        raise TransportError("the Hub is creating another repository for the same user")


def _standing(api: HfApi, to: Repository) -> tuple[str, set[str]]:
    """The newest commit of a repository, and the names of its files.

    Raises StageError for one that holds something else, and for a public one where a private one was asked for.
    """
    from huggingface_hub.errors import RepositoryNotFoundError

    info = api.dataset_info if to.kind == "dataset" else api.model_info
    try:
        found = info(to.name)
    except RepositoryNotFoundError as e:
        if e.response.status_code != 404:
            raise
        api.create_repo(to.name, repo_type=to.kind, private=to.private)
        found = info(to.name)
    there = {file.rfilename for file in found.siblings or []}
    if to.private and not found.private:
        raise StageError(f"the {to.kind} is public; make it private on the Hub, or set upload.private = false")
    if to.marker not in there and there - _EMPTY:
        raise StageError(f"the {to.kind} holds other files, and no {to.marker}; choose another name")
    return str(found.sha), there


def _tag(api: HfApi, to: Repository, revision: str) -> str:
    """The version of a commit: its tag, or a new one with the next number."""
    tags = api.list_repo_refs(to.name, repo_type=to.kind).tags
    versions = {int(match[1]): tag.target_commit for tag in tags if (match := _VERSION.fullmatch(tag.name))}
    for number, commit in versions.items():
        if commit == revision:
            return f"v{number}"
    name = f"v{max(versions, default=0) + 1}"
    api.create_tag(to.name, tag=name, revision=revision, repo_type=to.kind)
    return name


@contextmanager
def explained(what: str) -> Iterator[None]:
    """Every error of the client as one line about `what`, with the remedy and without the token."""
    import httpx
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

    try:
        yield
    except (StageError, HfHubHTTPError, httpx.TransportError, OfflineModeIsEnabled, RuntimeError, ValueError) as e:
        # what happens to one of several files is wrapped
        error = e.__cause__ if isinstance(e, RuntimeError) and e.__cause__ else e
        match error:
            case StageError():
                raise type(error)(f"{what}: {error}") from None
            case HfHubHTTPError():
                raise _refused(what, error) from e
            case httpx.TransportError():
                raise TransportError(f"{what}: the Hub cannot be reached ({_line(error)}); check the network") from e
            case _:
                raise StageError(f"{what}: {_line(error)}") from e


def _refused(what: str, error: HfHubHTTPError) -> Exception:
    status, said = error.response.status_code, error.server_message or "no reason given"
    match status:
        case 401:
            return StageError(f"{what}: the Hub accepts no token here, or not this one (expired?); set HF_TOKEN anew")
        case 403:
            return StageError(f"{what}: the token may not do this ({said}); it needs the right to write there")
        case 404:
            return UsageError(f"{what}: not on the Hub, or hidden from this token; check the name and the revision")
        case 409 | 412:
            return TransportError(f"{what}: changed by somebody else meanwhile ({status})")
        case 408 | 429 | 500 | 502 | 503 | 504:
            return TransportError(f"{what}: the Hub answers {status}; the same command goes on where this one stopped")
    return StageError(f"{what}: the Hub refuses ({status}: {said})")


def _line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
