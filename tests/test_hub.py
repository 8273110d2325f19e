"""The road up to the Hub: each fault in each step has a promised end, and no reader ever sees half a version."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Literal

import pytest
from doubles.faults import Fault
from doubles.hub import Blob
from doubles.hub import Repository as HubRepository
from doubles.on_hub import OnHub

from tasks import hub
from tasks.hub import LONGEST_WAIT, Repository, resolve, upload
from tasks.records import StageError, TransportError, UsageError

NAME = "me/pages"
TO = Repository("dataset", NAME, private=True, marker="ledger.parquet", folders=("data/",))
OLD = {"data/a.parquet": b"a" * 5000, "data/b.parquet": b"b" * 5000, "ledger.parquet": b"1", "README.md": b"# one\n"}
NEW = {**OLD, "data/b.parquet": b"B" * 5000, "data/c.parquet": b"c" * 1_000_000, "README.md": b"# two\n"}
del NEW["data/a.parquet"]

STEPS = {
    "look": ("GET", f"/api/datasets/{NAME}?"),
    "create": ("POST", "/api/repos/create"),
    "preupload": ("POST", "/preupload/"),
    "batch": ("POST", "/objects/batch"),
    "put": ("PUT", "/lfs/"),
    "verify": ("POST", "/lfs/verify"),
    "commit": ("POST", "/commit/"),
    "tags": ("GET", "/refs"),
    "tag": ("POST", "/tag/"),
}
FAULTS = {
    "500": Fault(500),
    "503": Fault(503),
    "429": Fault(429, {"Retry-After": "7"}),
    "429 for long": Fault(429, {"Retry-After": str(LONGEST_WAIT + 1)}),
    "rate limit": Fault(429, {"ratelimit": f'"api";r=0;t={LONGEST_WAIT + 1}'}),
    "conflict": Fault(412),
    "no such token": Fault(401, {"X-Error-Message": "Invalid credentials in Authorization header"}),
    "no right": Fault(403, {"X-Error-Message": "write access is needed"}),
    "bad request": Fault(400, {"X-Error-Message": "not so"}),
    "busy": Fault(409, body=b"Cannot create repo: another conflicting operation is in progress"),
    "reset": Fault(kind="reset"),
    "lost": Fault(kind="lost"),
}
# what is promised: the client gets over it ("over"), the call says that another may succeed, and another does
# ("again"), or it stops with one clear line ("stop")
Promise = Literal["over", "again", "stop"]
ONCE = ("look", "create", "commit", "tags", "tag")  # the client tries these once
OFTEN = ("preupload", "batch", "put", "verify")
TABLE: dict[tuple[str, str], Promise] = {
    **{(step, fault): "again" for step in ONCE for fault in ("500", "503", "429", "reset", "lost")},
    **{(step, fault): "over" for step in OFTEN for fault in ("500", "503", "429", "reset", "lost")},
    **{(step, "429 for long"): "stop" for step in STEPS},
    **{(step, "no such token"): "stop" for step in STEPS},
    ("preupload", "rate limit"): "stop",
    ("commit", "conflict"): "again",
    ("create", "busy"): "again",
    ("create", "no right"): "stop",
    ("commit", "no right"): "stop",
    ("commit", "bad request"): "stop",
}
SAID = {
    "429 for long": f"asks to wait {LONGEST_WAIT + 1} s",
    "rate limit": f"asks to wait {LONGEST_WAIT + 1} s",
    "no such token": "set HF_TOKEN",
    "no right": "needs the right to write",
    "bad request": "refuses",
}


def content(repository: HubRepository) -> dict[str, bytes]:
    return {name: blob.data for name, blob in repository.files.items() if name != ".gitattributes"}


@pytest.mark.parametrize(("step", "fault"), TABLE)
def test_every_fault_has_its_promised_end(
    step: str, fault: str, on_hub: OnHub, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    double, promise = on_hub.hub, TABLE[step, fault]
    if step != "create":
        upload(TO, OLD, "one")
    before = len(double.repositories["dataset", NAME].commits) if step != "create" else 1
    on_hub.service.calls.clear()
    on_hub.service.faults.next(FAULTS[fault], *STEPS[step])
    if promise == "over":
        assert upload(TO, NEW, "two").changed
        assert on_hub.waits == [8 if fault == "429" else 1]
    else:
        with pytest.raises(StageError, match=SAID.get(fault, "")) as raised:
            upload(TO, NEW, "two")
        assert isinstance(raised.value, TransportError) == (promise == "again")
        assert str(raised.value).startswith(f"{NAME}: ")
        assert "\n" not in str(raised.value)
        assert double.token not in str(raised.value)
        if ("dataset", NAME) in double.repositories:
            assert content(double.repositories["dataset", NAME]) in ({}, OLD, NEW)
        upload(TO, NEW, "two")
    assert any(call.fault for call in on_hub.service.calls), "the fault was not met"
    repository = double.repositories["dataset", NAME]
    assert content(repository) == NEW
    assert len(repository.commits) == before + 1
    assert repository.tags[f"v{len(repository.tags)}"] == repository.head
    assert repository.private
    again = len(double.received) - len(set(double.received))
    assert again == ((step, fault) == ("put", "lost")), "a file that had arrived was sent again"
    assert double.token not in caplog.text


def test_large_files_go_before_the_one_commit(on_hub: OnHub) -> None:
    upload(TO, OLD, "one")
    asked = [call.path for call in on_hub.service.calls if call.method in ("PUT", "POST")]
    puts = [place for place, path in enumerate(asked) if path.startswith("/lfs/")]
    commits = [place for place, path in enumerate(asked) if "/commit/" in path]
    assert len(commits) == 1
    assert max(puts) < commits[0]
    assert not [call for call in on_hub.service.calls if "xet" in call.path]


def test_the_same_again_changes_nothing(on_hub: OnHub) -> None:
    first = upload(TO, OLD, "one")
    assert first.changed
    again = upload(TO, OLD, "one")
    assert (again.revision, again.tag, again.changed) == (first.revision, "v1", False)
    repository = on_hub.hub.repositories["dataset", NAME]
    assert len(repository.commits) == 2
    assert repository.tags == {"v1": first.revision}
    second = upload(TO, NEW, "two")
    assert (second.tag, content(repository)) == ("v2", NEW)
    assert {name: blob.data for name, blob in repository.commits[first.revision].items() if name in OLD} == OLD


def test_a_tag_that_a_kill_left_out_is_made_by_the_next_call(on_hub: OnHub) -> None:
    upload(TO, OLD, "one")
    repository = on_hub.hub.repositories["dataset", NAME]
    repository.tags.clear()
    assert upload(TO, OLD, "one").tag == "v1"
    assert repository.tags == {"v1": repository.head}


def test_somebody_elses_commit_in_between_is_not_written_over_unseen(on_hub: OnHub) -> None:
    upload(TO, OLD, "one")
    repository = on_hub.hub.repositories["dataset", NAME]

    def commit() -> None:
        repository.commit({**repository.files, "data/other.parquet": Blob(b"other", lfs=True)})

    # their commit arrives while our files do
    on_hub.service.faults.next(Fault(503, call=commit), "POST", "/objects/batch")
    with pytest.raises(TransportError, match="somebody else"):
        upload(TO, NEW, "two")
    assert "data/other.parquet" in repository.files
    upload(TO, NEW, "two")
    assert content(repository) == NEW


def test_what_is_not_ours_is_left_alone(on_hub: OnHub) -> None:
    repository = on_hub.hub.create("dataset", NAME, private=True)
    repository.commit({**repository.files, "thesis.pdf": Blob(b"mine", lfs=True)})
    with pytest.raises(StageError, match=r"holds other files, and no ledger\.parquet; choose another name"):
        upload(TO, OLD, "one")
    assert content(repository) == {"thesis.pdf": b"mine"}
    ours = on_hub.hub.create("dataset", NAME, private=True)
    ours.commit({**ours.files, "README.md": Blob(b"# soon\n", lfs=False)})
    upload(TO, OLD, "one")
    ours.commit({**ours.files, "LICENSE": Blob(b"text", lfs=False)})
    upload(TO, NEW, "two")
    assert content(ours) == {**NEW, "LICENSE": b"text"}


def test_private_is_never_put_into_a_public_repository(on_hub: OnHub) -> None:
    on_hub.hub.create("dataset", NAME)
    with pytest.raises(StageError, match=r"is public; make it private .* or set upload.private = false"):
        upload(TO, OLD, "one")
    assert not on_hub.hub.lfs
    upload(Repository("dataset", NAME, private=False, marker="ledger.parquet"), OLD, "one")
    assert content(on_hub.hub.repositories["dataset", NAME]) == OLD


def test_a_reference_is_pinned_to_its_commit(on_hub: OnHub) -> None:
    first = upload(TO, OLD, "one")
    second = upload(TO, NEW, "two")
    assert resolve(NAME, "v1") == resolve(NAME, first.revision) == first.revision
    assert resolve(NAME, "main") == second.revision
    with pytest.raises(UsageError, match=r"me/pages@v9: not on the Hub"):
        resolve(NAME, "v9")
    with pytest.raises(UsageError, match=r"me/none@main: not on the Hub"):
        resolve("me/none", "main")


def test_a_file_on_disk_goes_up_as_its_bytes(on_hub: OnHub, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(OLD["data/a.parquet"])
    upload(TO, {**OLD, "data/a.parquet": tmp_path / "a"}, "one")
    assert content(on_hub.hub.repositories["dataset", NAME]) == OLD


@pytest.mark.timeout(60)
@pytest.mark.parametrize("step", ["look", "create", "put", "commit", "tags", "tag"])
def test_a_silent_hub_is_given_up(step: str, on_hub: OnHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "SILENCE", 0.2)
    on_hub.service.faults.next(Fault(kind="silence"), *STEPS[step], times=6)
    with pytest.raises(TransportError, match=r"me/pages: the Hub cannot be reached \(timed out\)"):
        upload(TO, {"ledger.parquet": b"1"}, "one")


def test_without_a_network_one_line_says_so(on_hub: OnHub, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(TransportError, match=r"me/pages@main: the Hub cannot be reached \(.*\); check the network"):
        resolve(NAME, "main")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(StageError, match=r"me/pages: .*offline mode is enabled.*HF_HUB_OFFLINE"):
        upload(TO, OLD, "one")
