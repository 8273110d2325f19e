"""The client of this process, made to talk to a double of the Hub."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pytest
from doubles.faults import Service, serve
from doubles.hub import Hub


@dataclass
class OnHub:
    """The double, and for how many seconds it made the client wait: no time passes."""

    hub: Hub
    service: Service
    waits: list[float]


@pytest.fixture
def on_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[OnHub]:
    from huggingface_hub import HfFileSystem, close_session, constants
    from huggingface_hub.hf_api import api
    from huggingface_hub.utils import _http

    hub, waits = Hub(), list[float]()
    with serve(hub.app) as service:
        monkeypatch.setenv("HF_TOKEN", hub.token)
        monkeypatch.setattr(constants, "ENDPOINT", service.url)
        monkeypatch.setattr(api, "endpoint", service.url)
        resolve = "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", service.url + resolve)
        monkeypatch.setattr(constants, "HF_URL_HOSTS", constants.HF_URL_HOSTS | {"127.0.0.1"})
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub-cache"))
        monkeypatch.setattr(_http, "time", SimpleNamespace(sleep=waits.append))
        HfFileSystem.clear_instance_cache()
        yield OnHub(hub, service, waits)
        close_session()
