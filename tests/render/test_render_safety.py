"""Whatever a document names, nothing is read or fetched for it: by its address, by its LaTeX, by the layout itself."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pymupdf
import pytest
from PIL import Image
from render_pages import document, small_page

from tasks.collect import collect
from tasks.config import CollectConfig
from tasks.render.document import render_document
from tasks.render.layout import lay_out
from tasks.render.page_html import PageHtml
from tasks.render.sheet import css
from tasks.render.style import draw_style

SECRET = "xyzzycanary"
MAGENTA = (255, 0, 255)
PAGE = small_page(700, 900)


@dataclass(frozen=True)
class Bait:
    """A folder of files that betray themselves when they are used, and a port that notes whoever connects."""

    folder: Path
    port: int
    connections: list[str]

    def whole(self, name: str) -> list[str]:
        """Addresses of a file of the folder, on the disk and at the port, that need no base."""
        return [f"file://{self.folder}/{name}", f"http://127.0.0.1:{self.port}/{name}"]

    def addresses(self, name: str) -> list[str]:
        """Every way to name a file of the folder, or the port."""
        path, there = f"{self.folder}/{name}", f"127.0.0.1:{self.port}/{name}"
        more = (f"https://{there}", f"ftp://{there}", f"//{there}", f"file://localhost{path}")
        return [*self.whole(name), *more, path, name, f"../{self.folder.name}/{name}"]


@pytest.fixture
def bait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bait]:
    connections: list[str] = []

    class Note(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            connections.append(self.request.recv(500).decode(errors="replace"))
            self.request.sendall(b"HTTP/1.0 404 Not Found\r\n\r\n")

    folder = tmp_path / "bait"
    folder.mkdir()
    (folder / "words.txt").write_text(SECRET)
    (folder / "words.tex").write_text(SECRET)
    (folder / "sheet.css").write_text(f"body {{ background: magenta }} body::before {{ content: '{SECRET}' }}")
    Image.new("RGB", (64, 64), MAGENTA).save(folder / "image.png")
    (folder / "image.svg").write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" width="64" height="64"><rect width="64" height="64" fill="magenta"/>'
        f"<text y='20'>{SECRET}</text></svg>"
    )
    monkeypatch.chdir(folder)
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Note) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield Bait(folder, server.server_address[1], connections)
        server.shutdown()


def betrays(pdf: bytes) -> list[str]:
    """What of the bait is in a PDF: its words on a page or in an attachment, or the colour of its images."""
    found = []
    with pymupdf.open(stream=pdf) as drawing:
        attached = [drawing.embfile_get(name) for name in drawing.embfile_names()]
        attached += [note.get_file() for page in drawing for note in page.annots() if note.type[1] == "FileAttachment"]
        found += ["attachment" for content in attached if SECRET in content.decode(errors="replace")]
        for page in drawing:
            pixmap = page.get_pixmap(dpi=48)
            pixels = np.frombuffer(pixmap.samples, np.uint8).reshape(-1, pixmap.n)
            found += ["text"] if SECRET in "".join(page.get_text().split()) else []
            found += ["colour"] if (pixels == MAGENTA).all(axis=1).any() else []
    return found


def hostile_html(addresses: Callable[[str], list[str]]) -> str:
    """Every construct that WeasyPrint has a fetch for, with each address of each bait."""
    parts = ["<p>Text of the page.</p>"]
    for image in (*addresses("image.png"), *addresses("image.svg")):
        parts += [
            f'<img src="{image}">',
            f'<img srcset="{image} 2x" src="{image}">',
            f'<picture><source srcset="{image}"><img></picture>',
            f'<object data="{image}"></object><embed src="{image}">',
            f'<div style="background: url({image}); list-style-image: url({image})">a</div>',
            f'<ul><li style="list-style-image: url({image})">b</ul><p style="content: url({image})">c</p>',
            f'<svg xmlns:xlink="http://www.w3.org/1999/xlink" width="9" height="9"><image href="{image}" '
            f'xlink:href="{image}" width="9" height="9"/><use href="{image}#a"/></svg>',
        ]
    for sheet in addresses("sheet.css"):
        parts.append(f'<link rel="stylesheet" href="{sheet}"><style>@import url({sheet}); @import "{sheet}";</style>')
    for file in addresses("words.txt"):
        parts.append(f'<link rel="attachment" href="{file}"><a rel="attachment" href="{file}">d</a>')
        parts.append(f'<iframe src="{file}"></iframe><script src="{file}"></script><base href="{file}">')
    return "".join(parts)


def hostile_css(addresses: Callable[[str], list[str]]) -> str:
    imports = [f"@import url({a}); @import '{a}' print;" for a in addresses("sheet.css")]
    images = [
        f"body {{ background-image: url({a}) }} p {{ border-image-source: url({a}) }} p::before {{ content: url({a}) }}"
        f" @page {{ background: url({a}); @top-left {{ content: url({a}) }} }}"
        f" @font-face {{ font-family: bait; src: url({a}) }} b {{ font-family: bait }}"
        for a in addresses("image.png")
    ]
    return "\n".join([*imports, *images])


@pytest.mark.parametrize("where", ["html", "css"])
def test_a_renderer_that_fetches_takes_the_bait(bait: Bait, where: str) -> None:
    import weasyprint

    page = hostile_html(bait.whole) if where == "html" else "<p>Text of the page.</p>"
    sheets = [weasyprint.CSS(string=hostile_css(bait.whole))] if where == "css" else []
    found = betrays(weasyprint.HTML(string=page).write_pdf(stylesheets=sheets))
    assert set(found) == ({"text", "colour", "attachment"} if where == "html" else {"text", "colour"})
    named = {"/image.png", "/sheet.css", *(("/image.svg", "/words.txt") if where == "html" else ())}
    assert {connection.split(" ")[1] for connection in bait.connections} == named


@pytest.mark.parametrize("where", ["html", "css"])
def test_layout_fetches_nothing_whatever_it_is_handed(bait: Bait, where: str) -> None:
    page_html, sheet = PageHtml("Text of the page.\n"), css(draw_style(document("Text of the page.\n"), PAGE), "en")
    if where == "html":
        page_html.html = hostile_html(bait.addresses)
    else:
        sheet = hostile_css(bait.whole) + sheet
    pdf = lay_out(page_html, sheet, "en").write_pdf()
    assert betrays(pdf) == []
    assert bait.connections == []
    with pymupdf.open(stream=pdf) as drawing:
        assert "Text of the page." in "".join(page.get_text() for page in drawing)


def markdown_documents(bait: Bait) -> dict[str, str]:
    """Documents that name the bait wherever Markdown, raw HTML and LaTeX have a place for an address."""
    pictures, words = (*bait.addresses("image.png"), *bait.addresses("image.svg")), bait.addresses("words.txt")
    texs, sheets = bait.addresses("words.tex"), bait.addresses("sheet.css")
    latex = [
        *(rf"\input{{{a}}} \include{{{a}}} \verbatiminput{{{a}}}" for a in texs),
        *(rf"\includegraphics{{{a}}} \href{{{a}}}{{x}} \url{{{a}}}" for a in pictures),
        *(rf"\text{{<image href='{a}'/>}} \mathrm{{<img src={a}>}}" for a in pictures),
        rf"\write18{{cat {bait.folder}/words.txt}} \openin1={bait.folder}/words.tex",
    ]
    encoded = "".join(f"&#{ord(c)};" for c in pictures[0])
    return {
        "images": "\n\n".join(f'![alt]({a}) ![alt](<{a}> "title") ![a][{i}]' for i, a in enumerate(pictures))
        + f"\n\n![entities]({encoded}) ![svg](data:image/svg+xml,%3Csvg%20xmlns='http://www.w3.org/2000/svg'%3E"
        f"%3Cimage%20href='{pictures[0]}'/%3E%3C/svg%3E)\n\n"
        + "\n".join(f"[{i}]: {a}" for i, a in enumerate(pictures)),
        "links": "\n\n".join(f'[text]({a}) <{a}> [quote"><img src={a}>]({a}"><img%20src={a})' for a in words),
        "html": hostile_html(bait.addresses).replace("><", ">\n\n<")
        + "\n\nText <img src="
        + pictures[0]
        + "> in line.",
        "css": "\n\n".join(
            f"<style>@import url({a});</style>\n\n@import url({a}); `url({a})`\n\n```css\n@import url({a});\n```"
            for a in sheets
        ),
        "escaped": "\n\n".join(rf"\<img src={a}> &lt;img src={a}&gt; `<img src={a}>`" for a in pictures)
        + f"\n\n```html\n{hostile_html(bait.addresses)[:2000]}\n```",
        "latex": "\n\n".join(f"${f}$ and\n\n$$\nx + {f}\n$$\n\n```math\n{f}\n```" for f in latex),
        "notes": "\n\n".join(f"Word[^{i}] {a}\n\n[^{i}]: ![note]({a}) {a}" for i, a in enumerate(pictures)),
        "cells": "| a | b |\n| --- | --- |\n" + "\n".join(f"| ![x]({a}) | <img src={a}> {a} |" for a in pictures),
        "title": f"# ![t]({pictures[0]}) \\<img src={pictures[5]}> \"; background: url({pictures[5]}) '",
    }


def test_no_document_has_anything_read_or_fetched(bait: Bait, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    texts = markdown_documents(bait)
    for name, text in texts.items():
        (source / f"{name}.md").write_text(f"# Heading of {name}\n\nSome text.\n\n{text}\n")
    documents, rejects = collect(CollectConfig(sources=("folder",), folder=str(source), min_chars=1))
    assert [d.url for d in documents] == sorted(f"{name}.md" for name in texts)
    assert rejects == []
    for found in documents:
        rendered = render_document(found, small_page(700, 900, look={"header": 1.0, "columns": (1,)}))
        assert betrays(rendered.pdf) == [], found.url
        shown = "".join(page.markdown for page in rendered.pages)
        assert (SECRET in shown, f"Heading of {found.url.removesuffix('.md')}" in shown) == (False, True)
    assert bait.connections == []
