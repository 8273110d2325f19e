"""Figures and verdicts in words, for the report and the terminal. Nothing here presumes a sign."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from tasks.evaluate.metrics import MAIN
from tasks.html.text import plural
from tasks.statistics import ENOUGH_FAMILIES

Table = Mapping[str, Any]
Pair = tuple[str, str]
_SUMMARY = (
    "composite_v2",
    "facts",
    "edit_similarity",
    "word_f1",
    "heading_f1",
    "code_similarity",
    "table_teds",
    "structure",
    "character_error_rate",
)
_NAMES = {"base": "Base", "sft": "SFT", "grpo": "GRPO"}
VERDICTS = {"better": "better", "worse": "worse", "no evidence": "no evidence of a difference"}
_ALL_PAIRS = 4  # systems up to which every pair is shown


def system_name(system: str) -> str:
    return _NAMES.get(system, system)


def number(value: float | None, digits: int = 3) -> str:
    """0.812, or a dash where there is no value."""
    return "–" if value is None else f"{value:.{digits}f}".replace("-", "−")


def signed(value: float | None, digits: int = 3) -> str:
    """+0.041, −0.016, 0.000 (no sign on what rounds to nothing)."""
    if value is None:
        return "–"
    text = f"{value:+.{digits}f}".replace("-", "−")
    return text if text.strip("+−0.") else text[1:]


def interval(row: Mapping[str, Any], sign: bool = False) -> str:
    """[low, high] of a row of the table; what is missing where there is none."""
    if row["low"] is None:
        return f"no interval ({plural(row['families'], 'family', 'families')})" if row["n"] else "on no page"
    write = signed if sign else number
    return f"[{write(row['low'])}, {write(row['high'])}]"


def joined(words: Sequence[str]) -> str:
    """a, b and c."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def labels(table: Table) -> dict[str, str]:
    """Metric -> its label, in the table's order."""
    return {metric["metric"]: metric["label"] for metric in table["metrics"]}


def within(label: str) -> str:
    """A label in the middle of a sentence."""
    return label[0].lower() + label[1:]


def mean_of(table: Table, system: str, metric: str) -> Mapping[str, Any]:
    """The table's mean of a system. Raises StopIteration where it has none."""
    row: Mapping[str, Any] = next(r for r in table["means"] if (r["system"], r["metric"]) == (system, metric))
    return row


def difference_of(table: Table, before: str, after: str, metric: str) -> Mapping[str, Any]:
    """The table's difference of two systems. Raises StopIteration where it has none."""
    key = (before, after, metric)
    row: Mapping[str, Any] = next(r for r in table["differences"] if (r["from"], r["to"], r["metric"]) == key)
    return row


def pairs(table: Table) -> list[Pair]:
    """The pairs compared: each step (base to SFT, SFT to GRPO), then the whole way."""
    found = list(dict.fromkeys((r["from"], r["to"]) for r in table["differences"]))
    order = list(table["systems"])
    return sorted(found, key=lambda p: (order.index(p[1]) - order.index(p[0]), order.index(p[0])))


def shown_pairs(table: Table) -> list[Pair]:
    """The pairs that are spelled out: all of up to four systems; of more, each step of the training, and every other
    system against the one that was trained last (where none was trained, against the first)."""
    every = pairs(table)
    if len(table["systems"]) <= _ALL_PAIRS:
        return every
    line, against = training_line(table), focus(table)
    steps = set(pairwise(line))
    return [p for p in every if p in steps or (against in p and not set(p) <= set(line))]


def focus(table: Table) -> str:
    """The system that was trained last, else the first."""
    return str([*table["systems"][:1], *training_line(table)][-1])


def default_pair(table: Table) -> Pair | None:
    """The last step of the training, else the first two systems."""
    line = training_line(table)
    found = line[-2:] if len(line) > 1 else list(table["systems"])[:2]
    return (found[0], found[1]) if len(found) == 2 else None


