"""One way to ask a service: who asks is said, requests keep their distance, faults are waited out, and not for ever."""

from __future__ import annotations

import logging
import re
import ssl
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache, cached_property
from importlib.metadata import version
from threading import Lock

import httpx

from tasks.collect.fetch.answers import PASSING, as_declared, asked_to_wait, is_limit, told_at, unpacked
from tasks.collect.fetch.cache import RETRIEVED, Cache, conditions
from tasks.records import StageError, UsageError

log = logging.getLogger(__name__)


class FetchError(StageError):
    """A URL could not be had. `status` is the HTTP status that refused it, 0 where no usable answer came."""

    def __init__(self, url: object, problem: str, status: int = 0) -> None:
        super().__init__(f"{url}: {problem}")
        self.status = status

    @property
    def gone(self) -> bool:
        """Whether the service says that there is no such thing, now or for legal reasons."""
        return self.status in (404, 410, 451)

    @property
    def too_large(self) -> bool:
        """Whether there is more of it than is taken."""
        return self.status == 413


class _FaultError(Exception):
    """Asking again may help, in `pause` seconds if the service said so."""

    def __init__(self, problem: str, pause: float | None = None) -> None:
        super().__init__(problem)
        self.pause = pause


@dataclass(frozen=True, slots=True)
class Manners:
    """How one service is asked.

    `pace` is seconds between two requests. `check` says what is wrong with the content of an answer, '' if nothing.
    What stands at a URL that `fixed` matches never changes. `remedy` is what a user can do when the service refuses.
    Hosts of one `service` share its pace.
    """

    pace: float
    service: str = ""
    max_bytes: int = 20_000_000
    check: Callable[[httpx.Response], str] = as_declared
    fixed: re.Pattern[str] = re.compile(r"(?!)")
    remedy: str = "check that it exists and may be read"


@cache
def _certificates() -> ssl.SSLContext:
    """Read once: it takes longer than most requests."""
    return httpx.create_ssl_context()


@dataclass(slots=True)
class _Host:
    open: float = 0.0
    """When the last fault lets the service be asked again."""
    lost: float = 0.0
    """Seconds that faults have cost since the last answer."""


