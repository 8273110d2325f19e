"""Random Markdown documents: every construct, nested, with the characters that a label writer gets wrong."""

from __future__ import annotations

from random import Random


def _words(*lines: str) -> list[str]:
    return " ".join(lines).split(" ")


WORDS = _words(
    "alpha beta gamma delta epsilon render layout window margin column table of the and in to is page break",
    "naïve café Straße façade e.g. don't (see) 3.14 100% x=1 path/to/file.py v1.2.3 snake_case_name _init_ __dunder__",
    "$5 US$6 $HOME/$USER ${a}",
    "日本語の文章です。 組版と改行、 「引用」 東京 ページ区切り 段落のテスト 全角\u3000空白 漢字かな交じり文の長い単語",
    "https://example.org/a/very/long/path?with=query&and=more#fragment",
    "incomprehensibilities_and_antidisestablishmentarianism a\u00a0b C++ C# R&D AT&T \u20ac10 \u03b1\u03b2",
    "\u2014 \u2026",
)
SPECIALS = _words(
    r"\ * _ [ ] < & # - + 1. ~ | ` ** __ ~~ ` `` > = : ! ![ ]( \* \_ \| \\ &amp; &lt;",
    r"$ $$ \$ 12) *a *b* _c_ a*b*c [x] [ ] [^1] --- === ) ( : | *. .* _. '",
)
LANGUAGES = ("", "python", "c++", "js title=`a`", "sh", "math")
FORMULAS = (
    *(
        "x_1",
        r"\frac{a}{b}",
        r"\sqrt{x^2+1}",
        r"\sum_{i=0}^n x_i",
        "a|b",
        r"a < b \& c",
        "x*y*z",
        r"\{`x`\}",
        "f(x) = 3",
    ),
    *(
        r"\undrawable{x} + 1",
        r"\begin{pmatrix}a & b\\ c & d\end{pmatrix}",
        "a\n= b",
        r"\\",
        "",
        r"\$5",
        "x % y",
        "日本",
    ),
)
FENCED = (r"E = mc^2", r"\begin{aligned} a &= b \\", r"c &= d \end{aligned}", r"\undrawable{x}", "", "x")
CODE_LINES = (
    "def f(x):",
    "    return x  # comment",
    "\tindented by a tab",
    "",
    "```",
    "````",
    "~~~",
    "| a | b |",
    "- not a list",
    "> not a quote",
    "# not a heading",
    "日本語のコメント",
    "x" * 60,
    "  a    b     c",
    "<b>&amp;</b>",
    "trailing  ",
    "\\",
)