def training_line(table: Table) -> list[str]:
    """The base and what was trained on it, in the order of training."""
    return [system for system in _NAMES if system in table["systems"]]


def verdict_line(table: Table, before: str, after: str) -> str:
    """The headline verdict of a pair in a few words."""
    row = difference_of(table, before, after, table["headline"])
    a, b = system_name(before), system_name(after)
    match row["verdict"]:
        case "better" | "worse" as found:
            return f"{b} is {found} than {a}"
        case _ if row["low"] is None:
            return f"{a} and {b} cannot be told apart: too few families"
        case _:
            return f"No evidence of a difference between {a} and {b}"


def bought(table: Table, before: str, after: str, metric: str = "") -> str:
    """What training a system further bought, or cost, in a sentence without its period; of the headline unless a metric
    is named."""
    metric = metric or table["headline"]
    row, a, b = difference_of(table, before, after, metric), system_name(before), system_name(after)
    a, label = within(a) if before == "base" else a, within(labels(table)[metric])
    found = f"{signed(row['difference'])} {interval(row, sign=True)}"
    match row["verdict"]:
        case _ if row["difference"] is None:
            return f"{b}: {label} is measured on no page"
        case "better":
            return f"{b} bought {label}: {found} over {a}, on {_where(row)}"
        case "worse":
            return f"{b} cost {label}: {found} against {a}, on {_where(row)}"
        case _:
            return f"{b}: no evidence of a change in {label} from {a}, {found}, on {_where(row)}"


def finding(table: Table, before: str, after: str) -> str:
    """The headline difference in a sentence, whatever its sign."""
    metric = table["headline"]
    row = difference_of(table, before, after, metric)
    if (before, after) in pairwise(training_line(table)):
        return f"{bought(table, before, after)}{_corrected(table, row)}."
    what, label = _what(table, before, after), within(labels(table)[metric])
    if row["difference"] is None:
        return f"{what}: {label} is measured on no page."
    found = f"{signed(row['difference'])} {interval(row, sign=True)}"
    return f"{what}: {label} {found} on {_where(row)}, {VERDICTS[row['verdict']]}{_corrected(table, row)}."


def standing(table: Table, system: str) -> str:
    """A system's headline mean in a sentence, for an evaluation without a pair."""
    row = mean_of(table, system, table["headline"])
    label = within(labels(table)[table["headline"]])
    return f"{system_name(system)}: {label} {number(row['mean'])} {interval(row)} on {_where(row)}."


def _what(table: Table, before: str, after: str) -> str:
    line, a, b = training_line(table), system_name(before), system_name(after)
    a = within(a) if before == "base" else a
    return f"From {a} to {b}" if before in line and after in line else f"{b} against {a}"


def _where(row: Mapping[str, Any]) -> str:
    seeds = f", {plural(row['seeds'], 'training seed', 'training seeds')}" if row["seeds"] > 1 else ""
    return f"{plural(row['n'], 'page', 'pages')} of {plural(row['families'], 'family', 'families')}{seeds}"


def _corrected(table: Table, row: Mapping[str, Any]) -> str:
    if row["verdict"] == "no evidence":
        return ""
    also = "also" if row["holds"] else "but not"
    return (
        f", {also} after correction for {len(table['metrics'])} metrics (p\u00a0=\u00a0{number(row['p_adjusted'], 4)})"
    )


def verdicts(table: Table, before: str, after: str) -> list[tuple[str, list[str]]]:
    """Each verdict, and the labels of the main metrics on which it was given; * marks what holds after correction."""
    rows = [r for r in table["differences"] if (r["from"], r["to"]) == (before, after) and r["metric"] in MAIN]
    names = labels(table)
    groups = [
        (v, [within(names[r["metric"]]) + " *" * r["holds"] for r in rows if r["verdict"] == v]) for v in VERDICTS
    ]
    return [(verdict, found) for verdict, found in groups if found]


