"""Language of a document, judged on its prose."""

from __future__ import annotations

import pytest

from tasks.collect.language import detect

ENGLISH = "This page explains how the library reads a file and what it returns when the file is empty."
JAPANESE = "このページでは、ライブラリがファイルを読み込む方法と、空のときに返す値を説明します。"
CHINESE = "本页介绍该库如何读取文件，以及当文件为空时返回的内容。请先阅读安装说明。"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (ENGLISH, "en"),
        (JAPANESE, "ja"),
        (CHINESE, "zh"),
        (CHINESE + "日本語の「の」という字。", "zh"),
        ("本頁說明此函式庫如何讀取檔案，以及檔案為空時傳回的內容。請先閱讀安裝說明。", "zh"),
        ("Cette page explique comment la bibliothèque lit un fichier et ce qu'elle renvoie.", "fr"),
        ("이 페이지는 라이브러리가 파일을 읽는 방법을 설명합니다.", "ko"),
        (f"# Title\n\n{JAPANESE}\n\n```js\n{ENGLISH * 5}\n```\n", "ja"),
        (f"# Title\n\n{ENGLISH * 4}\n\n```\n{JAPANESE * 5}\n```\n\n`{JAPANESE}`\n", "en"),
        (f"{ENGLISH * 4} The word is 日本語の文書.", "en"),
        ("123 456", "en"),
        ("", "en"),
    ],
)
def test_examples(text: str, code: str) -> None:
    assert detect(text) == code


def test_same_answer_every_time() -> None:
    assert {detect(ENGLISH) for _ in range(3)} == {"en"}


def test_deep_nesting_is_no_problem() -> None:
    assert detect(">" * 5000 + " " + ENGLISH) == "en"
