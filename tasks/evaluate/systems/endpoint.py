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
from tasks.evaluate.systems.reader import Reading, installed
from tasks.records import StageError, UsageError

RETRIES = 4  # of the client: connection, timeout, 408, 409, 429 and 5xx, with Retry-After honoured


def versions(system: Endpoint) -> Mapping[str, str]:
    """What is behind the endpoint is not known from outside: its URL and model name are in the configuration."""
    return installed("openai")


@dataclass(frozen=True)
class EndpointReader:
    """Raises StageError where the endpoint cannot be reached, refuses the key or does not know the model; an answer
    that it refuses for one page is that page's error."""

    system: Endpoint
    client: Any

    @property
    def batch(self) -> int:
        return 4 * self.system.parallel

    def read(self, pages: Sequence[PageInput]) -> list[Reading]:
        with ThreadPoolExecutor(self.system.parallel) as pool:
            return list(pool.map(self._one, pages))

    def _one(self, page: PageInput) -> Reading:
        import openai

        started = time.perf_counter()
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
            text, clipped, error = choice.message.content or "", choice.finish_reason == "length", ""
        except (openai.BadRequestError, openai.UnprocessableEntityError) as e:
            text, clipped, error = "", False, f"refused: {_line(e)}"
        except openai.OpenAIError as e:
            raise StageError(
                f"{self.system.url}: page {page.page_id}: {_line(e)}; see that the endpoint is up and serves "
                f"{self.system.model!r}, then run again: pages that were read are kept"
            ) from e
        except (ValueError, LookupError, TypeError, AttributeError) as e:
            raise StageError(f"{self.system.url}: not an OpenAI-compatible answer ({_line(e)})") from e
        return Reading(text.strip(), clipped, time.perf_counter() - started, error)


def open_reader(system: Endpoint) -> EndpointReader:
    installed("openai")
    import openai

    if not system.url.startswith(("http://", "https://")):
        raise UsageError(f"{system.url}: not the URL of an endpoint; give one such as http://127.0.0.1:8000/v1")
    key = os.environ.get(system.key_variable) or "none"  # a server of one's own asks for no key
    client = openai.OpenAI(base_url=system.url, api_key=key, max_retries=RETRIES, timeout=system.timeout)
    return EndpointReader(system, client)


def _line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
