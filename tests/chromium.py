"""HTML files in a real Chromium, from a file, without network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

PHONE = {"width": 390, "height": 844}


class Opened:
    """A page, and all that went wrong or out on it."""

    def __init__(self, browser: Any, path: Path, **options: Any) -> None:
        self.page = browser.new_context(viewport=options.pop("viewport", None), **options).new_page()
        self.trouble: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", lambda message: self.trouble.append(message.text))
        self.page.on("pageerror", lambda error: self.trouble.append(str(error)))
        self.page.on("dialog", lambda dialog: self.trouble.append(dialog.message))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(path.as_uri())

    @property
    def outside(self) -> list[str]:
        """Requests that are neither the file's own nor part of it."""
        return [url for url in self.requests[1:] if not url.startswith("data:")]

    @property
    def names(self) -> list[str]:
        """The pages that are listed, by their documents."""
        found = self.page.locator(".pagelist > li:visible summary span:first-of-type").all_text_contents()
        return [name.split(",")[0] for name in found]

    @property
    def opened(self) -> list[str]:
        found = self.page.locator(".pagelist details[open] summary span:first-of-type").all_text_contents()
        return [name.split(",")[0] for name in found]


def luminance(colour: str) -> float:
    channels = [int(part) / 255 for part in colour[colour.index("(") + 1 : -1].split(",")[:3]]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a: str, b: str) -> float:
    """WCAG 2, contrast ratio."""
    low, high = sorted((luminance(a), luminance(b)))
    return (high + 0.05) / (low + 0.05)
