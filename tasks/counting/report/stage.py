"""The report stage: one HTML file that needs nothing beside it, its tables as Markdown, and a summary in text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tasks.counting.claims import claims
from tasks.counting.config import StudyConfig
from tasks.counting.evaluation import Asked, Rates
from tasks.counting.report import figures
from tasks.counting.report.tables import tables
from tasks.counting.results import Results, gather
from tasks.counting.tree import as_text, tree
from tasks.html.frame import environment, inline
from tasks.html.tables import Table
from tasks.html.text import plural
from tasks.records import StageRef
from tasks.stage import Counts, Stage
from tasks.store import Folder
from tasks.verdicts import Claim, claims_table

REPORT, SUMMARY, TABLES, RESULTS = "report.html", "summary.txt", "tables.md", "results.json"
_HERE = Path(__file__).parent


def render_report(results: Results, judged: Sequence[Claim]) -> str:
    """The report as one HTML text: style and plots inline, no script, no request. The same results give the same
    bytes; what models said is escaped."""
    return (
        environment(_HERE)
        .get_template("counting.html.j2")
        .render(
            title=results.study.why or "Counting study",
            about=_about(results),
            claims=judged,
            tree=tree(results),
            tables=tables(results),
            sections=_sections(results),
            settings=_toml(results.study),
            limits=_limits(results),
            views=[],
            **inline(None, _HERE / "counting.css"),
        )
    )


def _about(results: Results) -> str:
    bases = plural(len(results.untrained), "base", "bases")
    cells = plural(len(results.runs), "training", "trainings")
    images = results.study.images
    return (
        f"{cells} by GRPO from {bases}. Each policy was asked about {images.test:,} images of the training domain "
        "and as many of a shifted one, greedily and sampled."
    )


def _sections(results: Results) -> list[tuple[str, str, figures.Figures]]:
    """Heading, what is to be seen, and the figures that the results have."""
    window = results.study.window
    course = f"Moving average of {window} steps of the policy's own answers, before any injection; faint: single seeds."
    spread = "A diamond is the mean over seeds, a line its 95 % t interval, a dot a seed."
    wilson = "Sampled, training domain; 95 % Wilson intervals over images."
    every = [
        ("Figure 1: what the prompt alone does", wilson, figures.baselines(results)),
        ("Figure 3: format, then accuracy?", f"{course} Plain prompt, no injection.", figures.phases(results)),
        ("Figure 4: learning with and without injection", f"{course} Plain prompt.",
         figures.learning(results, "plain")),
        ("Figure 5: transfer", f"Accuracy under the plain prompt. {spread}", figures.transfer(results)),
        ("Figure 6: learning under r1v", course, figures.learning(results, "r1v")),
        ("Figure 7: what injection changes in the shifted domain",
         f"Accuracy with injection less that without, over pairs of seeds; grey: the interval holds 0. {spread}",
         figures.injection_effect(results)),
        ("Figure 9: every configuration in the shifted domain",
         f"Accuracy. {spread} Of an untrained base: a Wilson interval over images.", figures.summary_bars(results)),
        ("Speed-up by injection",
         "Geometric mean over pairs of seeds, t interval of the logarithms; an arrow: a lower bound, since runs "
         "without injection never got there.", figures.speed_ups(results)),
        ("Groups without signal",
         "Share of groups a step, moving average. All wrong alike: every answer of the group earned the same, and none "
         "was right.", figures.signal(results)),
    ]  # fmt: skip
    return [section for section in every if section[2]]


def _limits(results: Results) -> list[str]:
    made = [name for name in results.untrained if results.study.checkpoint(name) is None]
    said = [
        "Intervals are about other training seeds, on these images and from these bases: the test images are the same "
        "for all.",
        "With three seeds a t interval is wide: no evidence does not mean no effect.",
        "Steps to a level depend on the moving average and on the learning rate.",
    ]
    if made:
        said.append(
            f"{', '.join(made)}: tiny models taught here to answer as the article's does. Their digit rates, what they "
            "count and which domain has which habit are made, so findings say what GRPO does to such a base, not how "
            "common such bases are. One bootstrap each."
        )
        said.append(
            "Images of the shifted domain look different to a policy, but a base made here has seen both domains."
        )
    return said


def _toml(study: StudyConfig) -> str:
    import tomli_w

    return tomli_w.dumps(study.model_dump(mode="json", exclude_none=True))


def summary(results: Results, judged: Sequence[Claim]) -> str:
    """The findings in plain text, for the terminal."""
    lines = [_about(results), ""]
    for claim in judged:
        lines.append(f"{claim.name}: {claim.verdict}")
        lines += [f"    {f.where}: {f.verdict}{' *' * f.holds}; {f.numbers}" for f in claim.findings]
    lines += ["", as_text(tree(results)), "", "95 % t intervals over training seeds; * also after Holm's correction"]
    return "\n".join(lines)


def _json(results: Results, judged: Sequence[Claim]) -> dict[str, Any]:
    """All rates and findings, for whoever compares them anew. The courses are in each cell's log."""

    def rates(found: Mapping[Asked, Rates]) -> list[dict[str, Any]]:
        return [{**asked._asdict(), "n": r.n, "digits": r.digits, "right": r.right} for asked, r in found.items()]

    return {
        "study": results.study.model_dump(mode="json"),
        "untrained": {base: rates(found) for base, found in results.untrained.items()},
        "trained": [{**c.arm._asdict(), "seed": c.seed, "rates": rates(run.rates)} for c, run in results.runs.items()],
        "claims": [{**asdict(claim), "findings": [f._asdict() for f in claim.findings]} for claim in judged],
    }


def _report(folder: Folder, study: StudyConfig, *stages: StageRef) -> Counts:
    """`stages`: the evaluation of each base, then each cell with its evaluation, in the order of the study."""
    results = gather(study, stages)
    judged = claims(results)
    html = render_report(results, judged).encode()
    folder.write(REPORT, html)
    every: list[Table] = [claims_table(judged, "Claims of the article"), *tables(results)]
    folder.write(TABLES, ("\n\n".join(table.markdown() for table in every) + "\n").encode())
    folder.write_json(RESULTS, _json(results, judged))
    folder.write(SUMMARY, f"{summary(results, judged)}\n".encode())
    found = [f.verdict for claim in judged for f in claim.findings]
    return {"cells": len(results.runs), **{v: found.count(v) for v in dict.fromkeys(found)}, "bytes": len(html)}


report_stage = Stage("counting-report", 1, _report, ignore=("processes", "cpu_hours"))
report = report_stage.task()
