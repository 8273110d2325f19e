"""RunPod's GraphQL API: what recto asks of it, with values as variables, never in the text of a query."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

import httpx

from tasks.records import StageError, TransportError, UsageError

Result = TypeVar("Result")

TRIES = 5
FIRST_WAIT = 2.0
"""Seconds before the second try, doubled before each further one."""
LONGEST_WAIT = 120.0
"""Seconds: where RunPod asks to wait longer, the command says so and ends."""

PODS = """query Pods { myself { pods {
  id name desiredStatus costPerHr machine { gpuDisplayName }
  runtime { uptimeInSeconds ports { ip isIpPublic privatePort publicPort } }
} } }"""
PRICE = """query Price($gpu: GpuTypeFilter!, $offer: GpuLowestPriceInput!) { gpuTypes(input: $gpu) {
  id lowestPrice(input: $offer) { uninterruptablePrice stockStatus }
} }"""
DEPLOY = """mutation Deploy($pod: PodFindAndDeployOnDemandInput!) { podFindAndDeployOnDemand(input: $pod) {
  id name desiredStatus costPerHr machine { gpuDisplayName }
} }"""
TERMINATE = """mutation Terminate($pod: PodTerminateInput!) { podTerminate(input: $pod) }"""


class NoneFreeError(StageError):
    """RunPod has no such GPU free now."""


class _PassingError(TransportError):
    """A fault after which the same may be asked again, in `seconds` or when the caller thinks fit."""

    def __init__(self, what: str, seconds: float | None = None) -> None:
        super().__init__(what)
        self.seconds = seconds


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod as RunPod lists it. `per_hour` is in dollars; `ssh` is host and port, once the pod runs."""

    id: str
    name: str
    status: str
    gpu: str
    per_hour: float
    seconds: int | None
    ssh: tuple[str, int] | None


