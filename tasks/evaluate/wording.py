"""Figures and verdicts in words, for the report and the terminal. Nothing here presumes a sign."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tasks.evaluate.statistics import ENOUGH_FAMILIES

Table = Mapping[str, Any]
HEADLINE = "composite_v2"
_SUMMARY = (
    "composite_v2",
    "edit_similarity",
    "word_f1",
    "heading_f1",
    "code_similarity",
    "structure",
    "character_error_rate",
)
_NAMES = {"base": "Base", "sft": "SFT", "grpo": "GRPO"}
_VERDICTS = {"better": "better", "worse": "worse", "no evidence": "no evidence of a difference"}


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


def plural(n: int, one: str, many: str) -> str:
    return f"{n:,} {one if n == 1 else many}"


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


def pairs(table: Table) -> list[tuple[str, str]]:
    """The pairs compared: each step (base to SFT, SFT to GRPO), then the whole way."""
    found = list(dict.fromkeys((r["from"], r["to"]) for r in table["differences"]))
    order = list(table["systems"])
    return sorted(found, key=lambda p: (order.index(p[1]) - order.index(p[0]), order.index(p[0])))


def finding(table: Table, before: str, after: str, metric: str = HEADLINE) -> str:
    """One difference in a sentence, whatever its sign."""
    systems = list(table["systems"])
    a, b = system_name(before), system_name(after)
    step = systems.index(after) == systems.index(before) + 1
    what = f"What {b} adds to {within(a) if before == systems[0] else a}" if step else f"From {within(a)} to {b}"
    row = difference_of(table, before, after, metric)
    label = within(labels(table)[metric])
    if row["difference"] is None:
        return f"{what}: {label} is measured on no page."
    where = f"{plural(row['n'], 'page', 'pages')} of {plural(row['families'], 'family', 'families')}"
    found = f"{signed(row['difference'])} {interval(row, sign=True)}"
    return f"{what}: {label} {found} on {where}, {_VERDICTS[row['verdict']]}."


def verdicts(table: Table, before: str, after: str) -> list[tuple[str, list[str]]]:
    """Each verdict, and the labels of the metrics on which it was given."""
    rows = [r for r in table["differences"] if (r["from"], r["to"]) == (before, after)]
    names = labels(table)
    groups = [(v, [within(names[r["metric"]]) for r in rows if r["verdict"] == v]) for v in _VERDICTS]
    return [(verdict, found) for verdict, found in groups if found]


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
    count = len(table["differences"])
    return [
        f"{plural(table['pages'], 'held-out page', 'held-out pages')} of "
        f"{plural(table['families'], 'family', 'families')} stand for all documents.",
        f"Training seeds: {table['training_seeds']}. Intervals cover the choice of families, not how another training "
        "run would turn out.",
        f"{count} differences are judged at 95 % each, without a correction for their number: where nothing differs, "
        f"about {round(count / 20)} would still leave zero out.",
    ]


def summary(table: Table) -> str:
    """The table in about ten lines of plain text, for the terminal: means, then what each step adds."""
    systems = table["systems"]
    steps = [(a, b) for a, b in pairs(table) if systems.index(b) == systems.index(a) + 1]
    lines = [_line("held out", map(system_name, systems), (f"{system_name(a)} to {system_name(b)}" for a, b in steps))]
    for metric in _SUMMARY:
        means = (number(mean_of(table, s, metric)["mean"]) for s in systems)
        lines.append(_line(labels(table)[metric], means, (_step(table, a, b, metric) for a, b in steps)))
    where = f"{plural(table['pages'], 'page', 'pages')}, {plural(table['families'], 'family', 'families')}"
    lines.append(f"{where}; 95 % intervals, families resampled; * the interval leaves zero out")
    return "\n".join(lines)


def _line(label: str, means: Iterable[str], steps: Iterable[str]) -> str:
    return f"{label:22}{''.join(f'{m:>7}' for m in means)}{''.join(f'  {s:26}' for s in steps)}".rstrip()


def _step(table: Table, before: str, after: str, metric: str) -> str:
    row = difference_of(table, before, after, metric)
    mark = "" if row["verdict"] == "no evidence" else " *"
    return f"{signed(row['difference'])} {interval(row, sign=True)}{mark}"


def joined(words: Sequence[str]) -> str:
    """a, b and c."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
