"""The tables of an ablation, once for its report and its Markdown."""

from __future__ import annotations

from tasks.evaluate.ablation.claims import COMPARED, REWARD
from tasks.evaluate.ablation.config import BASE, Arm
from tasks.evaluate.ablation.results import Results
from tasks.evaluate.ablation.words import label, mean, number, percent, signed
from tasks.html.tables import Table
from tasks.intervals import Interval
from tasks.train_config import GrpoConfig

_SHOWN = (REWARD, *COMPARED, "code_count", "structure", "character_error_rate")
_PARTS = (REWARD, *COMPARED, "code_count")
_SIGNALS = ("reward_std", "frac_reward_zero_std", "grad_norm", "entropy", "completions/clipped_ratio")
_FULL = {
    "base": (0.753, 0.840, 0.578, 0.715),
    "GRPO only": (0.753, 0.840, 0.578, 0.715),
    "SFT + GRPO": (0.735, 0.894, 0.757, 0.731),
    "extended SFT": (0.761, 0.807, 0.551, 0.717),
}
"""The article's full comparison, by the columns of COMPARED."""
_CHANGES = {
    "heading_precision": (0.855, 0.930),
    "heading_f1": (0.840, 0.894),
    "code_similarity": (0.578, 0.757),
    "code_count": (0.333, 0.515),
    "word_precision": (0.756, 0.790),
    "word_f1": (0.715, 0.731),
    "edit_similarity": (0.753, 0.735),
}
"""The article's base and SFT + GRPO."""

_PAIRED = (
    "Differences page by page and seed by seed, with 95 % intervals of a bootstrap over families and seeds; an answer "
    "that rightly lacks what only the other has counts as 1."
)


def tables(results: Results) -> list[Table]:
    """All that have a row."""
    found = (
        _full_comparison(results),
        _changes(results),
        _arms(results),
        _opponents(results),
        _fences(results),
        _signals(results),
        _costs(results),
        _settings(results),
    )
    return [table for table in found if table.rows]


def _heads(results: Results, metrics: tuple[str, ...]) -> tuple[str, ...]:
    names = [label(results, metric) for metric in metrics]
    return tuple(name[0].upper() + name[1:] for name in names)


def _full_comparison(results: Results) -> Table:
    here: dict[str, list[str]] = {
        "base": [BASE],
        "GRPO only": [arm.name for arm in results.alone],
        "SFT + GRPO": [arm.name for arm in results.better_reward],
        "extended SFT": [arm.name for arm in results.longer],
    }
    rows = [
        (
            configuration,
            name,
            *(f"{theirs:.3f} / {mean(results.mean(name, m))}" for m, theirs in zip(COMPARED, figures, strict=True)),
        )
        for configuration, figures in _FULL.items()
        for name in here[configuration]
    ]
    return Table(
        "The article's full comparison",
        ("Configuration", "Arm here", *_heads(results, COMPARED)),
        tuple(rows),
        f"Article / here. {_where(results)} The article has 20 pages and one seed.",
    )


def _changes(results: Results) -> Table:
    rows = [
        (
            arm.name,
            label(results, metric),
            f"{before:.3f} → {after:.3f}",
            f"{number(results.mean(BASE, metric).value)} → {number(results.mean(arm.name, metric).value)}",
            signed(results.change(BASE, arm.name, metric)),
        )
        for arm in results.better_reward
        for metric, (before, after) in _CHANGES.items()
        if results.change(BASE, arm.name, metric).value is not None
    ]
    return Table(
        "The article's results",
        ("Arm here", "Metric", "Article: base → SFT + GRPO", "Here: base → arm", "Change here"),
        tuple(rows),
        f"{_PAIRED} The two means are over the pages where each has what is measured.",
    )


def _arms(results: Results) -> Table:
    metrics = [m for m in _SHOWN if results.mean(BASE, m).n]
    names = [BASE, *(arm.name for arm in results.study.arms)]
    rows = [(name, *(mean(results.mean(name, m)) for m in metrics)) for name in names]
    return Table("Every arm", ("Arm", *_heads(results, tuple(metrics))), tuple(rows), _where(results))