class Writer:
    """Writes one document; `rng` may be Hypothesis's, so that a failure shrinks."""

    def __init__(self, rng: Random) -> None:
        self.rng = rng
        self.notes = 0
        self.longest = 7

    def document(self) -> str:
        blocks = self.blocks(self.rng.randint(2, 8), 0)
        notes = [self.footnote(i + 1) for i in range(self.notes)]
        at = self.rng.randint(0, len(blocks))
        return "\n\n".join([*blocks[:at], *notes, *blocks[at:]]) + "\n"

    def blocks(self, count: int, depth: int) -> list[str]:
        return [self.block(depth) for _ in range(count)]

    def block(self, depth: int) -> str:
        kinds = [self.paragraph, self.paragraph, self.code, self.table, self.heading, self.rule, self.figure]
        nested = [self.items, self.items, self.quote]
        kind = self.rng.choice([*kinds, *(nested if depth < 3 else [])])
        return kind(depth)

    def word(self) -> str:
        return self.rng.choice(SPECIALS) if self.rng.random() < 0.12 else self.rng.choice(WORDS)

    def words(self, low: int, high: int) -> str:
        joint = "" if self.rng.random() < 0.1 else " "
        return joint.join(self.word() for _ in range(self.rng.randint(low, high)))

    def span(self, depth: int = 0) -> str:
        chance = self.rng.random()
        if depth > 2 or chance < 0.55:
            return self.words(1, self.longest)
        inner = self.spans(1, 3, depth + 1)
        if chance < 0.67:
            return self.rng.choice("*_").join(["", inner, ""]) if self.rng.random() < 0.9 else f"*{inner}*x"
        if chance < 0.77:
            return f"**{inner}**"
        if chance < 0.82:
            return f"~~{inner}~~"
        if chance < 0.86:
            mark = self.rng.choice(["$", "$", "$$"])
            return mark + self.rng.choice(FORMULAS) + mark
        if chance < 0.91:
            target = self.rng.choice(["https://e.org/a_b", "#x", "<a b>", "x(y)", "/p?q=1&r=2", ""])
            return f"[{inner}]({target})"
        if chance < 0.935:
            return self.rng.choice(["<https://e.org/x_y>", "`` a`b ``", "` `", "`` ` ``", "`a  b`", "` a `"])
        if chance < 0.955:
            self.notes = min(4, self.notes + 1)
            return f"word[^{self.notes}]"
        return f"`{self.words(1, 4).replace('`', '')}`"

    def spans(self, low: int, high: int, depth: int = 0) -> str:
        joint = self.rng.choice([" ", " ", " ", ""])
        return joint.join(self.span(depth) for _ in range(self.rng.randint(low, high)))

    def paragraph(self, depth: int) -> str:
        lines = [self.spans(1, 5) for _ in range(self.rng.randint(1, 3))]
        return self.rng.choice(["\n", "\n", "  \n", "\\\n"]).join(lines)

    def heading(self, depth: int) -> str:
        if self.rng.random() < 0.15:
            lines = [self.words(1, 4) for _ in range(self.rng.choice([1, 1, 2]))]
            return self.rng.choice(["\n", "  \n"]).join(lines) + "\n" + self.rng.choice(["---", "==="])
        return "#" * self.rng.randint(1, 6) + " " + self.spans(1, 2) + self.rng.choice(["", " #", "#"])

    def figure(self, depth: int) -> str:
        self.longest = 3
        lines = [self.rng.choice(["Figure 1. A caption", "図の説明です", "x"]), self.spans(1, 2)]
        self.longest = 7
        target = self.rng.choice(["a.png", "<a b.svg>", 'https://e.org/x_y.jpg "a title"', "x(y)", ""])
        return f"![{self.rng.choice([' ', ' ', chr(10)]).join(lines)}]({target})"

    def rule(self, depth: int) -> str:
        return self.rng.choice(["---", "***", "_ _ _"])

    def code(self, depth: int) -> str:
        lines = [self.rng.choice(CODE_LINES) for _ in range(self.rng.randint(0, 14))]
        if self.rng.random() < 0.2:
            return "\n".join("    " + line for line in lines) or "    x"
        if self.rng.random() < 0.15:
            return "\n".join(["```math", *(self.rng.choice(FENCED) for _ in range(self.rng.randint(1, 3))), "```"])
        fence = self.rng.choice(["```", "~~~", "`````"])
        lines = [line for line in lines if not line.startswith(fence)]
        language = self.rng.choice(LANGUAGES)
        return "\n".join([fence + (language if "`" not in language or fence == "~~~" else ""), *lines, fence])

    def quote(self, depth: int) -> str:
        body = "\n\n".join(self.blocks(self.rng.randint(1, 3), depth + 1))
        return "\n".join(f"> {line}".rstrip() if self.rng.random() < 0.98 else line for line in body.split("\n"))

    def items(self, depth: int) -> str:
        ordered = self.rng.random() < 0.5
        start = self.rng.choice([1, 1, 0, 7, 99])
        mark = self.rng.choice(".)") if ordered else self.rng.choice("-*+")
        tight = self.rng.random() < 0.6
        tasks = self.rng.random() < 0.25
        out = []
        for i in range(self.rng.randint(1, 6)):
            lead = f"{start + i}{mark} " if ordered else f"{mark} "
            body = self.spans(1, 3) if self.rng.random() < 0.9 else self.block(depth + 1)
            if tasks:
                body = self.rng.choice(["[ ] ", "[x] "]) + body
            if self.rng.random() < 0.25 and depth < 3:
                body += ("\n" if tight else "\n\n") + self.block(depth + 1)
            if self.rng.random() < 0.03:
                body = ""
            out.append(lead + body.replace("\n", "\n" + " " * len(lead)))
        return ("\n" if tight else "\n\n").join(out)

    def table(self, depth: int) -> str:
        columns = self.rng.randint(1, 4)

        def cell() -> str:
            self.longest = self.rng.choice([2, 2, 2, 3, 7])
            text = self.spans(0, 2, self.rng.choice([1, 2, 3])).replace("\n", " ")
            self.longest = 7
            return text if self.rng.random() < 0.1 else text.replace("|", "\\|")

        def line(count: int) -> str:
            return "| " + " | ".join(cell() for _ in range(count)) + " |"

        rule = "|" + "|".join(self.rng.choice(["---", ":--", "--:", ":-:"]) for _ in range(columns)) + "|"
        rows = [line(max(1, columns + self.rng.choice([0] * 8 + [-1, 1]))) for _ in range(self.rng.randint(0, 9))]
        return "\n".join([line(columns), rule, *rows])

    def footnote(self, number: int) -> str:
        body = self.paragraph(0)
        if self.rng.random() < 0.4:
            body += "\n\n" + self.block(2)
        return f"[^{number}]: " + body.replace("\n", "\n    ")


def random_document(rng: Random) -> str:
    """Markdown as it may come from anywhere: not normalised."""
    return Writer(rng).document()
