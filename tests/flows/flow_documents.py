"""A folder of small documents, several families, both languages."""

from __future__ import annotations

from pathlib import Path

ENGLISH = """# Guide {n}

This guide number {n} explains how the {word} server reads its configuration, and what it does when a value is missing
or wrong. Every option has a default, so an empty file is a valid one.

## Options

| name | default | meaning |
| --- | --- | --- |
| port | 80{n} | where the {word} server listens |
| host | localhost | the address it binds to |

- first start the {word} server
- then read its log
  - one line a request

```python
def start_{word}(port={n}):
    return port + {n}
```

> A server that was started twice on one port stops with an error.
"""
JAPANESE = """# 手引き {n}

この文書は設定の読み方を説明します。値がないときの動作も書いてあります。すべての項目には既定値があります。
設定ファイルが空でも動作します。番号は {n} です。

## 項目

1. 最初にサーバーを起動します
2. 次に記録を読みます

| 名前 | 値 |
| --- | --- |
| ポート | 80{n} |

```
start --port {n}
```

この節では、起動したサーバーが一つの要求をどのように処理するかを順番に説明します。要求は一行ずつ記録されます。
記録は日付ごとに分けられ、三十日を過ぎたものは自動的に消されます。必要なものは別の場所に写してください。
"""
WORDS = ("amber", "birch", "cedar", "delta", "ember", "fjord", "grove", "heron")


def write_documents(folder: Path, count: int = 8) -> Path:
    """`count` English families and two Japanese ones."""
    for n in range(count):
        path = folder / WORDS[n % len(WORDS)] / f"guide{n}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(ENGLISH.format(n=n, word=WORDS[n % len(WORDS)]), encoding="utf-8")
    for n in (1, 2):
        path = folder / f"ja{n}" / "guide.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(JAPANESE.format(n=n), encoding="utf-8")
    return folder
