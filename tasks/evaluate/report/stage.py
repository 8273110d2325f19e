"""The report stage: one HTML file that needs nothing beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment
from markupsafe import Markup

from tasks.config import RunConfig
from tasks.evaluate.metrics import MAIN, METRICS
from tasks.evaluate.report import official, wording
from tasks.evaluate.report.content import Content, gather
from tasks.evaluate.report.curves import training_curves
from tasks.evaluate.report.explorer import PageView
from tasks.evaluate.report.marked import marked
from tasks.evaluate.report.plots import forest, slice_forest, standings
from tasks.evaluate.table import PLAIN
from tasks.html.frame import environment, first_that_fit, inline
from tasks.html.text import plural
from tasks.records import StageRef
from tasks.stage import Counts, Stage
from tasks.store import Folder

REPORT, SUMMARY, METRICS_FILE = "report.html", "summary.txt", "metrics.json"
_MOST_FACTS = 60  # of a page
_NAMED = 4  # systems that the first line names
_HERE = Path(__file__).parent


def render_report(content: Content) -> str:
    """The report as one HTML text: style, script, plots and images inline, no request; a content security policy
    allows nothing else. The same content gives the same bytes. Everything that came from documents or models is
    escaped, and all of it can be read without the script."""
    table = content.table
    views = _explorer(content)
    pairs, names = wording.shown_pairs(table), wording.labels(table)
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            content=content,
            official=official,
            table=table,
            title=content.config["why"] or "Run report",
            about=_about(content),
            findings=_findings(table, pairs),
            few_families=wording.few_families(table),
            main=[metric for metric in table["metrics"] if metric["metric"] in MAIN],
            finer=[metric for metric in table["metrics"] if metric["metric"] not in MAIN],
            means={(row["system"], row["metric"]): row for row in table["means"]},
            headline=names[table["headline"]],
            standings=Markup(standings(table)),
            pairs=pairs,
            all_pairs=wording.pairs(table),
            focus=wording.focus(table),
            pair=wording.default_pair(table),
            comparisons=[_comparison(table, *pair) for pair in pairs],
            slices=_slices(table),
            unmeasured=wording.joined([wording.within(METRICS[m].label) for m in table["unmeasured"] if m in METRICS]),
            views=views,
            page_rule=wording.page_rule(table, len(views)),
            filters=_filters(content.views[: len(views)]),
            curves=training_curves(content.logs),
            settings=_toml(content.config),
            limits=wording.limits(table),
            plain_verdict=wording.VERDICTS,
            pages_of=lambda metric: _pages_of(table, metric),
            interval=wording.interval,
            joined=wording.joined,
            within=wording.within,
            seeds=_seeds,
            **inline(_HERE / "report.js"),
        )
    )


def _environment() -> Environment:
    found = environment(_HERE)
    found.filters |= {"number": wording.number, "signed": wording.signed, "system": wording.system_name}
    return found


def _about(content: Content) -> str:
    """What was judged, in a sentence."""
    table = content.table
    pages = plural(table["pages"], "page", "pages")
    where = f"{pages} of {plural(table['families'], 'family', 'families')} of documents"
    names = [wording.system_name(system) for system in table["systems"]]
    systems = wording.joined(names) if len(names) <= _NAMED else f"{len(names)} systems"
    unseen = " that training has not seen" if content.page_set == "held-out" and wording.training_line(table) else ""
    base = f" The base model is {content.config['model']['base']}." if "base" in table["systems"] else ""
    return f"{systems} on {where}{unseen}.{base}"


def _findings(table: wording.Table, pairs: Sequence[wording.Pair]) -> list[tuple[str, str]]:
    """Verdict and sentence of each pair that is shown; of a system without a pair, how it stands."""
    if not pairs:
        return [("", wording.standing(table, system)) for system in table["systems"]]
    return [(wording.verdict_line(table, *pair), wording.finding(table, *pair)) for pair in pairs]


def _comparison(table: wording.Table, before: str, after: str) -> dict[str, Any]:
    names, sliced = wording.labels(table), slice_forest(table, before, after)
    rows = [r for r in table["differences"] if (r["from"], r["to"]) == (before, after)]
    return {
        "before": before,
        "after": after,
        "forest": Markup(forest(table, before, after)),
        "slices": Markup(sliced) if sliced else None,
        "verdicts": wording.verdicts(table, before, after),
        "rows": [{**row, "name": names[row["metric"]]} for row in rows],
    }


def _slices(table: wording.Table) -> list[tuple[str, list[tuple[str, list[Mapping[str, Any]]]]]]:
    """Dimension -> value -> the headline's row of each system, in the table's order."""
    found: dict[str, dict[str, list[Mapping[str, Any]]]] = {}
    for row in table["slices"]["means"]:
        if row["metric"] == table["headline"]:
            found.setdefault(row["dimension"], {}).setdefault(row["value"], []).append(row)
    return [(dimension, list(by.items())) for dimension, by in found.items()]


def _explorer(content: Content) -> list[Markup]:
    """The explorer's pages as HTML, as many as fit."""
    template, systems = _environment().get_template("page.html.j2"), content.table["systems"]
    pair = wording.default_pair(content.table)

    def render(place: int, view: PageView) -> str:
        scores = [view.answers[system].score if system in view.answers else None for system in systems]
        by_system = dict(zip(systems, scores, strict=True))
        first, second = (by_system[pair[0]], by_system[pair[1]]) if pair else (None, scores[0])
        return template.render(
            view=view,
            scores=scores,
            features=list(view.page.features) or [PLAIN],
            open=place == 0,
            pair=pair,
            first=first,
            second=second,
            change=None if first is None or second is None else second - first,
            most_facts=_MOST_FACTS,
            marked=marked,
        )

    return first_that_fit(render(place, view) for place, view in enumerate(content.views))


def _filters(views: Sequence[PageView]) -> list[tuple[str, list[str]]]:
    """What the explorer's pages can be filtered by; not what is the same for all."""
    found = {
        "language": {view.page.language or "unknown" for view in views},
        "source": {view.page.source or "unknown" for view in views},
        "feature": {feature for view in views for feature in view.page.features or (PLAIN,)},
    }
    return [(name, sorted(values)) for name, values in found.items() if len(values) > 1]


def _seeds(seeds: Sequence[int | None]) -> str:
    return ", ".join("–" if seed is None else str(seed) for seed in seeds)


def _pages_of(table: wording.Table, metric: str) -> str:
    """On how many pages the systems have a value: "143 pages", or "139–150 pages" where they differ."""
    counts = sorted({row["n"] for row in table["means"] if row["metric"] == metric})
    if len(counts) == 1:
        return plural(counts[0], "page", "pages")
    return f"{counts[0]:,}–{counts[-1]:,} pages"


def _toml(config: Mapping[str, Any]) -> str:
    import tomli_w

    return tomli_w.dumps(dict(config))


def _report(folder: Folder, config: RunConfig, *stages: StageRef) -> Counts:
    """Write report.html, metrics.json, and summary.txt for the terminal, from the finished stages of a run, in the
    order they ran."""
    content = gather(config, stages)
    html = render_report(content).encode()
    folder.write(REPORT, html)
    folder.write_json(METRICS_FILE, content.metrics)
    folder.write(SUMMARY, f"{official.summary(content.official)}{wording.summary(content.table)}\n".encode())
    return {"pages": len(content.views), "bytes": len(html)}


report_stage = Stage("report", 3, _report, ignore=("workers",))

report = report_stage.task()
