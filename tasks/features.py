"""What a page holds, from its Markdown: the flags that quotas, filters and reports speak of."""

from __future__ import annotations

from collections.abc import Iterator

from tasks.markdown import Node, is_math_fence, parse

FEATURES = ("table", "code", "list", "nested_list", "quote", "heading", "math")


def _kinds(node: Node, lists: int = 0) -> Iterator[str]:
    match node.kind:
        case "Table":
            yield "table"
        case "CodeBlock":
            yield "math" if is_math_fence(node) else "code"
        case "InlineMath" | "DisplayMath":
            yield "math"
        case "List":
            lists += 1
            yield "list" if lists == 1 else "nested_list"
        case "BlockQuote":
            yield "quote"
        case "Heading":
            yield "heading"
    for child in node.children:
        yield from _kinds(child, lists)


def features(markdown: str) -> tuple[str, ...]:
    """The features of a page, in the order of FEATURES."""
    found = set(_kinds(parse(markdown, math=True)))
    return tuple(f for f in FEATURES if f in found)
