"""A study's grid as an explicit list of cells, with what each will cost."""

from __future__ import annotations

from tasks.counting.bases import BaseConfig
from tasks.counting.config import Cell, StudyConfig
from tasks.counting.evaluation import EvaluationRun, questions
from tasks.counting.prompts import PromptName
from tasks.records import UsageError

# CPU seconds of one thread with a base made here: a rollout batch of 4 x 8 answers with two epochs, and 1,000 answers.
# Measured on cells of infra/runs/counting/full.toml, plain without injection: 0.29 to 0.31 a step; with it 0.11 to
# 0.14, since answers grow short. r1v and direct: from plain, by their length
STEP: dict[PromptName, float] = {"plain": 0.30, "direct": 0.20, "r1v": 0.45}
ASKED: dict[PromptName, float] = {"plain": 5.5, "direct": 3.0, "r1v": 7.5}
COUNTER, HABITS = 130.0, 40.0  # of a base made here; bases of one seed share the counter
TRL = 3.5
"""TRL's trainer takes so many times as long as the loop."""


def question_run(study: StudyConfig, base: str, prompt: PromptName | None = None) -> EvaluationRun:
    """What a policy is asked: one trained under `prompt` that prompt, and some of the others; a base every prompt."""
    prompts = (prompt,) if prompt else tuple(study.tokens)
    return EvaluationRun(
        questions=questions(prompts, study.images, study.tokens, others=prompt is not None),
        batch=study.batch,
        checkpoint=study.checkpoint(base),
    )


def asking(run: EvaluationRun) -> float:
    """CPU seconds."""
    return sum(q.images * ASKED[q.prompt] / 1000 for q in run.questions)


def training(study: StudyConfig, cell: Cell) -> float:
    """CPU seconds of a cell."""
    grpo = study.grpo(cell)
    answers = grpo.prompts * grpo.generations * (1 + grpo.epochs) / (4 * 8 * 3)
    return grpo.steps * STEP[cell.arm.prompt] * answers * (TRL if grpo.engine == "trl" else 1)


def plan(study: StudyConfig) -> str:
    """Every cell with its CPU seconds, and their sum.

    Raises UsageError where they are more than the study allows. What a base of the Hub costs is not known here.
    """
    lines = [f"{'cell':>4}  {'base':12}{'prompt':8}{'guidance':14}{'lr':>8}{'steps':>7}{'seed':>6}{'CPU s':>8}"]
    total, unknown = 0.0, False
    for number, cell in enumerate(study.cells(), 1):
        arm, known = cell.arm, study.checkpoint(cell.arm.base) is None
        seconds = training(study, cell) + asking(question_run(study, arm.base, arm.prompt))
        total, unknown = total + seconds * known, unknown or not known
        lines.append(
            f"{number:4d}  {arm.base:12}{arm.prompt:8}{arm.guidance:14}{arm.learning_rate:8.0e}{arm.steps:7d}"
            f"{cell.seed:6d}{f'{seconds:.0f}' if known else 'unknown':>8}"
        )
    made = {name: base for name, base in study.bases.items() if isinstance(base, BaseConfig)}
    control = sum(asking(question_run(study, name)) for name in made)
    bootstrap = HABITS * len(made) + COUNTER * len({base.counter for base in made.values()})
    hours = (total + control) / 3600
    lines.append(
        f"{len(lines) - 1} cells: about {hours:.2f} CPU-hours, of which asking the untrained bases "
        f"{control / 3600:.2f}{'; what runs on a GPU is not counted' if unknown else ''}; "
        f"making the bases, once, about {bootstrap / 3600:.2f} more"
    )
    if hours > study.cpu_hours:
        raise UsageError(
            f"about {hours:.1f} CPU-hours, and cpu_hours = {study.cpu_hours:g} are allowed; take fewer cells"
        )
    return "\n".join(lines)