@dataclass
class Fetcher:
    """Asks for URLs, politely, one at a time; the same promises for every client that `client` or `adapter` serves.

    `contact` is who runs this, as an address or URL. `mirrors` maps a host to the base URL that answers for it.
    An answer may take `seconds`. A request is sent at most `tries` times, and a host is given up when faults have cost
    `patience` seconds since its last answer. What could not be had again but was kept is used as it was, and counted
    in `stale`; `anew`: it serves for nothing else, so everything is asked for again, whole.
    """

    contact: str
    cache: Cache | None = None
    mirrors: Mapping[str, str] = field(default_factory=dict)
    patience: float = 600
    tries: int = 5
    seconds: float = 60
    anew: bool = False
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    calls: Counter[str] = field(default_factory=Counter)
    stale: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._hosts: dict[str, _Host] = {}
        self._ready: dict[str, float] = {}  # service or host -> when its pace allows the next request
        self._lock = Lock()

    @cached_property
    def _wire(self) -> httpx.Client:
        return httpx.Client(verify=_certificates())

    @property
    def identity(self) -> str:
        """Who asks. Raises UsageError as `check` does."""
        self.check()
        return f"recto/{version('recto')} ({self.contact})"

    def check(self) -> None:
        """Raises UsageError where nobody is named, or so that no header can hold it."""
        if not self.contact.strip():
            raise UsageError(
                "collect.contact is empty: name an e-mail address or a URL at which the services can reach you; "
                "their rules ask for one"
            )
        if not (self.contact.isascii() and self.contact.isprintable()):
            raise UsageError(f"collect.contact is {self.contact!r}: write it in printable ASCII, as a header must be")

    def client(self, manners: Manners) -> httpx.Client:
        """An httpx client whose requests keep to these manners."""
        return httpx.Client(transport=Transport(self, manners), follow_redirects=True)

    def ask(self, request: httpx.Request, manners: Manners) -> httpx.Response:
        """The whole answer to a GET: a success or a redirect. Raises FetchError for everything else."""
        with self._lock:
            kept = self.cache.get(request) if self.cache else None
            if kept and not self.anew and manners.fixed.search(str(request.url)):
                return kept
            try:
                return self._persist(request, manners, None if self.anew else kept)
            except FetchError as e:
                if e.gone or not kept:
                    raise
                log.warning("%s; using what was had on %s", e, kept.headers.get(RETRIEVED, "an earlier day"))
                self.stale[request.url.host] += 1
                return kept

    def _persist(self, request: httpx.Request, manners: Manners, kept: httpx.Response | None) -> httpx.Response:
        host, service = self._hosts.setdefault(request.url.host, _Host()), manners.service or request.url.host
        problem = f"{request.url.host} was given up after {host.lost:.0f} s of faults"
        for attempt in range(self.tries):
            now = self.clock()
            held = max(host.open - now, 0.0)
            if host.lost + held >= self.patience:
                if held:
                    problem += f"; it asked to wait {held:.0f} s, and at most {self.patience:.0f} s are waited"
                break
            if delay := max(held, self._ready.get(service, now) - now):
                self.sleep(delay)
            host.lost += held
            started = self.clock()
            self._ready[service] = started + manners.pace
            try:
                answer = self._once(request, manners, kept)
            except _FaultError as e:
                now = self.clock()
                host.open = now + (2.0**attempt if e.pause is None else e.pause)
                host.lost += now - started
                problem = f"{e} (asked {attempt + 1} times)"
            except FetchError:
                host.lost = 0.0
                raise
            else:
                host.lost = 0.0
                return answer
        raise FetchError(request.url, f"{problem}; try again later")

    def _once(self, request: httpx.Request, manners: Manners, kept: httpx.Response | None) -> httpx.Response:
        self.calls[request.url.host] += 1
        response = self._receive(request, self._addressed(request, manners, kept), manners)
        status = response.status_code
        if status in PASSING or (status == 403 and is_limit(response)):
            raise _FaultError(f"answered {status}", asked_to_wait(response))
        if status == 304 and kept:
            return kept
        if status >= 400:
            raise FetchError(request.url, f"refused with {status}; {manners.remedy}", status)
        if response.has_redirect_location:
            return response
        if status != 200:
            raise _FaultError(f"answered {status}", asked_to_wait(response))
        if problem := manners.check(response):
            raise _FaultError(f"answered with {problem}"[:300], asked_to_wait(response))
        response.headers[RETRIEVED] = datetime.fromtimestamp(told_at(response), UTC).isoformat(timespec="seconds")
        if self.cache:
            self.cache.put(request, response)
        return response

    def _addressed(self, request: httpx.Request, manners: Manners, kept: httpx.Response | None) -> httpx.Request:
        """The request as it is sent: who asks, what is there already, and to which machine."""
        url, headers = request.url, dict(request.headers)
        headers |= {"user-agent": self.identity, "accept-encoding": "gzip", **(conditions(kept) if kept else {})}
        if mirror := self.mirrors.get(url.host):
            base = httpx.URL(mirror)
            url = url.copy_with(scheme=base.scheme, host=base.host, port=base.port)
        limits = dict.fromkeys(("connect", "read", "write", "pool"), self.seconds)
        return httpx.Request("GET", url, headers=headers, extensions={"timeout": limits})

    def _receive(self, request: httpx.Request, sent: httpx.Request, manners: Manners) -> httpx.Response:
        """A whole answer, no larger and no slower than the manners allow."""
        deadline = self.clock() + self.seconds
        body = bytearray()
        try:
            response = self._wire.send(sent, stream=True)
            try:
                for chunk in unpacked(response, manners.max_bytes + 1):
                    body += chunk
                    if len(body) > manners.max_bytes:
                        raise FetchError(request.url, f"more than {manners.max_bytes} bytes; left out", 413)
                    if self.clock() > deadline:
                        raise _FaultError(f"took more than {self.seconds:.0f} s")
            finally:
                response.close()
        except httpx.TimeoutException:
            raise _FaultError(f"gave no answer in {self.seconds:g} s") from None
        except (httpx.TransportError, httpx.DecodingError) as e:
            raise _FaultError(f"broke off ({e})") from None
        headers = httpx.Headers(response.headers)
        for name in ("content-encoding", "content-length", "transfer-encoding"):
            headers.pop(name, None)
        return httpx.Response(response.status_code, headers=headers, content=bytes(body), request=request)


class Transport(httpx.BaseTransport):
    """The way out for httpx and what is built on it."""

    def __init__(self, fetcher: Fetcher, manners: Manners) -> None:
        self.fetcher = fetcher
        self.manners = manners

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return self.fetcher.ask(request, self.manners)
