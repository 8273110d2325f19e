"""Reports over HTTP: no browser opens a file from a page of the Prefect UI."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from tasks.store import MANIFEST, Folder, home

HOST = "127.0.0.1"
STAGES = ("report", "counting-report", "ablation-report")
_PATH = re.compile(rf"/({'|'.join(STAGES)})/([0-9a-f]+)/report\.html")


class _Handler(BaseHTTPRequestHandler):
    """GET only: a list of the finished reports of the store, and each of them. Nothing else in the store is shown."""

    def do_GET(self) -> None:
        if self.path == "/":
            return self._answer(_index().encode())
        if found := _PATH.fullmatch(self.path):
            try:
                return self._answer((Folder(home()) / found[1] / found[2]).read("report.html"))
            except FileNotFoundError:
                pass
        self.send_error(404, "No such report")
        return None

    def _answer(self, page: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)

    def log_message(self, *_: object) -> None:
        """A line a request would hide what the workers say."""


def _index() -> str:
    rows = [
        f'<li><a href="/{stage}/{key}/report.html">{html.escape(_title(stage, key))}</a>'
        for stage in STAGES
        for key in sorted({name.partition("/")[0] for name in (Folder(home()) / stage).names(f"*/{MANIFEST}")})
    ]
    return f"<!doctype html><title>Reports</title><h1>Reports</h1><ul>{''.join(rows) or '<li>none yet'}</ul>"


def _title(stage: str, key: str) -> str:
    why = (Folder(home()) / stage / key).read_json(MANIFEST)["config"].get("why")
    return f"{stage} {key}{f': {why}' if why else ''}"


@contextmanager
def serve_reports(port: int) -> Iterator[str]:
    """Serve the store's reports on the loopback as long as this lasts; yields their URL. `port` 0: any free one."""
    with ThreadingHTTPServer((HOST, port), _Handler) as server:
        server.daemon_threads = True
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://{HOST}:{server.server_port}"
        finally:
            server.shutdown()
