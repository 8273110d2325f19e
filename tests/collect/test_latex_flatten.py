"""One text out of many files: what is included, what is never read, which file is the document."""

from __future__ import annotations

import pytest

from tasks.collect.latex import LatexError, flatten_files, parts
from tasks.collect.latex.main_file import find_main
from tasks.collect.latex.pieces import pieces, without_comments


def document(body: str, head: str = "") -> bytes:
    return f"\\documentclass{{article}}\n{head}\\begin{{document}}\n{body}\n\\end{{document}}\n".encode()


def body(files: dict[str, bytes], main: str = "") -> str:
    text = flatten_files(files, main)
    return text.partition("\\begin{document}\n")[2].removesuffix("\\end{document}")


@pytest.mark.parametrize(
    "command",
    [
        *(r"\input{sub/part}", r"\input{./sub/part.tex}", r"\input sub/part ", r"\include{sub/part}"),
        *(r"\subfile{sub/part}", r"\import{sub/}{part}", r"\subimport*{sub}{part.tex}", r'\input{"sub/part"}'),
    ],
)
def test_an_included_file_stands_in_its_place(command: str) -> None:
    files = {"main.tex": document(f"A {command} C"), "sub/part.tex": b"B \\input{deep} \\input{sub/deep}\\endinput no"}
    files["sub/deep.tex"] = b"d"
    assert body(files).split() == ["A", "B", "d", "d", "C"]


@pytest.mark.parametrize(
    ("text", "flat"),
    [
        ("a % \\input{/etc/passwd}\nb", "a b"),
        ("a\\% b", "a\\% b"),
        ("a%\n\nb", "a\n\nb"),
        ("\\verb|%\\input{x}| b", "\\verb|%\\input{x}| b"),
        ("\\begin{verbatim}\n% \\input{x}\n\\end{verbatim}", "\\begin{verbatim}\n% \\input{x}\n\\end{verbatim}"),
        ("\\lstinline!a%b! c", "\\lstinline!a%b! c"),
        ("\\url{http://a.b/%20c} d % e", "\\url{http://a.b/%20c} d "),
        ("a\\begin{comment}\n\\input{/etc/passwd}\n\\end{comment}b", "ab"),
        ("\\input{missing} \\input{} \\input{#1}", "  "),
        ("\\lstinputlisting[language=C]{a.c}\\verbatiminput{b.txt}\\inputminted{py}{c.py}", ""),
        ("\\bibliography{refs}", "\nReferences."),
        ("a \\include{other} \\end{document} rest", "a \ninner\n "),
    ],
)
def test_comments_go_code_stays_and_nothing_else_is_read(text: str, flat: str) -> None:
    files = {"main.tex": document(text), "main.bbl": b"References.", "x.tex": b"READ", "a.c": b"READ"}
    files["other.tex"] = document("inner")
    assert body(files).strip("\n") == flat.strip("\n")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("\\input{/etc/passwd}", "asks for /etc/passwd"),
        ("\\input /etc/passwd", "asks for /etc/passwd"),
        ("\\input{../../secret}", "outside the document's files"),
        ("\\import{/etc/}{passwd}", "asks for /etc/"),
        ("\\include{~/x}", "asks for ~/x"),
        ('\\input{|"cat /etc/passwd"}', "no file of the document"),
        ("\\lstinputlisting[caption=x]{/etc/hostname}", "asks for /etc/hostname"),
        ("\\verbatiminput{../../etc/hosts}", "outside the document's files"),
        ("\\openin{/etc/passwd}", "asks for /etc/passwd"),
        ("\\input{main}", "main.tex: includes itself"),
        ("\\input{a}", "a.tex: includes itself, by way of b.tex"),
        ("\\input{c0}", "included 16 deep"),
        ("\\input{wide0}", "more than 1000 files are included"),
        ("\\input{long}", "more than 5000000 characters"),
    ],
)
@pytest.mark.timeout(60)
def test_what_leads_out_or_never_ends_is_a_named_error(text: str, problem: str) -> None:
    files = {"main.tex": document(text), "a.tex": b"\\input{b}", "b.tex": b"\\input{a}"}
    files |= {f"c{n}.tex": b"\\input{c%d}" % (n + 1) for n in range(30)}
    files |= {f"wide{n}.tex": b"\\input{wide%d}" % (n + 1) * 9 for n in range(9)}
    files |= {"long.tex": b"\\input{words}" * 9, "words.tex": b"word " * 200_000}
    with pytest.raises(LatexError, match=problem):
        flatten_files(files)