class RunPod:
    """The account that a key belongs to. `secrets` are values that no error may show, whatever RunPod sends back."""

    def __init__(self, key: str, secrets: Collection[str] = (), sleep: Callable[[float], object] = time.sleep) -> None:
        self._secrets = sorted({key, *secrets} - {""}, key=len, reverse=True)
        self._sleep = sleep
        base = os.environ.get("RUNPOD_API_BASE_URL") or "https://api.runpod.io"
        headers = {"Authorization": f"Bearer {key}", "User-Agent": "recto"}
        self._client = httpx.Client(base_url=base, headers=headers, timeout=30)

    @classmethod
    def from_environment(cls, secrets: Collection[str] = ()) -> RunPod:
        """Raises UsageError where there is no key."""
        if not (key := os.environ.get("RUNPOD_API_KEY", "")):
            raise UsageError("RUNPOD_API_KEY is empty; make a key in RunPod's settings and export it")
        return cls(key, secrets)

    def pods(self, name: str) -> list[Pod]:
        """The pods of this name, whatever their status."""
        return self.patiently(lambda: self._pods(name))

    def price(self, gpu: str, secure: bool | None) -> float | None:
        """Dollars an hour for one GPU of a type, None where none is free. Raises UsageError for an unknown type."""
        offer = {"gpuCount": 1} | ({} if secure is None else {"secureCloud": secure})
        found = self.patiently(lambda: self._ask(PRICE, gpu={"id": gpu}, offer=offer))["gpuTypes"]
        if not found:
            raise UsageError(f"RunPod has no GPU type {gpu!r}; its documentation lists their ids")
        lowest = found[0]["lowestPrice"] or {}
        return lowest.get("uninterruptablePrice") if lowest.get("stockStatus") else None

    def deploy(self, name: str, pod: Mapping[str, Any]) -> Pod:
        """Deploy a pod, unless one of this name stands: an answer that was lost may have deployed it.

        Raises NoneFreeError where RunPod has none left.
        """

        def attempt() -> Pod:
            if standing := self._pods(name):
                return standing[0]
            return _pod(self._ask(DEPLOY, pod={**pod, "name": name})["podFindAndDeployOnDemand"])

        return self.patiently(attempt)

    def terminate(self, pod: str) -> None:
        """Remove a pod with its volume; one that is gone already is no error."""

        def attempt() -> None:
            try:
                self._ask(TERMINATE, pod={"podId": pod})
            except _PassingError:
                raise
            except StageError as e:
                if "not found" not in str(e).lower():
                    raise

        self.patiently(attempt)

    def patiently(self, call: Callable[[], Result]) -> Result:
        """What the call returns, tried again after faults that pass; only for what may be done twice."""
        wait = FIRST_WAIT
        for tries_left in reversed(range(TRIES)):
            try:
                return call()
            except _PassingError as e:
                seconds = wait if e.seconds is None else e.seconds
                if seconds > LONGEST_WAIT:
                    raise StageError(f"RunPod asks to wait {seconds:.0f} s; run the same again then") from None
                if not tries_left:
                    raise TransportError(f"{e}, {TRIES} times; run the same again later") from None
            self._sleep(seconds)
            wait *= 2
        raise AssertionError

    def _pods(self, name: str) -> list[Pod]:
        return [_pod(found) for found in self._ask(PODS)["myself"]["pods"] or [] if found["name"] == name]

    def _ask(self, query: str, **variables: object) -> dict[str, Any]:
        """One request; its `data`."""
        try:
            answer = self._client.post("/graphql", json={"query": query, "variables": variables})
        except httpx.TransportError as e:
            raise _PassingError(f"RunPod does not answer ({type(e).__name__})") from None
        if answer.status_code in (408, 429) or answer.is_server_error:
            raise _PassingError(f"RunPod answers {answer.status_code}", _asked_to_wait(answer))
        try:
            said = answer.json()
            errors = [str(error["message"]) for error in said.get("errors") or []]
            codes = {(error.get("extensions") or {}).get("code") for error in said.get("errors") or []}
        except (ValueError, KeyError, AttributeError, TypeError):
            if answer.is_success:
                raise _PassingError("RunPod's answer cannot be read") from None
            said, errors, codes = {}, [], set()
        if answer.status_code in (401, 403) or codes & {"UNAUTHENTICATED", "FORBIDDEN"}:
            raise UsageError(
                "RunPod refuses RUNPOD_API_KEY: wrong, expired, or not allowed to; make another, export it"
            )
        if errors:
            told = self._clean("; ".join(errors))
            raise NoneFreeError(told) if _none_free(told) else StageError(f"RunPod: {told}")
        if not answer.is_success or not isinstance(said.get("data"), dict):
            raise StageError(f"RunPod answers {answer.status_code} without data")
        data: dict[str, Any] = said["data"]
        return data

    def _clean(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return " ".join(text.split())[:500]


def _asked_to_wait(answer: httpx.Response) -> float | None:
    """Seconds of Retry-After, which is a number or a date."""
    after = answer.headers.get("retry-after", "")
    if after.isdigit():
        return float(after)
    try:
        return max(parsedate_to_datetime(after).timestamp() - time.time(), 0)
    except ValueError:
        return None


def _none_free(message: str) -> bool:
    message = message.lower()
    return "no longer any instances" in message or "no instances currently available" in message


def _pod(found: Mapping[str, Any]) -> Pod:
    runtime = found.get("runtime") or {}
    ports = [p for p in runtime.get("ports") or [] if p["privatePort"] == 22 and p["isIpPublic"]]
    return Pod(
        id=found["id"],
        name=found["name"],
        status=found["desiredStatus"],
        gpu=(found.get("machine") or {}).get("gpuDisplayName") or "GPU",
        per_hour=float(found["costPerHr"]),
        seconds=runtime.get("uptimeInSeconds"),
        ssh=(ports[0]["ip"], ports[0]["publicPort"]) if ports else None,
    )
