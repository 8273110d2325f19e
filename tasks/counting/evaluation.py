"""What a policy answers about the test images: under which prompt, in which domain, greedily or sampled."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import pyarrow as pa
from pydantic import Field

from tasks.counting.config import DECODINGS, Checkpoint, Decoding, ImagesConfig
from tasks.counting.data import Example, read_scenes
from tasks.counting.policy import environment, opened
from tasks.counting.prompts import PROMPTS, PromptName
from tasks.counting.scenes import Domain
from tasks.model.generate import generate
from tasks.records import StageRef
from tasks.render_config import Config
from tasks.stage import Counts, Stage
from tasks.store import Folder

ANSWERS = "answers.parquet"
DOMAINS: tuple[Domain, ...] = ("in", "shifted")
_SCHEMA = pa.schema(
    [
        ("prompt", pa.string()),
        ("domain", pa.string()),
        ("decoding", pa.string()),
        ("index", pa.int32()),
        ("truth", pa.int32()),
        ("text", pa.string()),
        ("clipped", pa.bool_()),
        ("count", pa.int64()),
        ("verdict", pa.string()),
        ("reward", pa.float64()),
    ]
)


class Asked(NamedTuple):
    """What was asked, and how the answers were chosen. `sampled` is at temperature 1."""

    prompt: PromptName
    domain: Domain
    decoding: Decoding


class Question(Config):
    """The first `images` test images of a domain under a prompt."""

    prompt: PromptName
    domain: Domain
    decoding: Decoding
    images: int = Field(ge=1)
    max_new_tokens: int = Field(ge=1)


class EvaluationRun(Config):
    """What decides a policy's answers, the policy (unless it is a checkpoint) and the images apart."""

    questions: tuple[Question, ...] = Field(min_length=1)
    batch: int = Field(100, ge=1, description="Images asked about at once")
    checkpoint: Checkpoint | None = None
    seed: int = Field(0, description="Of the sampled answers")


def questions(
    prompts: Sequence[PromptName], images: ImagesConfig, tokens: Mapping[PromptName, int], others: bool
) -> tuple[Question, ...]:
    """Each of the prompts about every test image of both domains, greedily and sampled. `others`: and every other
    prompt of the study greedily about some images of the training domain, to see what was forgotten."""
    full = [
        Question(prompt=p, domain=d, decoding=how, images=images.test, max_new_tokens=tokens[p])
        for p in prompts
        for d in DOMAINS
        for how in DECODINGS
    ]
    some = [
        Question(prompt=p, domain="in", decoding="greedy", images=images.other, max_new_tokens=tokens[p])
        for p in tokens
        if others and p not in prompts
    ]
    return (*full, *some)


def _evaluation(folder: Folder, config: EvaluationRun, *refs: StageRef) -> Counts:
    """`refs`: the test images of each of DOMAINS, and the policy where it is no checkpoint.

    The answers to each question are a file under `parts/`, so that a run which was stopped goes on with the next.
    """
    started = time.process_time()
    missing = [(i, q) for i, q in enumerate(config.questions) if not folder.exists(_part(i))]
    if missing:
        examples = {d: read_scenes(ref) for d, ref in zip(DOMAINS, refs[: len(DOMAINS)], strict=True)}
        policy = refs[len(DOMAINS)] if len(refs) > len(DOMAINS) else None
        with opened(policy, config.checkpoint) as (model, processor):
            for i, question in missing:
                rows = _ask(model, processor, config, question, examples[question.domain])
                folder.write_table(_part(i), pa.Table.from_pylist(rows, _SCHEMA), compression="zstd")
    parts = [folder.read_table(_part(i)) for i in range(len(config.questions))]
    folder.write_table(ANSWERS, pa.concat_tables(parts), compression="zstd")
    return {"answers": sum(map(len, parts)), "cpu_seconds": round(time.process_time() - started, 1)}


def _part(number: int) -> str:
    return f"parts/{number:02d}.parquet"


def _ask(
    model: Any, processor: Any, config: EvaluationRun, question: Question, examples: Sequence[Example]
) -> list[dict[str, Any]]:
    prompt = PROMPTS[question.prompt]
    temperature = 0.0 if question.decoding == "greedy" else 1.0
    rows: list[dict[str, Any]] = []
    for first in range(0, question.images, config.batch):
        part = examples[first : min(first + config.batch, question.images)]
        answers = generate(
            model,
            processor,
            [example.image for example in part],
            prompt.text,
            question.max_new_tokens,
            config.batch,
            temperature,
            config.seed + first,
        )
        for place, (example, answer) in enumerate(zip(part, answers, strict=True)):
            judged = prompt.judge(answer.text, example.count)
            rows.append(
                {
                    "prompt": question.prompt,
                    "domain": question.domain,
                    "decoding": question.decoding,
                    "index": first + place,
                    "truth": example.count,
                    "text": answer.text,
                    "clipped": answer.clipped,
                    "count": judged.count,
                    "verdict": judged.verdict,
                    "reward": judged.reward,
                }
            )
    return rows


class Rates(NamedTuple):
    """Of n answers so many give a count, so many the right one, so many were cut off at the longest length; `texts`
    are the most frequent ones with their number."""

    n: int
    digits: int
    right: int
    clipped: int = 0
    texts: tuple[tuple[str, int], ...] = ()


def read_rates(ref: StageRef) -> dict[Asked, Rates]:
    """The rates of a finished evaluation, in the order of its questions."""
    groups: dict[Asked, list[dict[str, Any]]] = {}
    for row in Folder(ref.uri).read_table(ANSWERS).to_pylist():
        groups.setdefault(Asked(row["prompt"], row["domain"], row["decoding"]), []).append(row)
    return {asked: _rates(rows) for asked, rows in groups.items()}


def _rates(rows: Sequence[Mapping[str, Any]]) -> Rates:
    return Rates(
        len(rows),
        sum(row["count"] is not None for row in rows),
        sum(row["verdict"] == "right" for row in rows),
        sum(row["clipped"] for row in rows),
        tuple(Counter(str(row["text"]) for row in rows).most_common(2)),
    )


def _environment(config: EvaluationRun) -> str:
    return environment(config.checkpoint, *dict.fromkeys(q.prompt for q in config.questions))


evaluation_stage = Stage("counting-evaluation", 1, _evaluation, _environment)
evaluation = evaluation_stage.task()
