"""The language of a document: kana decide Japanese, langid (Lui and Baldwin, 2012) decides the rest."""

from __future__ import annotations

from collections import Counter

from tasks.markdown import Node, parse

CODE = frozenset({"CodeBlock", "Code", "HtmlBlock", "InlineHtml"})
SAMPLE = 20_000
# langid also names languages that have no two-letter code
CHINESE = {"yue": "zh", "wuu": "zh"}
# of all letters, so that an English page that quotes Japanese words stays English
MIN_KANA = 0.08
# of kana and ideographs: a Chinese page has a stray の at most
MIN_KANA_OF_CJK = 0.15


def detect(text: str) -> str:
    """ISO 639-1 code of a Markdown text, judged on what a reader sees without code. Deterministic.

    A text without letters is 'en'.
    """
    sample = _prose(parse(text, math=True))[:SAMPLE]
    counts = Counter(sample)
    kana = sum(n for c, n in counts.items() if "ぁ" <= c <= "ヺ" or "ｦ" <= c <= "ﾝ")
    han = sum(n for c, n in counts.items() if "一" <= c <= "鿿" or "㐀" <= c <= "䶿")
    letters = sum(n for c, n in counts.items() if c.isalpha())
    if not letters:
        return "en"
    if kana >= MIN_KANA * letters and kana >= MIN_KANA_OF_CJK * (kana + han):
        return "ja"
    if han > letters / 2 and kana < MIN_KANA_OF_CJK * (kana + han):
        return "zh"
    code = _langid(sample)
    return "zh" if code == "ja" else code


def _langid(sample: str) -> str:
    # imported here, and loaded by its first use: the model takes a second and only collection needs it
    import py3langid

    ranked = (CHINESE.get(code, code) for code, _ in py3langid.rank(sample))
    return str(next(code for code in ranked if len(code) == 2))


def _prose(root: Node) -> str:
    out: list[str] = []
    stack = [root]
    while stack:
        node = stack.pop()
        if node.kind == "Text":
            out.append(node.text)
        elif node.kind not in CODE:
            out.append(" ")
            stack += reversed(node.children)
    return "".join(out)
