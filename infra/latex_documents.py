"""`python -m infra.latex_documents [--debs FOLDER] [PACKAGE ...]`: how much of real LaTeX becomes Markdown, why the
rest does not, in how many CPU seconds.

The documents are all those of Debian's packages, none left out: every .tex of 6 kB or more with an uncommented
`\\documentclass` and a `\\begin{document}`, with the other texts below its folder. Packages are fetched by apt-get.
"""

from __future__ import annotations

import argparse
import gzip
import os
import re
import subprocess
import tarfile
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from tasks.collect.clean import normalise
from tasks.collect.latex import flatten_files
from tasks.collect.latex.archive import MAX_TEXT, is_text
from tasks.collect.latex.convert import to_markdown
from tasks.records import StageError
from tasks.statistics import mean_interval

PACKAGES = ("texlive-humanities-doc", "texlive-latex-recommended-doc", "texlive-publishers-doc", "texlive-science-doc")
MIN_BYTES = 6_000
_CLASS = re.compile(rb"^[^%\n]*\\documentclass", re.MULTILINE)
_BEGIN = re.compile(rb"^[^%\n]*\\begin\s*\{document\}", re.MULTILINE)


def documents(deb: Path) -> Iterator[tuple[str, dict[str, bytes], str]]:
    """Name, files and main file of every document of a package."""
    process = subprocess.Popen(["dpkg-deb", "--fsys-tarfile", str(deb)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    texts: dict[str, bytes] = {}
    with tarfile.open(fileobj=process.stdout, mode="r|") as tar:
        for member in tar:
            name = member.name.removeprefix("./").removesuffix(".gz")
            if member.isreg() and is_text(name) and member.size <= MAX_TEXT:
                stream = tar.extractfile(member)
                assert stream is not None
                raw = stream.read()
                texts[name] = gzip.decompress(raw) if member.name.endswith(".gz") else raw
    process.wait()
    for name, raw in sorted(texts.items()):
        if name.endswith(".tex") and len(raw) >= MIN_BYTES and _CLASS.search(raw) and _BEGIN.search(raw):
            folder = f"{PurePosixPath(name).parent}/"
            below = {path.removeprefix(folder): text for path, text in texts.items() if path.startswith(folder)}
            yield name, below, name.removeprefix(folder)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a document: its Markdown, or the error."""

    name: str
    markdown: str
    error: str
    seconds: float

    @property
    def kind(self) -> str:
        """The kind of the error, or that there is none."""
        return (
            next((kind for part, kind in _KINDS.items() if part in self.error), "another") if self.error else "Markdown"
        )


_KINDS = {
    "left over": "a command or brace left over",
    "stray": "a stray ampersand",
    "letters are lost": "text lost in unknown commands",
    "pandoc failed": "pandoc stumbles",
    "pandoc took": "pandoc takes too long",
    "not UTF-8": "an undeclared encoding",
    "asks for": "a file outside",
}


def _spent() -> float:
    """CPU seconds of this process and those it waited for."""
    return sum(os.times()[:4])


def convert(deb: Path) -> Iterator[Outcome]:
    """Every document of a package, through all that collection does to it."""
    for name, files, main in documents(deb):
        started = _spent()
        markdown = error = ""
        try:
            markdown = normalise(to_markdown(flatten_files(files, main)))
        except StageError as e:
            error = str(e)
        yield Outcome(name, markdown, error, _spent() - started)


def download(package: str, folder: Path) -> Path:
    """The package's file in a folder, fetched if it is not there."""
    if not list(folder.glob(f"{package}_*.deb")):
        subprocess.run(["apt-get", "download", "--quiet", package], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    return next(folder.glob(f"{package}_*.deb"))


def _row(name: str, outcomes: Sequence[Outcome]) -> str:
    # documents of one TeX package are alike: usr/share/doc/texlive-doc/latex/PACKAGE/...
    families = ["/".join(outcome.name.split("/")[:6]) for outcome in outcomes]
    share = mean_interval({None: [float(not outcome.error) for outcome in outcomes]}, families)
    seconds = sorted(outcome.seconds for outcome in outcomes)
    p95 = seconds[min(len(seconds) - 1, round(0.95 * len(seconds)))]
    done = sum(not outcome.error for outcome in outcomes)
    return (
        f"| {name} | {len(outcomes)} | {done} | {share.mean or 0:.0%} | {share.low or 0:.0%} to {share.high or 0:.0%} "
        f"| {seconds[len(seconds) // 2]:.2f} | {p95:.2f} | {seconds[-1]:.2f} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("packages", nargs="*", default=PACKAGES, metavar="PACKAGE")
    parser.add_argument("--debs", default="", help="folder of packages, kept; empty: a temporary one")
    parser.add_argument("--out", default="", help="folder for the Markdown")
    arguments = parser.parse_args()
    if arguments.out:
        Path(arguments.out).mkdir(parents=True, exist_ok=True)
    everything: list[Outcome] = []
    print("| package | documents | Markdown | share | 95 % interval | median CPU s | 95th percentile | longest |")
    print("| --- | ---: | ---: | ---: | --- | ---: | ---: | ---: |")
    with tempfile.TemporaryDirectory() as temporary:
        for package in arguments.packages:
            found = list(convert(download(package, Path(arguments.debs or temporary))))
            everything += found
            print(_row(package, found), flush=True)
    print(_row("all", everything))
    for kind, count in Counter(outcome.kind for outcome in everything).most_common():
        print(f"{count:5} {kind}")
    for outcome in everything:
        if outcome.error:
            print(f"{outcome.name}: {outcome.error}")
        elif arguments.out:
            target = Path(arguments.out) / f"{outcome.name.replace('/', '_')}.md"
            target.write_text(outcome.markdown, encoding="utf-8")


if __name__ == "__main__":
    main()
