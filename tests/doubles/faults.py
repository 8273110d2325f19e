"""Doubles of outside services: real HTTP on the loopback, with faults that a test puts in.

A double is an ASGI application. `serve` runs it on a port of its own and says what was asked of it:

    with serve(GitHub(...).app) as service:
        service.faults.add(Fault(503), at=2)       # the third request is answered 503
        service.faults.always(Fault(kind="reset"), "/git/blobs/")
        Client(service.url).work()
    assert [call.path for call in service.calls] == [...]
"""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import uvicorn

Kind = Literal["status", "silence", "reset", "lost", "truncate"]


@dataclass(frozen=True, slots=True)
class Fault:
    """What a service does in place of answering: a status with headers and a body, no answer at all, a connection
    that is reset while the request arrives ("reset") or after it took effect ("lost"), or the true answer cut in half.

    `call` is called first: there a test can kill the process that asks.
    """

    status: int = 500
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    kind: Kind = "status"
    call: Callable[[], object] | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """One request that arrived, and the fault that it met, if any."""

    method: str
    host: str
    path: str
    query: str
    headers: Mapping[str, str]
    fault: Fault | None

    @property
    def target(self) -> str:
        return f"{self.path}?{self.query}" if self.query else self.path


@dataclass(slots=True)
class _Due:
    fault: Fault
    method: str
    part: str
    times: int
    spare: int


class Faults:
    """Which requests meet a fault, by the order in which they arrive or by a part of their target."""

    def __init__(self) -> None:
        self._at: dict[int, Fault] = {}
        self._always: list[tuple[str, Fault]] = []
        self._every: tuple[int, tuple[Fault, ...]] | None = None
        self._next: list[_Due] = []
        self._count = 0

    def add(self, *faults: Fault, at: int = 0) -> None:
        """One fault each for the requests from now on; `at` of them are spared first."""
        self._at |= {self._count + at + i: fault for i, fault in enumerate(faults)}

    def always(self, fault: Fault, part: str = "") -> None:
        """A fault for every request with this part in its target."""
        self._always.append((part, fault))

    def every(self, nth: int, *faults: Fault) -> None:
        """A fault for each nth request, one after the other."""
        self._every = (nth, faults)

    def next(self, fault: Fault, method: str, part: str, times: int = 1, spare: int = 0) -> None:
        """A fault for the next `times` requests of a method with this part in their target; `spare` go before."""
        self._next.append(_Due(fault, method, part, times, spare))

    def clear(self) -> None:
        self._next.clear()
        self._at.clear()
        self._always.clear()
        self._every = None

    def take(self, method: str, target: str) -> Fault | None:
        number = self._count
        self._count += 1
        if fault := self._at.pop(number, None):
            return fault
        if due := next((d for d in self._next if d.times and d.method == method and d.part in target), None):
            if not due.spare:
                due.times -= 1
                return due.fault
            due.spare -= 1
        if fault := next((fault for part, fault in self._always if part in target), None):
            return fault
        if self._every and (number + 1) % self._every[0] == 0:
            nth, faults = self._every
            return faults[(number + 1) // nth % len(faults)]
        return None


@dataclass(slots=True)
class Service:
    """A double that is being served."""

    url: str
    faults: Faults
    calls: list[Call]


class _Faulty:
    """Between server and double: notes each request, and answers in the double's place where a fault is due."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self.faults = Faults()
        self.calls: list[Call] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        headers = {k.decode().lower(): v.decode("latin-1") for k, v in scope["headers"]}
        query = scope["query_string"].decode()
        path = scope.get("raw_path", scope["path"].encode()).decode()
        fault = self.faults.take(scope["method"], f"{path}?{query}")
        self.calls.append(Call(scope["method"], headers.get("host", ""), path, query, headers, fault))
        if fault is None:
            return await self.app(scope, receive, send)
        if fault.call:
            fault.call()
        if fault.kind == "status":
            pairs = [(k.lower().encode(), v.encode()) for k, v in fault.headers.items()]
            await send({"type": "http.response.start", "status": fault.status, "headers": pairs})
            return await send({"type": "http.response.body", "body": fault.body})
        # uvicorn's `send` belongs to the object that holds the connection
        transport = send.__self__.transport
        if fault.kind == "silence":
            while (await receive())["type"] != "http.disconnect":
                pass
            return None
        if fault.kind == "truncate":
            await self.app(scope, receive, _halved(send))
        else:
            await self.app(scope, receive, _unsent) if fault.kind == "lost" else await receive()
            linger = struct.pack("ii", 1, 0)  # close with a reset, not with a farewell
            transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        transport.close() if fault.kind == "truncate" else transport.abort()
        return None


async def _unsent(message: Any) -> None:
    pass


def _halved(send: Any) -> Any:
    """A `send` that promises the whole body and sends its first half."""

    async def half(message: Any) -> None:
        if message["type"] == "http.response.body":
            body = message.get("body", b"")
            message = {**message, "body": body[: len(body) // 2], "more_body": True}
        await send(message)

    return half


@contextmanager
def serve(app: Any) -> Iterator[Service]:
    """Serve an application on a free port of the loopback, behind faults."""
    faulty = _Faulty(app)
    # a double says by itself when it answered, so that no test depends on the time of day
    config = uvicorn.Config(faulty, port=0, log_level="critical", date_header=False, lifespan="off")
    server = uvicorn.Server(config)
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    started = threading.Event()

    async def run() -> None:
        serving = asyncio.create_task(server.serve([listener]))
        while not server.started and not serving.done():
            await asyncio.sleep(0)
        started.set()
        await serving

    thread = threading.Thread(target=lambda: asyncio.run(run()), daemon=True)
    thread.start()
    started.wait(30)
    try:
        yield Service(f"http://127.0.0.1:{listener.getsockname()[1]}", faulty.faults, faulty.calls)
    finally:
        server.should_exit = server.force_exit = True
        thread.join(30)
