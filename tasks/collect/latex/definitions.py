"""What of a preamble or a package tells how a document reads: its macros, environments, theorems and title.

The rest sets type. pandoc stumbles over much of it, and needs none.
"""

from __future__ import annotations

import re

from tasks.collect.latex.groups import Groups

MAX_BODY = 2_000  # characters of a definition
_NAME = re.compile(r"\s*\{?\s*(\\[A-Za-z]+|\\[^A-Za-z\s@])\s*\}?")
_DEFINING = re.compile(
    r"\\(?:(?P<command>(?:new|renew|provide)command|DeclareRobustCommand)"
    r"|(?P<operator>DeclareMathOperator\*?)"
    r"|(?P<delimiter>DeclarePairedDelimiter)(?:XPP|X)?"
    r"|(?P<modern>(?:New|Renew|Provide|Declare)(?:Expandable)?DocumentCommand)"
    r"|(?P<environment>(?:re)?newenvironment)"
    r"|(?P<theorem>(?:sp)?newtheorem\*?|declaretheorem|theoremstyle)"
    r"|(?P<plain>[gex]?def|let)"
    r"|(?P<switch>newif)"
    r"|(?P<title>title)"
    r"|(?P<set>[A-Za-z]+(?:true|false)))(?![A-Za-z@])\*?"
)
# programs, not abbreviations
_PROGRAM = re.compile(
    r"@|\\(?:expandafter|csname|futurelet|catcode|lccode|uccode|advance|multiply|divide|if(?:x|num|dim|cat|case|odd|vmode"
    r"|hmode|mmode|inner)|setbox|unhbox|newcount|newdimen|after(?:assignment|group)|write|openin|openout|read|loop|special"
    r"|everypar|global|the|noexpand|input|include)(?![A-Za-z])|##"
)
# what pandoc knows better than a document that draws it anew
_KNOWN = re.compile(
    r"\\(?:[^A-Za-z]|begin|end|(?:sub)*section|chapter|part|(?:sub)?paragraph|item|label|ref|eqref|pageref|cite[pt]?"
    r"|caption|title|author|date|maketitle|footnote|emph|textbf|textit|texttt|textsc|url|href|includegraphics|verb|par"
    r"|newline|input|include|frac|sqrt|left|right|documentclass|usepackage|bibitem|bibliography|tableofcontents|appendix"
    r"|abstract|thanks|hline)"
)
_ENVIRONMENTS = re.compile(
    "document|abstract|figure|table|itemize|enumerate|description|equation|align|proof|quote|quotation|verbatim|tabular"
    "|center|lstlisting|thebibliography|titlepage"
)
_PARAMETERS = re.compile(r"(?:\s*#\d[^{}\\#]{0,20})*")
_LET = re.compile(r"\s*(\\[A-Za-z]+)\s*=?\s*(\\[A-Za-z]+)")
_SIMPLE = re.compile(r"\s*(?:([oO])(\{[^{}]*\})?)?((?:\s*m)*)\s*")
_KEYED = re.compile(r"(?:^|,)\s*(?:name|title|heading)\s*=\s*\{?([^,{}]+)\}?")


def definitions(text: str) -> str:
    """The definitions in a text without comments, one a line, those that are programs left out."""
    groups = Groups(text)
    out: list[str] = []
    switches: set[str] = set()
    position = 0
    while found := _DEFINING.search(text, position):
        position = found.end()
        line, position = _definition(groups, found, switches, position)
        if line and len(line) <= MAX_BODY and not _PROGRAM.search(line.replace("\\newif", "")):
            out.append(line)
    return "\n".join(out)


def _definition(groups: Groups, found: re.Match[str], switches: set[str], position: int) -> tuple[str, int]:
    """A definition as pandoc reads it, or "", and where it goes on."""
    match found.lastgroup:
        case "command" | "plain" if found[0].lstrip("\\").rstrip("*") != "let":
            return _macro(groups, found, position)
        case "plain":
            let = _LET.match(groups.text, position)
            known = let is None or bool(_KNOWN.fullmatch(let[1]))
            return ("" if known or not let else f"\\let{let[1]}={let[2]}"), let.end() if let else position
        case "operator" | "delimiter":
            return _math(groups, found, position)
        case "modern":
            return _modern(groups, position)
        case "environment":
            return _environment(groups, found, position)
        case "theorem":
            return _theorem(groups, found, position)
        case "switch":
            name = _NAME.match(groups.text, position)
            if name is None or not name[1].startswith("\\if"):
                return "", position
            switches.add(name[1][3:])
            return f"\\newif{name[1]}", name.end()
        case "set":
            return (found[0] if re.sub(r"true$|false$", "", found[0][1:]) in switches else ""), position
        case _:
            _, at = groups.option(position)
            title = groups.argument(at)
            return (f"\\title{{{title[0]}}}", title[1]) if title else ("", position)


