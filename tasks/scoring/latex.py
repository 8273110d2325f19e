"""Formulas: where a text has them, and when two are the same."""

from __future__ import annotations

import re

from tasks.markdown import Node, parse
from tasks.scoring.text import MAX_CHARS, nfkc

MAX_FORMULA = 2_000  # characters of a formula that are compared

_TOKEN = re.compile(r"\\[A-Za-z]+\*?|\\.|\s+|[\s\S]", re.DOTALL)
_SPELLINGS = {
    # marks that change the size or the place of what is shown, not what it is
    "": r"~ \, \: \; \! \quad \qquad \thinspace \medspace \thickspace \enspace \displaystyle \textstyle \scriptstyle"
    r" \limits \nolimits \nonumber \notag \left \right \middle \big \Big \bigg \Bigg \bigl \bigr \Bigl \Bigr \biggl"
    r" \biggr \Biggl \Biggr \bigm \Bigm",
    r"\leq": r"\le ≤",
    r"\geq": r"\ge ≥",
    r"\neq": r"\ne ≠",
    r"\rightarrow": r"\to →",
    r"\leftarrow": r"\gets ←",
    r"\Rightarrow": r"\implies ⇒",
    r"\Leftrightarrow": r"\iff ⇔",
    r"\wedge": r"\land ∧",
    r"\vee": r"\lor ∨",
    r"\neg": r"\lnot ¬",
    r"\frac": r"\dfrac \tfrac",
    r"\ldots": r"\dots \cdots \dotsc \dotsb …",
    r"\times": "×",
    "*": r"\ast",
    ":": r"\colon",
    r"\{": r"\lbrace",
    r"\}": r"\rbrace",
    "[": r"\lbrack",
    "]": r"\rbrack",
    "|": r"\vert \mid \lvert \rvert",
    r"\|": r"\Vert \lVert \rVert",
    "'": r"\prime ′",
    "-": "−",
    r"\mathrm": r"\rm \text \textrm \mbox \operatorname",
    r"\mathbf": r"\bf \boldsymbol \bm \textbf",
    r"\emptyset": r"\varnothing ∅",
    r"\cdot": "· ⋅",
    r"\infty": "∞",
    r"\pm": "±",
    r"\in": "∈",
    r"\sum": "∑",
    r"\int": "∫",
    r"\sqrt": "√",
    r"\partial": "∂",
    r"\nabla": "∇",
    r"\approx": "≈",
    r"\subset": "⊂",
    r"\alpha": "α",
    r"\beta": "β",
    r"\gamma": "γ",
    r"\delta": "δ",
    r"\epsilon": "ε",
    r"\theta": "θ",
    r"\eta": "η",
    r"\lambda": "λ",
    r"\mu": "μ",
    r"\pi": "π",
    r"\rho": "ρ",
    r"\sigma": "σ",
    r"\tau": "τ",
    r"\phi": "φ",
    r"\omega": "ω",
    r"\Delta": "Δ",
    r"\Sigma": "Σ",
    r"\Omega": "Ω",
}
_SAME = {spelling: name for name, spellings in _SPELLINGS.items() for spelling in spellings.split()} | {"\\ ": ""}
_LABEL = re.compile(r"\\(?:label|tag\*?)\s*\{[^{}]*\}|(?<!\\)%[^\n]*")
_PRIME = re.compile(r"\^ ?\{ (' )+\}|\^ '")
_SCRIPTS = re.compile(r"\^ (\{[^{}]*\}|[^\s{}]+) _ (\{[^{}]*\}|[^\s{}]+)")
_GROUPED = re.compile(r"([_^]) \{ (\S+) \}")


def normalise_latex(latex: str) -> str:
    r"""A formula in one spelling, its tokens apart by one space.

    NFKC; comments, labels and tags go; so do spaces, thin spaces, `\left`, `\right`, `\big...`, `\displaystyle`,
    `\limits` and a full stop or comma at the end; synonyms are one (`\le` and `\leq`, `\dfrac` and `\frac`, `\text`,
    `\mathrm` and `\operatorname`, `\cdots` and `\ldots`, Greek letters and operators as characters or as commands);
    braces around a single token of a script go, the subscript comes before the superscript (of scripts without nested
    braces), and `^\prime` is `'`. What it does not see through: environments, macros, other ways to write the same
    sum.
    """
    text = _LABEL.sub(" ", nfkc(latex[:MAX_FORMULA]))
    tokens = [known for token in _TOKEN.findall(text) if (known := _SAME.get(token, token).strip())]
    while tokens and tokens[-1] in (".", ","):
        tokens.pop()
    line = _SCRIPTS.sub(r"_ \2 ^ \1", _GROUPED.sub(r"\1 \2", " ".join(tokens)))
    return _PRIME.sub(lambda found: " ".join("'" * found[0].count("'")), line)


def formulas(markdown: str) -> list[str]:
    r"""The LaTeX of a text's formulas outside code, in order, without delimiters: `$...$`, `$$...$$`, fences of
    language `math`; in a text prepared by `canonical`, `\(...\)` and `\[...\]` too."""
    found: list[str] = []
    stack: list[Node] = [parse(markdown[:MAX_CHARS], math=True)]
    while stack:
        node = stack.pop()
        if node.kind in ("InlineMath", "DisplayMath"):
            found.append(node.text)
        elif is_math_fence(node):
            found.append("".join(child.text for child in node.children))
        else:
            stack += reversed(node.children)
    return [formula.strip() for formula in found if formula.strip()]


def is_math_fence(node: Node) -> bool:
    return node.kind == "CodeBlock" and str(node.arg).split(" ")[0].strip().lower() == "math"
