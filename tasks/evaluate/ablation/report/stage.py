"""The report stage: one HTML file that needs nothing beside it, its tables as Markdown, and a summary in text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from tasks.evaluate.ablation.claims import REWARD, claims
from tasks.evaluate.ablation.config import BASE, AblationConfig
from tasks.evaluate.ablation.report import figures
from tasks.evaluate.ablation.report.tables import tables
from tasks.evaluate.ablation.results import Results, gather
from tasks.evaluate.report import wording
from tasks.html.frame import environment, inline
from tasks.html.tables import Table
from tasks.html.text import plural
from tasks.records import StageRef
from tasks.stage import Counts, Stage
from tasks.store import Folder
from tasks.verdicts import Claim, claims_table

REPORT, SUMMARY, TABLES, RESULTS = "report.html", "summary.txt", "tables.md", "results.json"
CLAIMS = "Claims of the article"
_HERE = Path(__file__).parent


def render_report(results: Results, judged: Sequence[Claim]) -> str:
    """The report as one HTML text: style and plots inline, no script, no request. The same results give the same
    bytes."""
    return (
        environment(_HERE)
        .get_template("ablation.html.j2")
        .render(
            title=results.study.why or "Ablation",
            about=_about(results),
            bought=bought(results),
            few_families=wording.few_families(results.table),
            claims=judged,
            tables=tables(results),
            sections=_sections(results),
            settings=_toml(results.study),
            limits=_limits(results),
            views=[],
            **inline(None),
        )
    )


def bought(results: Results) -> list[str]:
    """What each arm adds to what it goes on from, in a sentence each, whatever its sign."""
    steps = [(arm.after or BASE, arm.name) for arm in results.study.arms]
    return [f"{wording.bought(results.table, before, after, REWARD)}." for before, after in steps]


def _about(results: Results) -> str:
    study, table = results.study, results.table
    return (
        f"{plural(len(study.arms), 'arm', 'arms')} with {plural(len(study.seeds), 'seed', 'seeds')} each, "
        f"from the base {study.run.model.base}, and the base itself. All read the same "
        f"{plural(table['pages'], 'page', 'pages')} of {plural(table['families'], 'family', 'families')} of documents, "
        "greedily; none of these families was trained on."
    )


def _sections(results: Results) -> list[tuple[str, str, figures.Figures]]:
    """Heading, what is to be seen, and the figures that the results have."""
    every = [
        (
            "Every arm against its opponents",
            "Paired differences with 95 % intervals over families and seeds. Green and red: the interval leaves zero "
            "out; grey: it holds zero, which is no evidence of a difference.",
            figures.opponents(results),
        ),
        (
            "Where the arms stand",
            "Means with 95 % intervals over families and seeds.",
            figures.standings(results),
        ),
        (
            "Learning under GRPO",
            "Mean over seeds, moving average of five updates. Each update sees other pages, so a curve shows the "
            "course of training; the tables judge it.",
            figures.courses(results),
        ),
    ]
    return [section for section in every if section[2]]


def _limits(results: Results) -> list[str]:
    seeds = len(results.study.seeds)
    return [
        "The base is tiny and its pages are small: what is found here need not hold for a model of two billion "
        "parameters on whole pages.",
        f"{plural(seeds, 'training seed', 'training seeds')}: with fewer than about ten an interval is too narrow "
        "where the seed matters as much as the family of the page does.",
        "One learning rate an arm, none of them searched for; another could turn a comparison.",
        "Compute is CPU seconds of one thread beside another cell; the same work takes more on a busier machine.",
        "Where no evidence is found there may still be an effect, smaller than the interval is wide.",
    ]


def _toml(study: AblationConfig) -> str:
    import tomli_w

    return tomli_w.dumps(study.model_dump(mode="json", exclude_none=True))


def summary(results: Results, judged: Sequence[Claim]) -> str:
    """The findings in plain text, for the terminal."""
    lines = [_about(results), "", *bought(results), ""]
    for claim in judged:
        lines.append(f"{claim.name}: {claim.verdict}")
        lines += [f"    {f.where}: {f.verdict}{' *' * f.holds}; {f.numbers}" for f in claim.findings]
    lines += ["", "95 % intervals over families and training seeds; * also after Holm's correction"]
    return "\n".join(lines)


def _report(folder: Folder, study: AblationConfig, table: StageRef, *trained: StageRef) -> Counts:
    """`table`: the evaluation of all arms; `trained`: every training, in the order of the cells."""
    results = gather(study, table, trained)
    judged = claims(results)
    html = render_report(results, judged).encode()
    folder.write(REPORT, html)
    every: list[Table] = [claims_table(judged, CLAIMS), *tables(results)]
    folder.write(TABLES, ("\n\n".join(table.markdown() for table in every) + "\n").encode())
    found = [f.verdict for claim in judged for f in claim.findings]
    folder.write_json(
        RESULTS,
        {
            "study": study.model_dump(mode="json"),
            "table": results.table,
            "seconds": [{**cell._asdict(), "seconds": spent} for cell, spent in results.spent.items()],
            "claims": [{**asdict(claim), "findings": [f._asdict() for f in claim.findings]} for claim in judged],
        },
    )
    folder.write(SUMMARY, f"{summary(results, judged)}\n".encode())
    return {"cells": len(results.logs), **{v: found.count(v) for v in dict.fromkeys(found)}, "bytes": len(html)}


report_stage = Stage("ablation-report", 1, _report, ignore=("processes", "cpu_hours"))
report = report_stage.task()