def _macro(groups: Groups, found: re.Match[str], position: int) -> tuple[str, int]:
    name = _NAME.match(groups.text, position)
    if name is None:
        return "", position
    at = name.end()
    if found["plain"]:
        parameters = _PARAMETERS.match(groups.text, at)
        assert parameters is not None
        head, at = f"\\def{name[1]}{parameters[0].strip()}", parameters.end()
    else:
        count, at = groups.option(at)
        usual, at = groups.option(at) if count is not None else (None, at)
        head = f"\\{'new' if found['command'] == 'DeclareRobustCommand' else ''}{found['command']}{{{name[1]}}}"
        head = head.replace("newDeclareRobustCommand", "newcommand")
        head += (f"[{count}]" if count else "") + (f"[{usual}]" if usual is not None else "")
    body = groups.argument(at)
    if body is None:
        return "", at
    return ("" if _KNOWN.fullmatch(name[1]) else f"{head}{{{body[0]}}}"), body[1]


def _math(groups: Groups, found: re.Match[str], position: int) -> tuple[str, int]:
    name = _NAME.match(groups.text, position)
    count = 1 if found["operator"] else 2
    bodies = groups.arguments(name.end(), count) if name else None
    if name is None or bodies is None:
        return "", position
    if found["operator"]:
        star = "*" if found[0].endswith("*") else ""
        return f"\\newcommand{{{name[1]}}}{{\\operatorname{star}{{{bodies[0][0]}}}}}", bodies[1]
    left, right = bodies[0]
    return f"\\newcommand{{{name[1]}}}[1]{{{left} #1{right}}}", bodies[1]


def _modern(groups: Groups, position: int) -> tuple[str, int]:
    """A command of xparse with mandatory arguments, of which the first may be an optional one."""
    name = _NAME.match(groups.text, position)
    parts = groups.arguments(name.end(), 2) if name else None
    if name is None or parts is None:
        return "", position
    (specification, body), end = parts
    simple = _SIMPLE.fullmatch(specification)
    if simple is None or _KNOWN.fullmatch(name[1]):
        return "", end
    count = simple[3].count("m") + bool(simple[1])
    usual = f"[{(simple[2] or '{}')[1:-1]}]" if simple[1] else ""
    return f"\\newcommand{{{name[1]}}}{f'[{count}]' if count else ''}{usual}{{{body}}}", end


def _environment(groups: Groups, found: re.Match[str], position: int) -> tuple[str, int]:
    name = groups.argument(position)
    if name is None:
        return "", position
    count, at = groups.option(name[1])
    usual, at = groups.option(at) if count is not None else (None, at)
    parts = groups.arguments(at, 2)
    if parts is None:
        return "", at
    head = f"\\{found['environment']}{{{name[0]}}}" + (f"[{count}]" if count else "")
    head += f"[{usual}]" if usual is not None else ""
    return ("" if _ENVIRONMENTS.fullmatch(name[0]) else f"{head}{{{parts[0][0]}}}{{{parts[0][1]}}}"), parts[1]


def _theorem(groups: Groups, found: re.Match[str], position: int) -> tuple[str, int]:
    command = found["theorem"]
    options, at = groups.option(position)
    name = groups.argument(at)
    if name is None:
        return "", position
    if command == "theoremstyle":
        return f"\\theoremstyle{{{name[0]}}}", name[1]
    if command == "declaretheorem":
        later, at = groups.option(name[1])
        titled = _KEYED.search(options or later or "")
        return f"\\newtheorem{{{name[0]}}}{{{titled[1] if titled else name[0].capitalize()}}}", at
    shared, at = groups.option(name[1])
    title = groups.argument(at)
    if title is None:
        return "", at
    within, at = groups.option(title[1])
    head = f"\\newtheorem{'*' if found[0].endswith('*') else ''}{{{name[0]}}}"
    head += f"[{shared}]{{{title[0]}}}" if shared else f"{{{title[0]}}}" + (f"[{within}]" if within else "")
    return head, at
