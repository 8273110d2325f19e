"""The command as a user calls it: answers, exit codes, and one clear line for what is wrong."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from flow_documents import write_documents
from PIL import Image

RECTO = str(Path(sys.executable).with_name("recto"))


def recto(*arguments: str, env: dict[str, str] | None = None, timeout: float = 240) -> subprocess.CompletedProcess[str]:
    return subprocess.run([RECTO, *arguments], env=env, capture_output=True, text=True, timeout=timeout)


@pytest.fixture
def env(prefect_server: dict[str, str], tmp_path: Path) -> dict[str, str]:
    return {**prefect_server, "RECTO_HOME": str(tmp_path / "home")}


def test_help_imports_nothing_heavy() -> None:
    code = "import sys, flows.cli; flows.cli._parser(); print(sorted({m.split('.')[0] for m in sys.modules}))"
    modules = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert not {"prefect", "torch", "transformers", "weasyprint", "pydantic", "pyarrow"} & set(
        json.loads(modules.replace("'", '"'))
    )
    times = []
    for _ in range(3):
        started = time.monotonic()
        assert recto("--help").returncode == 0
        times.append(time.monotonic() - started)
    assert min(times) < 1


@pytest.mark.parametrize(
    "verb", ["demo", "dataset", "collect", "doctor", "bootstrap", "train", "evaluate", "counting", "report"]
)
def test_every_verb_has_help_and_takes_a_run(verb: str) -> None:
    done = recto(verb, "--help")
    assert done.returncode == 0
    assert "--run" in done.stdout


def bad(tmp_path: Path) -> dict[str, tuple[list[str], str]]:
    (tmp_path / "empty").mkdir()
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "a.txt").write_text("text")
    (tmp_path / "unknown.toml").write_text("[render]\nfont_sice = 3\n")
    (tmp_path / "bounds.toml").write_text("[render]\ndpi = 9999\n")
    (tmp_path / "broken.toml").write_text("[render\n")
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign" / "thesis.doc").write_text("mine")
    good = str(write_documents(tmp_path / "good", 1))
    return {
        "no such run file": (["dataset", "--run", str(tmp_path / "no.toml")], "no.toml"),
        "unknown key": (["dataset", "--run", str(tmp_path / "unknown.toml")], "font_sice"),
        "out of bounds": (["demo", "--run", str(tmp_path / "bounds.toml")], "dpi"),
        "no TOML": (["train", "--dataset", "x", "--run", str(tmp_path / "broken.toml")], "broken.toml"),
        "no such folder": (["dataset", "--source-dir", str(tmp_path / "nowhere")], "nowhere"),
        "empty folder": (["dataset", "--source-dir", str(tmp_path / "empty")], "no *.md"),
        "no Markdown": (["dataset", "--source-dir", str(tmp_path / "texts")], "no *.md"),
        "a file, not a folder": (["dataset", "--source-dir", str(tmp_path / "texts" / "a.txt")], "a.txt"),
        "foreign folder": (["dataset", "--source-dir", good, "--out", str(tmp_path / "foreign")], "foreign"),
        "no dataset": (["train", "--dataset", str(tmp_path / "empty")], "no published dataset"),
        "nothing to train on": (["train"], "--dataset"),
        "a grid and a run": (["train", "--grid", "a.toml", "--run", "b.toml"], "leave --run out"),
        "no such grid": (["train", "--grid", str(tmp_path / "grid.toml")], "grid.toml"),
        "unknown system": (["evaluate", "--dataset", good, "--systems", "abbyy"], "unknown system 'abbyy'"),
        "no benchmark there": (["evaluate", "--bench", "olmocr", "--bench-dir", str(tmp_path / "empty")], "empty"),
        "no dataset to audit": (["report", "--audit", str(tmp_path / "empty")], "no published dataset"),
        "a folder and no styles": (["report", "--source-dir", good], "--styles"),
        "no verb": ([], "VERB"),
    }


CASES = (
    "no such run file",
    "unknown key",
    "out of bounds",
    "no TOML",
    "no such folder",
    "empty folder",
    "no Markdown",
    "a file, not a folder",
    "foreign folder",
    "no dataset",
    "nothing to train on",
    "a grid and a run",
    "no such grid",
    "unknown system",
    "no benchmark there",
    "no dataset to audit",
    "a folder and no styles",
    "no verb",
)


@pytest.mark.parametrize("case", CASES)
def test_bad_usage_is_one_line_and_exit_code_two(case: str, tmp_path: Path) -> None:
    arguments, expected = bad(tmp_path)[case]
    env = {**os.environ, "RECTO_HOME": str(tmp_path / "home"), "PREFECT_API_URL": "http://127.0.0.1:9/api"}
    done = recto(*arguments, env=env)
    assert done.returncode == 2, done.stderr
    assert expected in done.stderr
    assert "Traceback" not in done.stderr
    if case != "no verb":
        assert len(done.stderr.strip().splitlines()) == 1


def test_a_store_that_cannot_be_written_is_said() -> None:
    done = recto("collect", env={**os.environ, "RECTO_HOME": "/proc/nowhere"})
    assert done.returncode == 2
    assert "RECTO_HOME" in done.stderr


def test_a_dataset_of_a_folder(env: dict[str, str], tmp_path: Path) -> None:
    source = write_documents(tmp_path / "source")
    (source / "short.md").write_text("short")
    (source / "latin1.md").write_bytes("# Titre\n\nd\xe9j\xe0 vu\n".encode("latin-1") * 30)
    out = tmp_path / "out"
    done = recto("dataset", "--source-dir", str(source), "--out", str(out), "--keep-pdf", env=env)
    assert done.returncode == 0, done.stderr
    assert "mean 1.0" in done.stdout or "mean 0.999" in done.stdout

    from datasets import load_dataset

    pages = load_dataset(str(out), cache_dir=str(tmp_path / "cache"))
    assert set(pages) == {"train", "test"}
    assert len(pages["test"]) > 0
    page = pages["train"][0]
    style = json.loads(page["style"])
    assert page["image"].size == tuple(math.ceil(style[side] * style["dpi"] / 96) for side in ("width", "height"))
    reasons = {json.loads(line)["reason"] for line in (out / "rejects.jsonl").read_text().splitlines()}
    assert reasons == {"too_short", "unreadable"}
    assert len(list((out / "pdf").glob("*.pdf"))) == 10
    before = {p.relative_to(out): p.read_bytes() for p in out.rglob("*") if p.is_file()}

    again = recto("dataset", "--source-dir", str(source), "--out", str(out), "--keep-pdf", env=env)
    assert again.returncode == 0, again.stderr
    log = again.stdout + again.stderr
    assert "nothing changed" in log
    assert "drawn: 0 documents" in log
    for stage in ("collect", "render", "split", "publish"):
        assert f"{stage} " in log
    assert " done: " not in log
    assert {p.relative_to(out): p.read_bytes() for p in out.rglob("*") if p.is_file()} == before


def test_the_styles_of_a_run_are_drawn_side_by_side(tmp_path: Path) -> None:
    source = write_documents(tmp_path / "source", 2)
    command = ("report", "--styles", "--source-dir", str(source), "--out", str(tmp_path / "sheet"))
    done = recto(*command, env={**os.environ, "RECTO_HOME": str(tmp_path / "home")})
    assert done.returncode == 0, done.stderr
    told = Path(done.stdout.splitlines()[-1])
    assert told == tmp_path / "sheet" / "styles.png"
    with Image.open(told) as sheet:
        assert len(sheet.getcolors(sheet.width * sheet.height) or []) > 20


def test_a_dataset_is_audited_by_ocr(env: dict[str, str], tmp_path: Path) -> None:
    source = write_documents(tmp_path / "source", 1)
    built = recto("dataset", "--source-dir", str(source), "--out", str(tmp_path / "pages"), env=env)
    assert built.returncode == 0, built.stderr
    done = recto("report", "--audit", str(tmp_path / "pages"), "--out", str(tmp_path / "told"), env=env)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == str(tmp_path / "told" / "audit.md")
    table = (tmp_path / "told" / "audit.md").read_text()
    assert "| language | en |" in table
    assert table in done.stdout


def test_a_folder_with_one_bad_document_still_makes_a_dataset(env: dict[str, str], tmp_path: Path) -> None:
    source = write_documents(tmp_path / "source", 2)
    (source / "deep.md").write_text("# Deep\n\n" + ">" * 4000 + " text\n" + "word " * 100)
    done = recto("dataset", "--source-dir", str(source), "--out", str(tmp_path / "out"), env=env)
    assert done.returncode == 0, done.stderr
    assert "deep.md" in (tmp_path / "out" / "rejects.jsonl").read_text()


def test_a_store_that_was_moved_is_used_where_it_is_now(env: dict[str, str], tmp_path: Path) -> None:
    source = write_documents(tmp_path / "source", 2)
    first = recto("dataset", "--source-dir", str(source), "--out", str(tmp_path / "first"), env=env)
    assert first.returncode == 0, first.stderr
    (tmp_path / "home").rename(tmp_path / "moved")
    moved = {**env, "RECTO_HOME": str(tmp_path / "moved")}
    second = recto("dataset", "--source-dir", str(source), "--out", str(tmp_path / "second"), env=moved)
    assert second.returncode == 0, second.stderr
    assert " done: " not in second.stdout + second.stderr
    assert not (tmp_path / "home").exists()
    shards = [sorted(p.read_bytes() for p in (tmp_path / out / "data").iterdir()) for out in ("first", "second")]
    assert shards[0] == shards[1]


def test_systems_are_compared_on_held_out_pages(env: dict[str, str], tmp_path: Path) -> None:
    source = write_documents(tmp_path / "source", 3)
    built = recto("dataset", "--source-dir", str(source), "--out", str(tmp_path / "pages"), "--keep-pdf", env=env)
    assert built.returncode == 0, built.stderr
    (tmp_path / "run.toml").write_text(
        "[pages]\nlanguages = []\nmax_label_chars = 99999\ntables = true\n[evaluate]\npages = 2\nresamples = 200\n"
    )
    command = ["evaluate", "--run", str(tmp_path / "run.toml"), "--dataset", str(tmp_path / "pages")]
    done = recto(*command, "--systems", "markitdown", "pymupdf4llm", "--out", str(tmp_path / "told"), env=env)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == str(tmp_path / "told" / "report.html")
    rows = json.loads((tmp_path / "told" / "metrics.json").read_text())
    means = {row["system"]: row["mean"] for row in rows if (row["metric"], row["slice"]) == ("word_recall", "all")}
    assert means.keys() == {"markitdown", "pymupdf4llm"}
    assert min(means.values()) > 0.9

    again = recto(*command, "--systems", "pymupdf4llm", "markitdown", env=env)
    assert again.returncode == 0, again.stderr
    log = again.stdout + again.stderr
    assert "read " in log
    assert not [line for line in log.splitlines() if "- read " in line and " done: " in line]


def test_the_benchmark_runs_with_its_own_checker(env: dict[str, str], tmp_path: Path) -> None:
    import pymupdf

    bench = tmp_path / "bench"
    (bench / "pdfs").mkdir(parents=True)
    with pymupdf.open() as document:
        document.new_page().insert_text((72, 90), "Penguins do not fly but they swim.", fontsize=14)
        document.save(bench / "pdfs" / "birds.pdf")
    common = {"pdf": "birds.pdf", "page": 1, "max_diffs": 0}
    rows = [
        {**common, "id": "there", "type": "present", "text": "Penguins do not fly"},
        {**common, "id": "not there", "type": "present", "text": "Ostriches do not fly"},
    ]
    (bench / "birds.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    done = recto(
        *("evaluate", "--bench", "olmocr", "--bench-dir", str(bench), "--systems", "markitdown"),
        *("--out", str(tmp_path / "told")),
        env=env,
    )
    assert done.returncode == 0, done.stderr
    assert "olmOCR-bench, markitdown: 0.750" in done.stdout  # birds 1 of 2, baseline 1 of 1
    assert "by its own checker" in (tmp_path / "told" / "report.html").read_text()
