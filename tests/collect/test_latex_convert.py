"""LaTeX to Markdown: what it becomes, what is dropped, and what is rejected."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import pytest

from tasks.collect import pandoc
from tasks.collect.clean import normalise
from tasks.collect.intake import Intake
from tasks.collect.latex import LatexError, flatten_files
from tasks.collect.latex.convert import to_markdown
from tasks.collect.source import Original
from tasks.config import CollectConfig
from tasks.records import Reason, StageError

PAPERS = Path(__file__).parent / "papers"


def converted(body: str, head: str = "") -> str:
    return to_markdown(f"\\documentclass{{article}}\n{head}\n\\begin{{document}}\n{body}\n\\end{{document}}\n").strip()


@pytest.mark.parametrize("name", sorted(path.stem for path in PAPERS.glob("*.tex")))
def test_a_paper_becomes_what_is_beside_it(name: str) -> None:
    text = flatten_files({path.name: path.read_bytes() for path in PAPERS.iterdir()}, f"{name}.tex")
    markdown = normalise(to_markdown(text))
    assert markdown == (PAPERS / f"{name}.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("latex", "markdown"),
    [
        (
            r"\title{Of $x$\thanks{me}}\author{A}\maketitle\begin{abstract}So.\end{abstract}\section{One}a",
            "# Of $x$\n\n## Abstract\n\nSo.\n\n## One\n\na",
        ),
        (r"\chapter{A}b\section{C}d", "# A\n\nb\n\n## C\n\nd"),
        (r"\cite{knuth84}, \citep[see][p.~3]{bell,dee}", "[knuth84], [see bell, dee, p. 3]"),
        (r"\cite{knuth84}(2) \cite{x}", "[knuth84\\](2) \\[x\\]"),
        (r"\section{S}\label{sec:s}\ref{sec:s}, \autoref{sec:s}, \ref{no:one}", "# S\n\n1, Section 1, [no:one]"),
        (
            "a\n\\begin{align}\\label{eq:a}x&=1\\\\y&=2\\nonumber\\\\z&=3\\label{eq:z}\\end{align}\n"
            r"by \eqref{eq:a} and \ref{eq:z}",
            "a\n\n$$\\begin{aligned} x&=1\\\\y&=2\\\\z&=3 \\end{aligned}$$\n\nby (1) and 2",
        ),
        ("\\begin{equation}a\n+ b\n- c \\text{ if $d$}\\end{equation}", "$$a + b - c \\text{ if }d$$"),
        (r"\begin{figure}\includegraphics{a}\caption{A short caption.}\end{figure}", "![A short caption.](figure)"),
        (r"\begin{figure}\includegraphics{a}\caption{%s}\end{figure}" % ("word " * 60), ("word " * 60).strip()),
        (
            r"\begin{figure*}\begin{subfigure}{.5\textwidth}\includegraphics{a}\caption{Left.}\end{subfigure}"
            r"\caption{Both of the parts.}\end{figure*}",
            "![Both of the parts.](figure)",
        ),
        (
            r"\begin{figure}\begin{tikzpicture}\draw(0,0);\end{tikzpicture}\caption{A drawing of it.}\end{figure}",
            "![A drawing of it.](figure)",
        ),
        (
            r"\begin{table}\caption{T}\begin{tabularx}{9cm}{|X|S[x=1]@{}>{\bf}r|}\toprule a&b&c\\\midrule"
            r"\multicolumn{2}{c}{d}&$|e|$\\\multirow{2}{*}{f}&g&\makecell{h\\i}\\&j&k\\\end{tabularx}\end{table}",
            "T\n\n| a   | b   |              c |\n|:----|:----|---------------:|\n| d   |     | $\\vert e\\vert$ |\n"
            "| f   | g   |            h i |\n|     | j   |              k |",
        ),
        (
            r"\begin{algorithm}\caption{Sum}\begin{algorithmic}[1]\Require $n$\For{$i<n$}\If{$i$}\State $s$\Else"
            r"\State $t$\EndIf\EndFor\State \Return $s$\end{algorithmic}\end{algorithm}",
            "**Algorithm:** Sum\n\n- **Require:** $n$\n- **for** $i<n$ **do**\n  - **if** $i$ **then**\n    - $s$\n"
            "  - **else**\n    - $t$\n- **return** $s$",
        ),
        (
            r"\begin{lemma}[Zorn] It $is$.\end{lemma}\begin{proof}So.\end{proof}",
            "**Lemma 1** (Zorn). It $is$.\n\n*Proof.* So. ◻",
        ),
        (r"\begin{itemize}\item a\item[b] c\end{itemize}", "- a\n- b c"),
        (r"\begin{description}\item[d] e\end{description}", "- **d** e"),
        (
            r"\begin{thebibliography}{9}\bibitem[K]{k1} A. \url{http://a.b/} \bibitem{k2} B.\end{thebibliography}",
            "# References\n\n- [k1] A. <http://a.b/>\n- [k2] B.",
        ),
        ("灯台は\n海を\nsea に", "灯台は海を sea に"),
        (r"\raisebox{2pt}{up}, \makebox[2cm][l]{left}, \resizebox{1cm}{!}{in}", "up, left, in"),
        (r"\textcolor{red}{red}, \ruby{漢}{かん}", "red, 漢"),
    ],
)
def test_latex_becomes_markdown(latex: str, markdown: str) -> None:
    assert converted(latex) == markdown


def test_macros_of_the_document_are_what_they_say() -> None:
    head = r"""\newcommand{\R}{\mathbb{R}}\def\pair#1#2{(#1, #2)}\DeclareMathOperator{\rk}{rk}
