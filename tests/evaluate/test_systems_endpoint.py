from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from servers import free_port
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from system_pages import page

from tasks.config import Checkpoint, Endpoint
from tasks.evaluate.page_set import PageInput
from tasks.evaluate.systems import open_reader
from tasks.model.load import TINY
from tasks.records import StageError, UsageError

TOKENS = 40


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """`transformers serve` with the embedded model: its base URL."""
    port, log = free_port(), tmp_path_factory.mktemp("serve") / "log"
    script = Path(__file__).parent / "serve_model.py"
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "PYTHONPATH": str(Path(__file__).parents[2])}
    with log.open("wb") as out:
        command = [sys.executable, str(script), str(TINY), str(port)]
        process = subprocess.Popen(command, stdout=out, stderr=out, env=environment)
    url = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 120
        while True:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            try:
                if httpx.get(f"{url}/health").status_code == 200:
                    break
            except httpx.TransportError:
                time.sleep(0.2)
        yield f"{url}/v1"
    finally:
        process.terminate()
        process.wait(30)


def small(name: str, text: str) -> PageInput:
    """A page of a size that the embedded model reads."""
    import io

    from PIL import Image, ImageDraw, ImageFont

    picture = Image.new("L", (256, 96), 255)
    font = ImageFont.truetype("LiberationSerif-Regular.ttf", 15)
    ImageDraw.Draw(picture).text((6, 8), text, fill=0, font=font)
    sink = io.BytesIO()
    picture.save(sink, "PNG")
    return PageInput(name, "en", sink.getvalue(), None)


def test_a_served_model_answers_as_the_same_checkpoint_does(served: str) -> None:
    pages = [small("one", "Hello world, this is a page."), small("two", "Another line of text.")]
    endpoint = open_reader(Endpoint(url=served, model=str(TINY), max_new_tokens=TOKENS))
    checkpoint = open_reader(Checkpoint(max_new_tokens=TOKENS))
    over_http, at_hand = endpoint.read(pages), checkpoint.read(pages)
    assert [r.text for r in over_http] == [r.text for r in at_hand]
    assert all(r.text for r in over_http)
    assert [r.clipped for r in over_http] == [r.clipped for r in at_hand] == [False, False]


def test_a_served_answer_that_is_cut_is_clipped(served: str) -> None:
    (reading,) = open_reader(Endpoint(url=served, model=str(TINY), max_new_tokens=8)).read(
        [small("long", "Hello world, this is a page.")]
    )
    assert reading.clipped


GOOD = {
    "id": "1",
    "object": "chat.completion",
    "created": 0,
    "model": "m",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "# Fine\n"}}],
}


class Double:
    """An endpoint that gives the answers it was told, the last one again and again."""

    def __init__(self) -> None:
        self.answers: list[Callable[[], Response]] = []
        self.requests: list[dict[str, Any]] = []
        self.keys: list[str] = []
        app = Starlette(routes=[Route("/v1/chat/completions", self._answer, methods=["POST"])])
        self.server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error"))
        self.thread = threading.Thread(target=self.server.run, daemon=True)
        self.thread.start()
        while not self.server.started:
            time.sleep(0.01)
        port = self.server.servers[0].sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{port}/v1"

    async def _answer(self, request: Request) -> Response:
        self.requests.append(await request.json())
        self.keys.append(request.headers["authorization"])
        return (self.answers.pop(0) if len(self.answers) > 1 else self.answers[0])()


@pytest.fixture
def double() -> Iterator[Double]:
    made = Double()
    yield made
    made.server.should_exit = True
    made.thread.join(10)


def reply(status: int, **headers: str) -> Callable[[], Response]:
    return lambda: JSONResponse({"error": {"message": f"status {status}"}}, status, headers)


def good() -> Response:
    return JSONResponse(GOOD)


def ask(double: Double, **settings: Any) -> Any:
    (reading,) = open_reader(Endpoint(url=double.url, model="m", parallel=1, **settings)).read([page("p")])
    return reading


def test_passing_faults_are_waited_out(double: Double) -> None:
    double.answers = [reply(503, **{"retry-after": "0.1"}), reply(429, **{"retry-after": "0.1"}), good]
    assert ask(double).text == "# Fine"
    assert len(double.requests) == 3


def test_image_then_prompt_greedy(double: Double, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", "secret")
    double.answers = [good]
    ask(double, prompt="Read it.", key_variable="MY_KEY", max_new_tokens=99)
    (request,) = double.requests
    image, text = request["messages"][0]["content"]
    assert image["image_url"]["url"].startswith("data:image/png;base64,")
    assert text == {"type": "text", "text": "Read it."}
    assert (request["temperature"], request["max_tokens"], request["model"]) == (0, 99, "m")
    assert double.keys == ["Bearer secret"]


@pytest.mark.parametrize("status", [400, 413, 500])
def test_a_page_that_the_endpoint_cannot_do_fails_alone(double: Double, status: int) -> None:
    double.answers = [reply(status, **{"x-should-retry": "false"}), good]
    reader = open_reader(Endpoint(url=double.url, model="m", parallel=1))
    refused, fine = reader.read([page("a"), page("b")])
    assert (refused.text, fine.text, fine.error) == ("", "# Fine", "")
    assert f"status {status}" in refused.error


def test_an_endpoint_that_answers_no_page_of_a_batch_stops_the_run(double: Double) -> None:
    double.answers = [reply(500, **{"x-should-retry": "false"})]
    with pytest.raises(StageError, match=r"status 500.*serves 'm'"):
        open_reader(Endpoint(url=double.url, model="m", parallel=1)).read([page("a"), page("b")])


@pytest.mark.parametrize(("status", "said"), [(401, "status 401"), (404, "status 404")])
def test_what_no_page_can_get_past_stops_the_run(double: Double, status: int, said: str) -> None:
    double.answers = [reply(status)]
    with pytest.raises(StageError, match=rf"{said}.*serves 'm'"):
        ask(double)


@pytest.mark.parametrize("answer", [lambda: PlainTextResponse("<html>hello</html>"), lambda: JSONResponse({"no": 1})])
def test_an_answer_in_another_language_stops_the_run(double: Double, answer: Callable[[], Response]) -> None:
    double.answers = [answer]
    with pytest.raises(StageError, match="not an OpenAI-compatible answer"):
        ask(double)


def test_an_endpoint_that_is_down_is_named() -> None:
    url = f"http://127.0.0.1:{free_port()}/v1"
    with pytest.raises(StageError, match=rf"{url}.*see that the endpoint is up"):
        open_reader(Endpoint(url=url, model="m")).read([page("p")])


def test_what_is_no_url_is_bad_usage() -> None:
    with pytest.raises(UsageError, match="not the URL of an endpoint"):
        open_reader(Endpoint(url="localhost", model="m"))
