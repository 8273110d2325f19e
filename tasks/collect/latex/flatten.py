"""One text out of many files: what a document includes is put in its place, from the files at hand alone."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from tasks.collect.latex.archive import MAX_TEXT
from tasks.collect.latex.definitions import definitions
from tasks.collect.latex.encoding import check, declared, decode
from tasks.collect.latex.error import LatexError, shown
from tasks.collect.latex.pieces import outside_code, pieces, plain_code, without_comments

MAX_DEPTH = 15
MAX_INCLUDES = 1_000
_INCLUDE = re.compile(
    r"\\(?P<one>input|include|subfile|subfileinclude|InputIfFileExists|loadglsentries)(?![A-Za-z@])\s*"
    r"(?:\{(?P<braced>[^{}]*)\}|(?P<bare>(?:\|\"|[\w./~\"-])[^\s{}\\%$&#\[\]|]*))"
    r"|\\(?P<two>(?:sub)?(?:import|inputfrom|includefrom))\*?\s*\{(?P<folder>[^{}]*)\}\s*\{(?P<name>[^{}]*)\}"
    r"|\\(?P<read>lstinputlisting|verbatiminput\*?|(?:B|L)?VerbatimInput|inputminted|openin|closein|csvautotabular"
    r"|csvreader|DTLloaddb|tabinput|pgfplotstableread|includepdf|embedfile|attachfile|bibliography|addbibresource"
    r")(?![A-Za-z@])\*?(?P<rest>(?:\s*\[[^\]]*\]|\s*\{[^{}]*\})*)"
    r"|\\usepackage\s*(?:\[[^\]]*\])?\s*\{(?P<packages>[^{}]*)\}"
)
_END = re.compile(r"\\end\s*\{document\}")
_BEGIN = re.compile(r"\\begin\s*\{document\}")
_STOP = re.compile(r"\\endinput(?![A-Za-z@])")
_ARGUMENT = re.compile(r"\{([^{}]*)\}")


@dataclass(slots=True)
class _Flattening:
    files: Mapping[str, bytes]
    main: str
    usual: tuple[str, ...]
    head: str = ""
    included: int = 0
    length: int = 0
    packages: set[str] = field(default_factory=set)

    def text(self, path: str, above: tuple[str, ...]) -> str:
        """A file with all that it includes. `above` are the files that include it."""
        if path in above:
            raise LatexError(f"{shown(path)}: includes itself, by way of {shown(above[-1])}")
        if len(above) > MAX_DEPTH:
            raise LatexError(f"{shown(path)}: included {len(above)} deep; at most {MAX_DEPTH}")
        self.included += 1
        if self.included > MAX_INCLUDES:
            raise LatexError(f"{shown(path)}: more than {MAX_INCLUDES} files are included")
        text = decode(self.files[path], path, self.usual)
        self.head = self.head or text
        text = without_comments(plain_code(text, self.head))
        check(text, path)
        text = _cut(text, _STOP, keep=False)
        text = _body(text) if above else _cut(text, _END, keep=True)
        self.length += len(text)
        if self.length > MAX_TEXT:
            raise LatexError(f"{shown(path)}: with it, the document has more than {MAX_TEXT} characters")
        return outside_code(text, lambda part: _INCLUDE.sub(lambda m: self._include(m, path, above), part))

    def _include(self, found: re.Match[str], path: str, above: tuple[str, ...]) -> str:
        if packages := found["packages"]:
            local = "\n".join(self._package(name.strip(), path) for name in packages.split(","))
            return f"{found[0]}\n{local}\n" if local.strip() else found[0]
        if command := found["read"]:
            for name in _ARGUMENT.findall(found["rest"]):
                for each in name.split(","):
                    _check_path(each.strip(), path)
            if command == "bibliography":
                return self._references(above)
            return ""
        folder, name = found["folder"] or "", found["braced"] or found["bare"] or found["name"] or ""
        name = name.strip().strip('"').strip()
        if not name or "#" in name or "\\" in name:  # in a definition
            return ""
        _check_path(folder, path)
        _check_path(name, path)
        where = self._find(posixpath.join(folder, name), path)
        return self.text(where, (*above, path)) if where else ""

    def _find(self, name: str, path: str, suffixes: tuple[str, ...] = (".tex", "", ".ltx", ".latex")) -> str:
        """The file of that name: relative to the main file, to the file that asks, or to the root; "" if none."""
        for folder in dict.fromkeys((posixpath.dirname(self.main), posixpath.dirname(path), "")):
            for suffix in suffixes:
                where = posixpath.normpath(posixpath.join(folder, name + suffix))
                if where in self.files:
                    return where
        return ""

    def _package(self, name: str, path: str) -> str:
        """The definitions of a package that came along."""
        _check_path(name, path)
        where = self._find(name, path, (".sty",))
        if not where or where in self.packages:
            return ""
        self.packages.add(where)
        text = without_comments(decode(self.files[where], where, self.usual))
        check(text, where)
        self.length += len(text)
        if self.length > MAX_TEXT:
            raise LatexError(f"{shown(where)}: with it, the document has more than {MAX_TEXT} characters")
        return definitions(text)

    def _references(self, above: tuple[str, ...]) -> str:
        """The references as BibTeX wrote them for the main file, if they came along."""
        beside = self.main.rpartition(".")[0] + ".bbl"
        others = [path for path in self.files if path.endswith(".bbl")]
        where = beside if beside in self.files else others[0] if len(others) == 1 else ""
        return f"\n{self.text(where, (*above, self.main))}" if where and where not in above else ""


def flatten(files: Mapping[str, bytes], main: str) -> str:
    """The document whose main file is `main`. Raises LatexError as `tasks.collect.latex.flatten_files` does."""
    if main not in files:
        raise LatexError(f"{shown(main)}: no such file among {len(files)}")
    return _Flattening(files, main, declared(files[main])).text(main, ())


def _check_path(name: str, path: str) -> None:
    if name.startswith(("/", "~")) or re.match(r"[A-Za-z]:[\\/]", name) or "|" in name:
        raise LatexError(f"{shown(path)}: asks for {shown(name)}, which is no file of the document")
    depth = len(posixpath.dirname(path).split("/")) if "/" in path else 0
    climbs = posixpath.normpath(name).split("/").count("..")
    if climbs > depth:
        raise LatexError(f"{shown(path)}: asks for {shown(name)}, which is outside the document's files")


def _cut(text: str, end: re.Pattern[str], keep: bool) -> str:
    """The text up to a command that is no code, with it or without."""
    for kind, start, stop in pieces(text):
        if kind == "text" and (found := end.search(text, start, stop)):
            return text[: found.end() if keep else found.start()]
    return text


def _body(text: str) -> str:
    """Of a file that is a document by itself, what it shows."""
    begin = _BEGIN.search(text)
    if begin is None:
        return text
    return _cut(text[begin.end() :], _END, keep=False)
