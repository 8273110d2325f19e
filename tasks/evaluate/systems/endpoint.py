"""A model behind an OpenAI-compatible endpoint, asked as a checkpoint is: image, then prompt, greedy."""

from __future__ import annotations

import base64
import os
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from tasks.config import Endpoint
from tasks.evaluate.page_set import PageInput
from tasks.evaluate.systems.reader import Reading, installed, one_line, shared
from tasks.records import StageError, UsageError

RETRIES = 4  # of the client: connection, timeout, 408, 409, 429 and 5xx, with Retry-After honoured


def versions(system: Endpoint) -> Mapping[str, str]:
    """What is behind an endpoint is not known from outside: when its model changes, give the system another name."""
    return installed("openai")


@dataclass(frozen=True)
class EndpointReader:
    """Raises StageError where the endpoint cannot be reached, refuses the key, does not know the model, or answers no
    page of a batch; what it refuses or cannot do for one page is that page's error."""

    system: Endpoint
    client: Any
    needs_pdf: bool = False

    @property
    def batch(self) -> int:
        return 4 * self.system.parallel

    def read(self, pages: Sequence[PageInput]) -> list[Reading]:
        started = time.perf_counter()
        with ThreadPoolExecutor(self.system.parallel) as pool:
            readings = list(pool.map(self._one, pages))
        if all(reading.error for reading in readings):
            raise self._down(readings[0].error)
        return shared(readings, started)

    def _one(self, page: PageInput) -> Reading:
        import openai

        image = f"data:image/png;base64,{base64.b64encode(page.image).decode()}"
        content = [{"type": "image_url", "image_url": {"url": image}}, {"type": "text", "text": self.system.prompt}]
        try:
            reply = self.client.chat.completions.create(
                model=self.system.model,
                messages=[{"role": "user", "content": content}],
                temperature=0,
                max_tokens=self.system.max_new_tokens,
            )
            choice = reply.choices[0]
            return Reading((choice.message.content or "").strip(), choice.finish_reason == "length")
        except (openai.AuthenticationError, openai.PermissionDeniedError, openai.NotFoundError) as e:
            raise self._down(one_line(e)) from e
        except (openai.APIStatusError, openai.APITimeoutError) as e:
            return Reading("", error=one_line(e))
        except openai.OpenAIError as e:
            raise self._down(one_line(e)) from e
        except (ValueError, LookupError, TypeError, AttributeError) as e:
            raise StageError(f"{self.system.url}: not an OpenAI-compatible answer ({one_line(e)})") from e

    def _down(self, said: str) -> StageError:
        return StageError(
            f"{self.system.url}: {said}; see that the endpoint is up and serves {self.system.model!r}, then run again: "
            "what was read in whole batches is kept"
        )


def open_reader(system: Endpoint) -> EndpointReader:
    installed("openai")
    import openai

    if not system.url.startswith(("http://", "https://")):
        raise UsageError(f"{system.url}: not the URL of an endpoint; give one such as http://127.0.0.1:8000/v1")
    key = os.environ.get(system.key_variable) or "none"  # a server of one's own asks for no key
    client = openai.OpenAI(base_url=system.url, api_key=key, max_retries=RETRIES, timeout=system.timeout)
    return EndpointReader(system, client)
