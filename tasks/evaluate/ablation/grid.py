"""An ablation's grid as an explicit list of cells, with what each will cost."""

from __future__ import annotations

from tasks.evaluate.ablation.config import AblationConfig, Arm
from tasks.records import UsageError
from tasks.train_config import GrpoConfig, SftConfig

# CPU seconds of one thread with the embedded reader on the demo's pages, measured on the first updates of arms of
# infra/runs/ablation.toml while eight other programs shared the two cores; an idle machine takes fewer
SFT_STEP = 1.2
"""Of 8 pages."""
GRPO_STEP = 7.0
"""Of 8 pages with 4 answers each."""
READ = 0.16
"""A page."""
START = 6.0
"""Of a stage: loading the model, and writing what it leaves."""
TINY = "tiny"


def step_seconds(settings: SftConfig | GrpoConfig) -> float:
    """CPU seconds of an update."""
    if isinstance(settings, SftConfig):
        return SFT_STEP * settings.batch / 8
    return GRPO_STEP * settings.prompts * settings.generations / 32


def expected_steps(study: AblationConfig, arm: Arm) -> int:
    """An arm's updates; of one that is as long as another by compute, about as many as will be found."""
    settings = study.settings(arm)
    if arm.as_long_as is None or arm.as_long_as.by == "updates":
        return settings.steps
    other = study.settings(study.by_name[arm.as_long_as.arm])
    return equal_steps(step_seconds(other) * other.steps, step_seconds(settings))


def equal_steps(seconds: float, step: float) -> int:
    """Updates of `step` seconds each that take so many seconds: to the nearest, and at least one."""
    return max(1, round(seconds / step))


def plan(study: AblationConfig) -> str:
    """Every cell with its CPU seconds, and their sum.

    Raises UsageError where they are more than the ablation allows. What a base other than the embedded one costs is not
    known here.
    """
    lines = [f"{'cell':>4}  {'arm':22}{'after':14}{'stage':7}{'steps':>7}{'seed':>6}{'CPU s':>8}"]
    known, total = study.run.model.base == TINY, 0.0
    reading = START + study.pages * READ
    for number, cell in enumerate(study.cells(), 1):
        arm = study.by_name[cell.arm]
        settings, steps = study.settings(arm), expected_steps(study, arm)
        seconds = START + steps * step_seconds(settings) + reading
        if arm.grpo is not None and not arm.after:
            seconds += START  # of the adapter that changes nothing yet
        total += seconds
        about = "~" if arm.as_long_as and arm.as_long_as.by == "compute" else ""
        stage = "sft" if arm.grpo is None else "grpo"
        lines.append(
            f"{number:4d}  {arm.name:22}{arm.after or 'base':14}{stage:7}{f'{about}{steps}':>7}{cell.seed:6d}"
            f"{f'{seconds:.0f}' if known else 'unknown':>8}"
        )
    if not known:
        return "\n".join([*lines, f"{len(lines) - 1} cells; what {study.run.model.base} costs is not known here"])
    hours = (total + reading) / 3600
    lines.append(
        f"{len(lines) - 1} cells: about {hours:.2f} CPU-hours, of which the base's answers {reading / 3600:.2f}; "
        "building the dataset, where it is not there yet, is not counted"
    )
    if hours > study.cpu_hours:
        raise UsageError(
            f"about {hours:.1f} CPU-hours, and cpu_hours = {study.cpu_hours:g} are allowed; take fewer cells"
        )
    return "\n".join(lines)