\DeclarePairedDelimiter\abs{\lvert}{\rvert}\NewDocumentCommand{\vect}{m}{\mathbf{#1}}
\newenvironment{note}{\textbf{Note.}}{}\makeatletter\def\@odd{\catcode`\@=11}\makeatother
\let\epsilon=\varepsilon\newtheorem{fact}{Fact}"""
    text = r"$\pair{\abs*{x}}{\vect{y}} \in \R \rk \epsilon$ \begin{note}n\end{note} \begin{fact}f\end{fact}"
    shown = converted(text, head)
    assert shown.startswith(r"$(\lvert x\rvert, \mathbf{y}) \in \mathbb{R}\operatorname{rk}\varepsilon$")
    assert "**Note.**n" in shown
    assert "**Fact 1**. f" in shown


@pytest.mark.parametrize(
    ("latex", "problem"),
    [
        (r"Words, \textbackslash foo and words.", "the command .* is left over in the text: "),
        (r"Words \{ and words.", "a brace without its other"),
        (r"a & b", "a stray '&'"),
        (r"\mystery{%s} and few words" % ("lost words " * 9), r"letters are lost in commands .* .mystery \(162\)"),
        (r"\begin{itemize}\item a", r"pandoc failed \(64\): .*itemize"),
    ],
)
def test_what_is_left_over_or_lost_is_rejected(latex: str, problem: str) -> None:
    with pytest.raises(StageError, match=problem) as failed:
        converted(latex)
    assert "\n" not in str(failed.value)


def test_code_and_formulas_may_hold_commands() -> None:
    assert converted(r"\verb|\foo{| \texttt{\textbackslash bar} $\{\baz$") == r"`\foo{` `\bar` $\{\baz$"


@pytest.mark.parametrize(
    "latex",
    [
        r"\input{/etc/hostname}\include{/etc/hostname}\lstinputlisting{/etc/hostname}\verbatiminput{/etc/hostname}",
        r"\usepackage{/etc/hostname}\newread\f\openin\f=/etc/hostname \read\f to\x \x",
        r"\immediate\write18{touch written}\input{|touch written}\directlua{os.execute('touch written')}",
        r"\newwrite\f\immediate\openout\f=written \immediate\write\f{x}\includegraphics{/etc/hostname}",
    ],
)
def test_nothing_is_read_written_or_run(latex: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    try:
        shown = converted(f"Words of the document. {latex} More words.")
    except StageError as e:
        shown = str(e)
    host = Path("/etc/hostname").read_text().strip()
    assert not host or host not in shown.replace("/etc/hostname", "")
    assert list(tmp_path.iterdir()) == []


LAUGHS = "".join(rf"\newcommand{{\{b}}}{{{12 * (chr(92) + a)}}}" for a, b in pairwise("abcdefghi"))
BOMBS = {
    "itself": (r"\def\a{\a\a}", r"\a"),
    "twice itself": (r"\def\a{\b\b}\def\b{\a\a}", r"\a"),
    "laughs": (r"\newcommand{\a}{ha }" + LAUGHS, r"\i"),
    "laughs in a formula": (r"\newcommand{\a}{ha }" + LAUGHS, r"$\i$"),
    "deep groups": ("", "{" * 30_000),
    "deep lists": ("", r"\begin{itemize}\item " * 4_000),
}


@pytest.mark.parametrize("bomb", BOMBS)
@pytest.mark.timeout(120)
def test_bombs_end_in_bounded_time_and_memory(bomb: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pandoc, "HEAP", "48M")
    monkeypatch.setattr(pandoc, "SECONDS", 3)
    head, body = BOMBS[bomb]
    with pytest.raises(StageError, match=r"pandoc (failed|took)"):
        converted(body, head)


def test_a_latex_original_goes_through_the_intake() -> None:
    intake = Intake(CollectConfig(min_chars=20))
    paper = "\\documentclass{article}\\begin{document}\\section{Title}%s\\end{document}"
    for name, body in (("good", "Plain words of English that say enough. "), ("bad", "Left \\textbackslash over. ")):
        raw = (paper % (body * 3)).encode()
        intake.take(Original(raw, name, doc_id=name, source="x", family="x", format="latex"))
    assert [d.markdown.partition("\n")[0] for d in intake.documents] == ["# Title"]
    assert [(r.reason, r.doc_id) for r in intake.rejects] == [(Reason.CONVERSION, "bad")]
    assert re.match(r"bad: the command .* is left over", intake.rejects[0].detail)


def test_an_error_of_latex_is_one_of_the_stage() -> None:
    assert issubclass(LatexError, StageError)
