"""LaTeX that pandoc reads in full: what it would drop or garble, said in what it knows."""

from __future__ import annotations

import re

from tasks.collect.latex.algorithms import as_lists
from tasks.collect.latex.definitions import definitions
from tasks.collect.latex.floats import simple_figures, simple_tables
from tasks.collect.latex.groups import Groups
from tasks.collect.latex.pieces import outside_code, plain_code, without_comments

# what stands for commands of packages: their text; what sets type only is dropped by pandoc itself
_PRELUDE = r"""
\newcommand{\ce}[1]{\ensuremath{\mathrm{#1}}}
\newcommand{\raisebox}[2]{#2}
\newcommand{\scalebox}[2]{#2}
\newcommand{\resizebox}[3]{#3}
\newcommand{\rotatebox}[2]{#2}
\newcommand{\adjustbox}[2]{#2}
\newcommand{\colorbox}[2]{#2}
\newcommand{\makebox}[1]{#1}
\newcommand{\framebox}[1]{#1}
\newcommand{\fbox}[1]{#1}
\newcommand{\parbox}[2]{#2}
\newcommand{\hl}[1]{#1}
\newcommand{\uline}[1]{#1}
\newcommand{\textls}[1]{#1}
\newcommand{\ruby}[2]{#1}
\newcommand{\texorpdfstring}[2]{#1}
\newcommand{\todo}[1]{}
\newcommand{\IEEEtitleabstractindextext}[1]{#1}
\newcommand{\IEEEPARstart}[2]{#1#2}
\newcommand{\subfloat}[2][]{#2}
\newcommand{\subfigure}[2][]{#2}
\newcommand{\pageref}[1]{\ref{#1}}
\newcommand{\rmfamily}{}
\newcommand{\sffamily}{}
\newcommand{\color}[2][]{}
\newcommand{\bibinfo}[2]{#2}
\newcommand{\bibfield}[2]{#2}
\newcommand{\bibnamefont}[1]{#1}
\newcommand{\bibfnamefont}[1]{#1}
\newcommand{\citenamefont}[1]{#1}
\newcommand{\bibAnnoteFile}[2]{}
\newcommand{\BibitemOpen}{}
\newcommand{\BibitemShut}[1]{}
\newcommand{\natexlab}[1]{#1}
\newcommand{\newblock}{}
\newcommand{\doi}[1]{\texttt{#1}}
"""
_THEOREMS = ("theorem", "lemma", "corollary", "proposition", "definition", "example", "remark", "conjecture", "claim")
_BEGIN = re.compile(r"\\begin\s*\{document\}")
_DRAWING = re.compile(
    r"\\begin\s*\{(tikzpicture|pgfpicture|picture|pspicture\*?|asy|circuitikz|tikzcd|feynmandiagram|forest|overpic)\}"
)
# arguments that pandoc takes for text
_SPACED = re.compile(r"\\(?:parbox|raisebox|makebox|framebox)(?P<option>(?:\s*\[[^\]]*\]|\s*\([^)]*\))+)")
_BOXES = re.compile(
    r"\\begin\s*\{(?:multicols\*?|minipage|adjustbox|subequations)\}(?:\s*\[[^\]]*\])*(?:\s*\{[^{}]*\})?"
    r"|\\end\s*\{(?:multicols\*?|minipage|adjustbox|subequations)\}"
)
_WRAPPED = re.compile(r"\\begin\s*\{wrap(figure|table)\}(?:\s*\[[^\]]*\]|\s*\{[^{}]*\})*")
_LABELLED = re.compile(
    r"\\begin\s*\{(?P<begin>itemize|enumerate|description)\}|\\end\s*\{(?P<end>itemize|enumerate|description)\}"
    r"|\\item\s*\["
)
_PEOPLE = re.compile(
    r"\\(?:author|affiliation|affil|altaffiliation|address|email|institute|institution|date|thanks|orcid\w*|keywords"
    r"|homepage|IEEEcompsocitemizethanks|authorrunning|titlerunning|markboth|received|accepted|published|acmConference"
    r"|copyrightyear|acmYear|acmDOI|acmISBN|acmPrice|ccsdesc|icmlauthor|icmlaffiliation|corresp|SetAffiliation|SetAuthor\w*)"
    r"(?![A-Za-z])\*?"
)
_PAIRED = re.compile(r"\\DeclarePairedDelimiter(?:XPP|X)?\s*\{?\s*(\\[A-Za-z]+)")
_REFERENCES = re.compile(r"\\begin\s*\{thebibliography\}\s*(?:\{(?:[^{}]|\{[^{}]*\})*\})?")
_ITEM = re.compile(r"\\bibitem\s*(?:\[(?:[^\[\]{}]|\{(?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*\})*\])?\s*\{([^{}]*)\}")


