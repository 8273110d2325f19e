"""Pages for the scoring tests: a few written here, and pieces of the embedded corpus where it is checked out."""

from pathlib import Path

from tasks.markdown import parse

CORPUS = Path(__file__).parents[2] / "data" / "corpus"
MAX_PIECES = 120

INSTALL = """\
# Installing the server

The server runs on **Linux** and on macOS 13 or later. It needs Python 3.11 and about 200 MB of disk.

1. Create a virtual environment.
2. Install the package and its extras.
3. Start the server once, so that it writes its configuration.

```bash
python -m venv .venv
.venv/bin/pip install "skylark[server]"
.venv/bin/skylark serve --port 8080
```

The first start takes up to ten seconds. Open <http://localhost:8080> and sign in as `admin`.

## Upgrading

Read the change log before you upgrade. A backup is made for you, but *check* that it can be read.

> Never upgrade two nodes of a cluster at the same time.
"""

TABLES = """\
## Benchmark results

All figures are means over five runs on one machine; lower is better.

| Library | Parse (ms) | Render (ms) | Memory |
|---------|-----------:|------------:|-------:|
| alpha   |       12.1 |        88.0 |  41 MB |
| beta    |        9.7 |       120.4 |  66 MB |
| gamma   |       30.2 |        74.9 |  38 MB |

Gamma parses slowly because it validates every attribute. Beta keeps the whole tree in memory.

| Setting | Default |
|---|---|
| threads | 4 |
| cache | on |

### Reading the table

Compare rows, not columns. The noise between runs is below two per cent.
"""

LISTS = """\
# Packing for the mountain hut

Weather changes fast above the tree line, so pack for two seasons.

- Clothes
  - a wind-proof jacket
  - two pairs of wool socks
  - gloves
- Food for one day more than planned
- First aid
  1. bandages
  2. tape
  3. a rescue blanket
- [x] map of the valley
- [ ] spare batteries

---

Leave the route with a friend. Huts above 2,500 m have no signal and no running water in autumn.

#### After the tour

Dry the tent before you store it, or it will smell of mould by spring.
"""

PROSE = """\
The lighthouse was built in 1862, after a winter in which four ships were lost on the reef. Its lamp burned
whale oil at first; a keeper climbed the hundred and twelve steps three times a night to trim the wick.

Electric light arrived in 1931. The last keeper, Anna Lindqvist, stayed on for another eleven years as a
weather observer, and her notebooks are still kept in the harbour museum.

Today the tower is empty, yet its beam still turns. Ships hardly need it, but nobody on the island
has ever proposed to switch it off.

A ferry crosses twice a day in summer. In winter the island is reached by mail boat only, and the crossing
takes most of a morning.
"""

CODE = """\
## Writing a plug-in

A plug-in is a class with two methods. The smallest one looks like this:

```python
class Upper(Plugin):
    name = "upper"

    def transform(self, text: str) -> str:
        return text.upper()
```

Register it in the project file:

```toml
[plugins]
upper = "mypackage.upper:Upper"
```

Errors in a plug-in are reported with the line of the document that was being transformed.

## Testing it

```python
def test_upper():
    assert Upper().transform("abc") == "ABC"
```

Run the tests with `pytest -k upper` before you publish.
"""

JA_GUIDE = """\
# 環境構築の手順

このページでは、開発環境を用意する方法を説明します。作業時間は約十五分です。

## 必要なもの

- Python 3.11 以上
- メモリ 8GB 以上の計算機
- インターネット接続

## インストール

次のコマンドを順番に実行してください。途中で失敗した場合は、最初からやり直します。

```bash
git clone https://example.com/repo.git
cd repo
make setup
```

> 注意：管理者権限では実行しないでください。

設定ファイルは自動的に作られます。内容を確認してから、サーバーを起動しましょう。
"""

JA_TABLE = """\
## 都市別の気温

下の表は、八月の平均気温と降水量をまとめたものである。

| 都市 | 平均気温 | 降水量 |
| :--- | ---: | ---: |
| 札幌 | 22.3℃ | 126mm |
| 東京 | 26.9℃ | 155mm |
| 那覇 | 29.0℃ | 240mm |

那覇の降水量が多いのは、台風の影響を強く受けるためである。札幌には梅雨がない。

### 観測の方法

1. 気温は地上一・五メートルで測る。
2. 降水量は一時間ごとに記録する。
3. 欠測は前後の値から補わない。
"""

JA_PROSE = """\
港町の朝は早い。漁船が戻るころには、市場の前にもう長い列ができている。

祖母はいつも同じ店で鰯を買い、同じ坂道を上って帰った。坂の途中に小さな神社があり、そこで必ず一度休んだ。

いまでは市場も建て替えられ、列に並ぶのは観光客ばかりになった。それでも、潮の匂いだけは昔と変わらない。

来年の春、町に新しい橋が架かるという。渡し船はその日に役目を終える。

船頭の佐藤さんは四十年この仕事を続けてきた。橋ができたら釣りでもするさ、と笑っている。

夕方になると、対岸の灯りが一つずつともる。子どもたちは石段に座り、最後の便を見送るのが好きだ。

雪の日には船が止まる。そんな夜は、どの家も早く雨戸を閉め、静かに風の音を聞いている。
"""

WRITTEN = {
    "install": INSTALL,
    "tables": TABLES,
    "lists": LISTS,
    "prose": PROSE,
    "code": CODE,
    "ja guide": JA_GUIDE,
    "ja table": JA_TABLE,
    "ja prose": JA_PROSE,
}


def pieces(markdown: str, limit: int = 1_500) -> list[str]:
    """The text cut at block boundaries into pieces of about `limit` characters."""
    found, begin, end = [], 0, 0
    for block in parse(markdown).children:
        if block.end - begin > limit and end > begin:
            found.append(markdown[begin:end])
            begin = end
        end = block.end
    found.append(markdown[begin:])
    return [piece.strip() for piece in found if len(piece.strip()) > 200]


def corpus() -> dict[str, str]:
    """Pieces of the corpus, evenly drawn; empty where there is no corpus."""
    found = {
        f"{path.relative_to(CORPUS)}#{i}": piece
        for path in sorted(CORPUS.rglob("*.md"))
        if path.name not in {"NOTICE.md", "README.md"}
        for i, piece in enumerate(pieces(path.read_text(encoding="utf-8")))
    }
    step = max(1, len(found) // MAX_PIECES)
    return dict(list(found.items())[::step])


PAGES = WRITTEN | corpus()
