"""What goes wrong between `recto gpu` and RunPod, and what comes of it."""

from __future__ import annotations

import json

import pytest
from doubles.faults import Fault, Service
from doubles.runpod import RunPod as Double
from pod_values import A6000, KEY, PASSWORD

from infra.gpu import pods, runpod
from infra.gpu.config import PodConfig
from infra.gpu.runpod import NoneFreeError, RunPod
from tasks.records import StageError, TransportError, UsageError


def _error(message: str) -> bytes:
    return json.dumps({"errors": [{"message": message}], "data": None}).encode()


def test_a_gpu_that_another_took_meanwhile_is_passed_over(service: Service, account: Double, config: PodConfig) -> None:
    service.faults.add(Fault(200, body=_error("There are no longer any instances available.")), at=3)
    list(pods.up(config))
    assert [call.fault is None for call in service.calls] == [True, True, True, False, True, True, True]
    assert account.deployed[0]["gpuTypeId"] == A6000


@pytest.mark.parametrize(
    "fault",
    [
        Fault(503),
        Fault(502, body=b"<html>bad gateway"),
        Fault(429, {"Retry-After": "0"}),
        Fault(kind="reset"),
        Fault(kind="truncate"),
        Fault(200, body=b"<html>maintenance"),
    ],
    ids=["503", "502", "429", "reset", "cut", "no JSON"],
)
def test_a_fault_that_passes_is_waited_out_and_makes_no_second_pod(
    service: Service, account: Double, config: PodConfig, fault: Fault
) -> None:
    for request in (0, 2, 5, 8, 10):  # list, price, deployment; list, removal
        service.faults.add(fault, at=request)
    list(pods.up(config))
    assert len(account.deployed) == 1
    list(pods.down(config))
    assert not account.pods


def test_a_lost_answer_makes_no_second_pod(service: Service, account: Double, config: PodConfig) -> None:
    service.faults.add(Fault(kind="lost"), at=3)  # after pods, price, pods: the deployment
    list(pods.up(config))
    assert len(account.deployed) == 1
    service.faults.add(Fault(kind="lost"), at=1)  # the removal
    list(pods.down(config))
    assert not account.pods


def test_faults_without_end_are_an_error_of_transport(service: Service, config: PodConfig) -> None:
    service.faults.always(Fault(500))
    with pytest.raises(TransportError, match="RunPod answers 500, 5 times; run the same again later"):
        list(pods.status(config))
    assert len(service.calls) == runpod.TRIES


def test_retry_after_is_kept_to_and_a_long_one_ends_the_command(service: Service) -> None:
    waits: list[float] = []
    past, far = "Sun, 01 Mar 2026 10:00:00 GMT", "Sun, 01 Mar 2099 10:00:00 GMT"
    asked = ({"Retry-After": "7"}, {}, {"Retry-After": past}, {"Retry-After": far})
    service.faults.add(*(Fault(429, headers) for headers in asked))
    with pytest.raises(StageError, match=r"asks to wait \d{9,} s"):
        RunPod(KEY, sleep=waits.append).pods("recto-gpu")
    assert waits == [7, 2 * runpod.FIRST_WAIT, 0]


@pytest.mark.parametrize("status", [400, 404, 200])
def test_what_is_wrong_with_a_query_is_said_at_once(service: Service, config: PodConfig, status: int) -> None:
    service.faults.always(Fault(status, body=_error('Cannot query field "podz"')))
    with pytest.raises(StageError, match='RunPod: Cannot query field "podz"') as raised:
        list(pods.status(config))
    assert not isinstance(raised.value, NoneFreeError | TransportError)
    assert len(service.calls) == 1


def test_a_missing_and_a_refused_key_are_bad_usage(
    service: Service, config: PodConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNPOD_API_KEY", "rpa_expired")
    with pytest.raises(UsageError, match="refuses RUNPOD_API_KEY") as raised:
        list(pods.status(config))
    assert "rpa_expired" not in str(raised.value)
    body = json.dumps({"errors": [{"message": "no", "extensions": {"code": "FORBIDDEN"}}]}).encode()
    service.faults.always(Fault(200, body=body))
    with pytest.raises(UsageError, match="refuses RUNPOD_API_KEY"):
        list(pods.status(config))
    monkeypatch.delenv("RUNPOD_API_KEY")
    with pytest.raises(UsageError, match="RUNPOD_API_KEY is empty"):
        list(pods.status(config))


def test_an_error_that_repeats_what_was_sent_shows_no_secret(service: Service, config: PodConfig) -> None:
    service.faults.add(Fault(400, body=_error(f"$pod got an invalid value {PASSWORD} of {KEY}")), at=3)
    with pytest.raises(StageError, match=r"invalid value \*\*\* of \*\*\*"):
        list(pods.up(config))