def prepare(text: str) -> str:
    """A self-contained text for pandoc: of its preamble the definitions, of its body what is read.

    Drawings become pictures that are not there, algorithms nested lists, references a list with their keys, `|code|` of
    short-verb documents `\\verb`, and theorems that only a class defines are defined.
    """
    text = without_comments(plain_code(text, text))
    begin = _BEGIN.search(text)
    head, body = (text[: begin.start()], text[begin.end() :]) if begin else ("", text)
    own = definitions(head)
    for name in re.findall(r"\\newcommand\{(\\[A-Za-z]+)\}", _PRELUDE):
        own = own.replace(f"\\newcommand{{{name}}}", f"\\renewcommand{{{name}}}")
    theorems = [f"\\newtheorem{{{t}}}{{{t.capitalize()}}}" for t in _THEOREMS if f"\\newtheorem{{{t}}}" not in own]
    for macro in set(_PAIRED.findall(head)):
        body = re.sub(re.escape(macro) + r"(?![A-Za-z])(?:\*|\s*\[[^\]]*\])", lambda _, m=macro: m, body)  # type: ignore[misc]
    body = outside_code(_without_drawings(body), _rewritten)
    return "\n".join(
        (r"\documentclass{article}", _PRELUDE.strip(), *theorems, own, r"\begin{document}", body, r"\end{document}")
    ).replace("\\end{document}\n\\end{document}", "\\end{document}")


def _without_drawings(text: str) -> str:
    """A picture in place of every drawing that is closed."""
    out: list[str] = []
    position = 0
    unclosed: set[str] = set()
    while found := _DRAWING.search(text, position):
        closer = f"\\end{{{found[1]}}}"
        end = -1 if closer in unclosed else text.find(closer, found.end())
        if end < 0:
            unclosed.add(closer)
            out.append(text[position : found.end()])
            position = found.end()
            continue
        out += [text[position : found.start()], "\\includegraphics{drawing}"]
        position = end + len(closer)
    return "".join((*out, text[position:]))


def _rewritten(text: str) -> str:
    text = _without_people(text)
    text = _SPACED.sub(lambda m: m[0][: -len(m["option"])], text)
    text = _WRAPPED.sub(r"\\begin{\1}", text)
    text = simple_tables(simple_figures(text))
    text = _BOXES.sub("", re.sub(r"\\end\s*\{wrap(figure|table)\}", r"\\end{\1}", text))
    text = as_lists(text)
    text = _REFERENCES.sub(r"\\section*{References}\\begin{itemize}", text)
    text = _ITEM.sub(lambda m: f"\\item \\cite{{{m[1]}}} ", text)
    return _with_labels(re.sub(r"\\end\s*\{thebibliography\}", r"\\end{itemize}", text))


def _without_people(text: str) -> str:
    """The text without who wrote it, where and when: no page shows it as text, and much of it is set by programs."""
    groups = Groups(text)
    out: list[str] = []
    position = 0
    for found in _PEOPLE.finditer(text):
        at = found.end()
        for _ in range(3):
            _, at = groups.option(at)
        argument = groups.argument(at)
        if argument and found.start() >= position:
            out.append(text[position : found.start()])
            position = argument[1]
            while found[0].startswith(("\\Set", "\\icml")) and (more := groups.argument(position)):
                position = more[1]
    return "".join((*out, text[position:]))


def _with_labels(text: str) -> str:
    """The text with the labels of items in lists that have none for pandoc as the beginning of these items."""
    groups = Groups(text)
    out: list[str] = []
    lists: list[str] = []
    position = 0
    for found in _LABELLED.finditer(text):
        if found["begin"]:
            lists.append(found["begin"])
        elif found["end"]:
            lists = lists[:-1]
        elif lists and lists[-1] != "description":
            label, end = groups.option(found.end() - 1)
            if label is not None:
                out += [text[position : found.start()], f"\\item {label} "]
                position = end
    return "".join((*out, text[position:]))