def _opponents(results: Results) -> Table:
    metrics = tuple(m for m in _PARTS if results.mean(BASE, m).n)
    rows = [
        (f"{arm.name} less {other}", *(_judged(results.change(other, arm.name, m)) for m in metrics))
        for arm in results.study.arms
        for other in arm.against
    ]
    return Table(
        "Each arm against its opponents",
        ("Arm", *_heads(results, metrics)),
        tuple(rows),
        f"{_PAIRED} = : the interval holds 0, which is no evidence of a difference.",
    )


def _judged(found: Interval) -> str:
    held = found.low is not None and found.high is not None and found.low <= 0 <= found.high
    return f"{signed(found)}{' =' * held}"


def _fences(results: Results) -> Table:
    names = [BASE, *(arm.name for arm in results.study.arms)]
    found = {name: results.mean(name, "code_count") for name in names}
    rows = [
        (name, percent(of), mean(results.mean(name, "code_similarity")), str(of.n))
        for name, of in found.items()
        if of.value is not None
    ]
    return Table(
        "Code fences",
        ("Arm", "Fences found", "Similarity of the code", "Pages"),
        tuple(rows),
        "Mean over the pages where the label or the answer has a fence: the fewer of the two by the more, so that an "
        "invented fence counts as much as a missed one.",
    )


def _signals(results: Results) -> Table:
    rows = []
    for arm in results.study.arms:
        if arm.grpo is not None:
            cells = [mean(results.logged(arm.name, key)) for key in _SIGNALS]
            rows.append((arm.name, signed(results.climb(arm.name, "reward")), *cells))
    return Table(
        "What GRPO had to learn from",
        ("Arm", "Reward, last third less first", "Spread of the reward in a group", "Groups without spread",
         "Gradient norm", "Entropy, nats a token", "Clipped answers"),
        tuple(rows),
        "Means over the updates, t intervals over seeds. With guidance: rewards before anything is injected, the "
        "spread in a group after it.",
    )  # fmt: skip


def _costs(results: Results) -> Table:
    rows = []
    for arm in results.study.arms:
        own, steps = results.seconds(arm.name), results.steps(arm.name)
        each = "–" if not steps or own.value is None else f"{own.value / steps:.2f}"
        own_seconds = "–" if own.value is None else f"{own.value:.0f}"
        rows.append((arm.name, str(steps), each, own_seconds, f"{results.seconds_in_all(arm.name):.0f}"))
    return Table(
        "What the arms took",
        ("Arm", "Updates", "CPU seconds an update", "CPU seconds, this stage", "With the stages before"),
        tuple(rows),
        "Of the updates alone, mean over seeds: loading, reading and scoring are left out. At equal compute: as many "
        "updates of SFT as take the seconds that GRPO's took, by the mean of an update in the SFT stage before, all "
        "seeds together.",
    )


def _settings(results: Results) -> Table:
    rows = tuple((arm.name, arm.after or BASE, _said(results, arm), arm.why) for arm in results.study.arms)
    return Table("The arms", ("Arm", "Goes on from", "Trained by", "Why"), rows)


def _said(results: Results, arm: Arm) -> str:
    settings, steps = results.study.settings(arm), results.steps(arm.name)
    if not isinstance(settings, GrpoConfig):
        return f"SFT, {steps} updates of {settings.batch} pages, learning rate {settings.learning_rate:g}"
    guided = "" if settings.guidance.mode == "none" else f", guidance {settings.guidance.mode}"
    return (
        f"GRPO, {steps} updates of {settings.prompts} x {settings.generations} answers, learning rate "
        f"{settings.learning_rate:g}, temperature {settings.temperature:g}, reward {settings.weights}{guided}"
    )


def _where(results: Results) -> str:
    table = results.table
    return (
        f"Means over {table['pages']} held-out pages of {table['families']} families and {len(results.study.seeds)} "
        "training seeds, with 95 % intervals of a bootstrap over both; a mean is over the pages where label or answer "
        "has what is measured."
    )
