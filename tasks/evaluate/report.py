"""The report stage: one HTML file that needs nothing beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from tasks.config import RunConfig
from tasks.evaluate import wording
from tasks.evaluate.content import Content, gather
from tasks.evaluate.marked import marked, rest
from tasks.evaluate.plots import curve, forest
from tasks.records import StageRef
from tasks.stage import Counts, Stage
from tasks.store import Folder

REPORT, SUMMARY = "report.html", "summary.txt"


def render_report(content: Content) -> str:
    """The report as one HTML text: styles, plots and images inline, no script, no request. The same content gives
    the same bytes. Everything that came from documents or models is escaped."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"number": wording.number, "signed": wording.signed, "system": wording.system_name}
    table = content.table
    return environment.get_template("report.html.j2").render(
        content=content,
        table=table,
        pairs=wording.pairs(table),
        findings=[wording.finding(table, before, after) for before, after in wording.pairs(table)],
        forests=[(pair, Markup(forest(table, *pair))) for pair in wording.pairs(table)],
        curves=_curves(content.logs),
        settings=_toml(content.config),
        few_families=wording.few_families(table),
        limits=wording.limits(table),
        mean_of=wording.mean_of,
        difference_of=wording.difference_of,
        interval=wording.interval,
        verdicts=wording.verdicts,
        joined=wording.joined,
        plural=wording.plural,
        pages_of=_pages_of,
        marked=marked,
        rest=rest,
    )


def _curves(logs: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[tuple[str, list[tuple[str, Markup]]]]:
    """Training stage -> (caption, plot) of each curve that was logged."""
    sft, grpo = logs.get("sft", ()), logs.get("grpo", ())
    drawn = [
        ("sft", "Loss", curve(sft, "loss", "SFT loss by step")),
        ("sft", "Gradient norm", curve(sft, "grad_norm", "SFT gradient norm by step")),
        (
            "grpo",
            "Mean reward, with one standard deviation within groups",
            curve(grpo, "reward", "GRPO reward by step", "reward_std"),
        ),
        (
            "grpo",
            "Share of groups without signal",
            curve(grpo, "frac_reward_zero_std", "GRPO groups without signal by step", share=True),
        ),
        ("grpo", "Gradient norm", curve(grpo, "grad_norm", "GRPO gradient norm by step")),
        ("grpo", "Entropy, nats a token", curve(grpo, "entropy", "GRPO entropy by step")),
    ]
    return [
        (stage, plots)
        for stage in ("sft", "grpo")
        if (plots := [(caption, Markup(svg)) for owner, caption, svg in drawn if owner == stage and svg])
    ]


def _pages_of(table: wording.Table, metric: str) -> str:
    """On how many pages the systems have a value: "143 pages", or "139–150 pages" where they differ."""
    counts = sorted({row["n"] for row in table["means"] if row["metric"] == metric})
    if len(counts) == 1:
        return wording.plural(counts[0], "page", "pages")
    return f"{counts[0]:,}–{counts[-1]:,} pages"


def _toml(config: Mapping[str, Any]) -> str:
    import tomli_w

    return tomli_w.dumps(dict(config))


def _report(folder: Folder, config: RunConfig, *stages: StageRef) -> Counts:
    """Write report.html, and summary.txt for the terminal, from the finished stages of a run, in the order they ran."""
    content = gather(config, stages)
    html = render_report(content)
    folder.write(REPORT, html.encode())
    folder.write(SUMMARY, f"{wording.summary(content.table)}\n".encode())
    return {"samples": len(content.samples), "bytes": len(html.encode())}


report_stage = Stage("report", 1, _report, ignore=("workers",))

report = report_stage.task()
