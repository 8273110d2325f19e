"""A study's grid: which cells it names, what they cost, and that the project's own can be planned."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from tasks.config import RUNS, load_config
from tasks.counting.config import Arm, Block, Cell, StudyConfig
from tasks.counting.evaluation import questions
from tasks.counting.grid import plan, question_run
from tasks.counting.report.stage import report_stage
from tasks.records import UsageError

OURS = sorted((RUNS / "counting").glob("*.toml"))


def test_a_block_is_a_product() -> None:
    study = StudyConfig(grid=(Block(base=("hard",), learning_rate=(1e-5, 3e-5), seed=(0, 7), steps=5),))
    assert study.cells() == [
        Cell(Arm("hard", "plain", guidance, rate, 5), seed)
        for guidance in ("none", "all_wrong")
        for rate in (1e-5, 3e-5)
        for seed in (0, 7)
    ]


def test_what_two_blocks_name_is_one_cell() -> None:
    block = Block(base=("hard",), steps=5)
    wider = Block(base=("hard",), seed=(2, 3), steps=5)
    assert len(StudyConfig(grid=(block, wider)).cells()) == 6 + 2
    assert StudyConfig(grid=()).cells() == [], "a study of untrained bases alone"


def test_a_cell_is_trained_as_the_grid_says() -> None:
    study = StudyConfig.model_validate(
        {
            "guidance": {"decay": {"mode": "share", "share": 0.8, "schedule": "linear"}},
            "train": {"epochs": 3},
            "tokens": {"plain": 9, "r1v": 33},
            "grid": [{"base": ["hard"], "prompt": ["r1v"], "guidance": ["decay"], "seed": [4], "steps": 6}],
        }
    )
    grpo = study.grpo(*study.cells())
    assert (grpo.steps, grpo.seed, grpo.epochs, grpo.max_new_tokens) == (6, 4, 3, 33)
    assert (grpo.guidance.mode, grpo.guidance.schedule) == ("share", "linear")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"grid": [{"base": ["soft"], "steps": 1}]}, "base 'soft'"),
        ({"grid": [{"base": ["hard"], "guidance": ["sometimes"], "steps": 1}]}, "guidance 'sometimes'"),
        ({"tokens": {"r1v": 9}}, "prompt 'plain'"),
        ({"grid": [{"base": ["hard"], "prompt": ["other"], "steps": 1}]}, "prompt"),
        ({"grid": [{"base": ["hard"], "steps": 0}]}, "steps"),
        ({"grid": [{"base": [], "steps": 1}]}, "base"),
        ({"bases": {}}, "bases"),
        ({"images": {"test": 10, "other": 11}}, "images.other"),
        ({"images": {"size": 40}}, "size"),
        ({"why": "", "cells": 3}, "cells"),
    ],
)
def test_what_makes_no_study_is_refused(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        StudyConfig.model_validate(wrong)


def test_a_plan_lists_every_cell_and_its_seconds() -> None:
    study = StudyConfig.model_validate({"grid": [{"base": ["hard"], "steps": 100}, {"base": ["hard"], "steps": 200}]})
    *cells, total = plan(study).splitlines()[1:]
    seconds = [float(line.split()[-1]) for line in cells]
    assert len(cells) == 12
    assert 1.2 < seconds[6] / seconds[0] < 2, "asking costs the same"
    assert total.startswith("12 cells: about ")


def test_a_grid_that_takes_too_long_is_refused() -> None:
    with pytest.raises(UsageError, match=r"cpu_hours = 0\.1"):
        plan(StudyConfig(cpu_hours=0.1))


@pytest.mark.parametrize("path", OURS, ids=lambda p: p.name)
def test_every_study_of_the_project_can_be_planned(path: Any) -> None:
    study = load_config(path, StudyConfig)
    assert study.why, "a study says what it is for"
    assert study.cells()
    assert all(len({c.seed for c in study.cells() if c.arm == cell.arm}) >= 3 for cell in study.cells())
    assert "CPU-hours" in plan(study)


def test_the_gpu_studies_have_the_articles_settings() -> None:
    gpu = [load_config(path, StudyConfig) for path in OURS if path.name.startswith("qwen")]
    assert len(gpu) == 2
    for study in gpu:
        grpo = study.grpo(study.cells()[0])
        assert (grpo.generations, grpo.prompts, grpo.epochs, grpo.clip, grpo.learning_rate) == (8, 4, 4, 0.2, 1e-5)
        assert (study.tokens["plain"], grpo.engine) == (50, "trl")
        assert study.tokens["r1v"] > 50
        assert "unknown" in plan(study)


def test_the_deployment_runs_what_the_command_runs() -> None:
    import yaml

    (deployed,) = (
        d["parameters"]["study"]
        for d in yaml.safe_load((RUNS.parents[1] / "prefect.yaml").read_text())["deployments"]
        if d["name"] == "counting-study"
    )
    assert StudyConfig.model_validate(deployed) == load_config(RUNS / "counting" / "small.toml", StudyConfig)


def test_a_base_is_asked_under_every_prompt_and_a_policy_about_what_it_forgot() -> None:
    study = StudyConfig()
    base, policy = question_run(study, "hard"), question_run(study, "hard", "plain")
    assert len({(q.prompt, q.domain, q.decoding) for q in base.questions}) == 3 * 2 * 2
    assert {q.images for q in base.questions} == {study.images.test}
    others = [q for q in policy.questions if q.prompt != "plain"]
    assert [(q.prompt, q.domain, q.decoding, q.images) for q in others] == [
        ("direct", "in", "greedy", study.images.other),
        ("r1v", "in", "greedy", study.images.other),
    ]
    assert len(policy.questions) == 4 + 2
    assert questions(("plain",), study.images, study.tokens, others=False) == policy.questions[:4]


def test_training_and_test_images_differ() -> None:
    images = StudyConfig().images
    seeds = {images.of("in", training).seed for training in (True, False)} | {images.of("shifted", False).seed}
    assert len(seeds) == 2


def test_the_number_of_processes_decides_nothing(store: Any) -> None:
    study = StudyConfig()
    assert report_stage.digest(study) == report_stage.digest(study.model_copy(update={"processes": 7, "cpu_hours": 2}))