@pytest.mark.parametrize(
    ("files", "main"),
    [
        ({"a.tex": "x", "b.tex": document("b")}, "b.tex"),
        ({"ms.tex": document("b"), "z.tex": document("b" * 999)}, "ms.tex"),
        ({"part.tex": document("b"), "z.tex": document("\\input{part}")}, "z.tex"),
        ({"sample.tex": document("b" * 999), "z.tex": document("b")}, "z.tex"),
        ({"a.tex": document("b" * 999), "z.tex": document("b"), "z.bbl": "refs"}, "z.tex"),
        ({"sub/a.tex": document("b" * 999), "z.tex": document("b")}, "z.tex"),
        ({"a.tex": document("b"), "z.tex": document("b" * 999)}, "z.tex"),
        ({"a.tex": "% \\documentclass{x}", "z.tex": "\\documentclass{x}"}, "z.tex"),
        ({"a.tex": document("b" * 999).replace(b"article", b"beamer"), "z.tex": document("b")}, "z.tex"),
        ({"main.tex": document("b"), "z.tex": document("b"), "00README.XXX": "z.tex toplevelfile\n"}, "z.tex"),
        (
            {
                "main.tex": document("b"),
                "z.tex": document("b"),
                "00README.json": '{"sources": [{"filename": "main.tex"}, {"filename": "z.tex", "usage": "toplevel"}]}',
            },
            "z.tex",
        ),
        ({"main.tex": document("b"), "00README.json": '{"sources": 3}'}, "main.tex"),
    ],
)
def test_the_main_file_is_found(files: dict[str, str | bytes], main: str) -> None:
    assert find_main({path: raw.encode() if isinstance(raw, str) else raw for path, raw in files.items()}) == main


@pytest.mark.parametrize(
    ("declaration", "codec", "text"),
    [
        ("\\usepackage[latin1]{inputenc}\n", "latin-1", "Grüße"),
        ("\\usepackage[T1]{fontenc}\n\\usepackage[utf8,cp1251]{inputenc}\n", "cp1251", "Привет"),
        ("\\inputencoding{applemac}\n", "mac_roman", "Grüße"),
        ("", "iso2022_jp", "日本語の文書"),
    ],
)
def test_a_declared_encoding_is_read(declaration: str, codec: str, text: str) -> None:
    raw = document(f"{text} \\input{{part}}", declaration).decode().encode(codec)
    assert body({"main.tex": raw, "part.tex": text.encode(codec)}).strip() == f"{text} {text}"


def test_a_japanese_class_says_that_a_text_is_japanese() -> None:
    for codec in ("euc_jp", "cp932"):
        raw = document("日本語の文書です。").replace(b"{article}", b"{jsarticle}").decode().encode(codec)
        assert body({"main.tex": raw}).strip() == "日本語の文書です。"


def test_bytes_in_comments_need_no_encoding() -> None:
    assert body({"main.tex": document("a").replace(b"a\n", b"a % \xfc\xdf\n")}) == "a "


def test_a_package_that_came_along_gives_its_definitions_and_no_programs() -> None:
    package = r"\newcommand{\half}[1]{#1/2} \def\@x{1} \def\sect#1{\expandafter\x#1} \DeclareMathOperator{\rk}{rk}"
    text = flatten_files({"main.tex": document("a", "\\usepackage{amsmath, my}\n"), "my.sty": package.encode()})
    assert "\\newcommand{\\half}[1]{#1/2}\n\\newcommand{\\rk}{\\operatorname{rk}}\n" in text
    assert "\\expandafter" not in text


def test_marks_and_environments_for_code_are_made_plain() -> None:
    head = "\\MakeShortVerb{\\|}\n\\lstnewenvironment{sh}{}{}\n"
    shown = document("|%a| % b|\n\\begin{sh}[x]\n%b\n\\end{document}\n\\end{sh} c", head)
    assert body({"main.tex": shown}) == "\\verb|%a| \\begin{verbatim}\n%b\n\\end{document}\n\\end{verbatim} c\n"


def test_a_book_comes_in_chapters() -> None:
    words = "Some words of this chapter. " * 900
    book = document(f"Front. \\chapter{{One}}{words}\\chapter[2]{{Two}}{words}\\chapter{{Three}} end", "\\def\\x{y}\n")
    found = parts(flatten_files({"main.tex": book}), most=2)
    assert [title for title, _ in found] == ["One", "Two"]
    assert all("\\def\\x{y}" in text and text.endswith("\\end{document}") for _, text in found)
    assert "Front" not in found[0][1]
    assert "Two" not in found[0][1]
    assert [title for title, _ in parts(document("\\chapter{A} x \\chapter{B} y").decode(), 9)] == [""]


@pytest.mark.parametrize(
    "piece", ["\\begin{verbatim}", "\\verb|", "%", "\\input{", "\\url{", "{", "\\lstinline{", "\\"]
)
@pytest.mark.timeout(60)
def test_pieces_take_linear_time(piece: str) -> None:
    text = piece * (1_000_000 // len(piece))
    assert sum(end - start for _, start, end in pieces(text)) == len(text)
    without_comments(text)