def page_rule(table: Table, shown: int) -> str:
    """Which pages the explorer holds, and in what order."""
    pair = default_pair(table)
    order = (
        f"by the change from {system_name(pair[0])} to {system_name(pair[1])}, largest drops and gains first"
        if pair
        else "the lowest first"
    )
    every = f"All {plural(shown, 'page', 'pages')}"
    part = f"{shown:,} of {plural(table['pages'], 'page', 'pages')}, as many as a report holds: the first"
    return f"{every if shown == table['pages'] else part} {order}."


def few_families(table: Table) -> str:
    """What is said beside the intervals where there are too few families; empty where there are enough."""
    families = table["families"]
    if families >= ENOUGH_FAMILIES:
        return ""
    if families < 2:
        return "All pages come from one family, so no interval can be given and no difference can be judged."
    return (
        f"Only {families} families were resampled. With fewer than {ENOUGH_FAMILIES} these intervals are too narrow: "
        "in simulation they cover 86 to 90 % at 10 families, 83 % at 5."
    )


def limits(table: Table) -> list[str]:
    """What the table's figures do not say."""
    count, seeds = len(table["differences"]), table["training_seeds"]
    said = [
        f"{plural(table['pages'], 'page', 'pages')} of {plural(table['families'], 'family', 'families')} stand for all "
        "documents.",
        f"Training seeds: {seeds}. "
        + (
            "Intervals cover the choice of families, not how another training run would turn out."
            if seeds < 2
            else "Seeds are drawn beside families; with fewer than about ten the intervals are still too narrow where "
            "the seed matters much."
        ),
    ]
    if count:
        said.append(
            f"{plural(count, 'difference is', 'differences are')} judged at 95 % each: where nothing differs, about "
            f"{round(count / 20)} would still leave zero out. A star, or 'also after correction', means that the "
            "verdict holds after Holm's correction for the metrics of its comparison; comparisons are not corrected "
            "for each other."
        )
    return said


def summary(table: Table) -> str:
    """The table in about ten lines of plain text, for the terminal: means, then what each step adds, of the headline in
    words too; of more than three systems a line each."""
    metrics = [m for m in _SUMMARY if m in labels(table)]
    few = len(table["systems"]) <= 3
    lines = _by_metric(table, metrics) if few else _by_system(table, metrics[:4])
    where = f"{plural(table['pages'], 'page', 'pages')}, {plural(table['families'], 'family', 'families')}"
    lines.append(f"{where}; 95 % intervals, families resampled; * the interval leaves zero out")
    lines += [f"{bought(table, *step)}." for step in pairwise(training_line(table))]
    return "\n".join(lines)


def _by_metric(table: Table, metrics: Sequence[str]) -> list[str]:
    systems = table["systems"]
    steps = [(a, b) for a, b in pairs(table) if systems.index(b) == systems.index(a) + 1]
    heads = (f"{system_name(a)} to {system_name(b)}" for a, b in steps)
    lines = [_row("mean", (f"{system_name(s)[:9]:>10}" for s in systems), heads)]
    for metric in metrics:
        means = (f"{number(mean_of(table, s, metric)['mean']):>10}" for s in systems)
        lines.append(_row(labels(table)[metric], means, (_step(table, a, b, metric) for a, b in steps)))
    return lines


def _by_system(table: Table, metrics: Sequence[str]) -> list[str]:
    heads = [labels(table)[m] for m in metrics]
    lines = [_row("mean", (f"{head[:21]:>22}" for head in heads), ())]
    for system in table["systems"]:
        means = (f"{number(mean_of(table, system, m)['mean']):>22}" for m in metrics)
        lines.append(_row(system_name(system), means, ()))
    return lines


def _row(label: str, means: Iterable[str], steps: Iterable[str]) -> str:
    return f"{label[:24]:24}{''.join(means)}{''.join(f'  {s:26}' for s in steps)}".rstrip()


def _step(table: Table, before: str, after: str, metric: str) -> str:
    row = difference_of(table, before, after, metric)
    mark = "" if row["verdict"] == "no evidence" else " *"
    return f"{signed(row['difference'])} {interval(row, sign=True)}{mark}"
