"""What Prefect's own pages show of an evaluation: the verdict, the means, and where the report is."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from tasks.evaluate.metrics import MAIN
from tasks.evaluate.report import wording
from tasks.evaluate.report.stage import REPORT
from tasks.html.text import plural
from tasks.records import StageRef
from tasks.store import Folder


def publish_artifacts(report: StageRef, evaluation: StageRef, name: str = "evaluation") -> None:
    """Create the artifacts `<name>-verdict` (Markdown), `<name>-means` (table) and `<name>-report` (link), of the flow
    run or task run that calls. `name`: lower-case letters, digits and dashes; a later run's take the place of an
    earlier run's, which stay in their history.
    """
    from prefect.artifacts import create_markdown_artifact, create_table_artifact

    table = Folder(evaluation.uri).read_json("table.json")
    create_markdown_artifact(as_markdown(table), key=f"{name}-verdict", description="What the evaluation found")
    create_table_artifact(means_table(table), key=f"{name}-means", description="Mean and 95 % interval of each system")
    link_report(report, f"{name}-report")


def link_report(report: StageRef, key: str) -> None:
    """Create the link artifact `key` to a finished report."""
    from prefect.artifacts import create_link_artifact

    link = report_link(report)
    create_link_artifact(link, link_text="Report", key=key, description="The whole report, one HTML file")


def report_link(report: StageRef) -> str:
    """URL of the report's HTML: below RECTO_REPORTS_URL where `make serve` says so, else that of the file."""
    path = f"{report.uri.rstrip('/')}/{REPORT}"
    if served := os.environ.get("RECTO_REPORTS_URL"):
        return "/".join((served, *path.rsplit("/", 3)[1:]))
    return path if "://" in path else Path(path).absolute().as_uri()


def as_markdown(table: wording.Table) -> str:
    """The verdict of each pair that the report spells out, and the main means, as Markdown."""
    pairs = wording.shown_pairs(table)
    said = [f"- **{_plain(wording.verdict_line(table, *p))}.** {_plain(wording.finding(table, *p))}" for p in pairs]
    said = said or [f"- {_plain(wording.standing(table, system))}" for system in table["systems"]]
    rows = means_table(table)
    lines = [
        f"| {' | '.join(_plain(str(cell)) for cell in row)} |" for row in ([*rows[0]], *(r.values() for r in rows))
    ]
    lines.insert(1, f"| --- |{' ---: |' * len(table['systems'])}")
    families = wording.few_families(table)
    where = plural(table["pages"], "page", "pages"), plural(table["families"], "family", "families")
    notes = f"{where[0]} of {where[1]}; 95 % intervals, families resampled. {families}".strip()
    return "\n".join(["## Verdict", "", *said, "", "## Means", "", *lines, "", notes])


def means_table(table: wording.Table) -> list[dict[str, Any]]:
    """A row a main metric: its label, then each system's mean and interval."""
    return [
        {"metric": label}
        | {
            wording.system_name(system): f"{wording.number(row['mean'])} {wording.interval(row)}"
            for system in table["systems"]
            for row in [wording.mean_of(table, system, metric)]
        }
        for metric, label in wording.labels(table).items()
        if metric in MAIN
    ]


def _plain(text: str) -> str:
    """A system may be called what Markdown reads as a mark."""
    for mark in "\\`*_<>|":
        text = text.replace(mark, f"\\{mark}")
    return text
