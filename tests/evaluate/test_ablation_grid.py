"""An ablation's grid: its cells, how each is trained, what they cost, and that the project's own is whole."""

from __future__ import annotations

from typing import Any

import pytest
from made_up_ablation import ARMS, study
from pydantic import ValidationError

from tasks.config import RUNS, RunConfig, load_config, load_run
from tasks.evaluate.ablation.config import AblationConfig, Cell
from tasks.evaluate.ablation.grid import equal_steps, plan
from tasks.evaluate.ablation.report.stage import report_stage
from tasks.records import UsageError
from tasks.train_config import GrpoConfig, GrpoRun, SftRun

OURS = RUNS / "ablation.toml"


def arm(**changes: Any) -> dict[str, Any]:
    return {"name": "a", "why": "to see", "sft": {}, **changes}


def test_an_arm_says_only_what_differs() -> None:
    every = study(run={"sft": {"batch": 2}, "grpo": {"prompts": 2}})
    by_name = every.by_name
    assert every.settings(by_name["long"]).model_dump() == {
        **every.settings(by_name["sft"]).model_dump(),
        "steps": 40,
    }
    hot, usual = (every.settings(by_name[name]) for name in ("hot", "grpo"))
    assert isinstance(hot, GrpoConfig)
    assert isinstance(usual, GrpoConfig)
    assert (hot.temperature, hot.prompts, hot.steps) == (1.0, 2, 10)
    assert usual == hot.model_copy(update={"temperature": RunConfig().grpo.temperature})


def test_a_cell_is_an_arm_and_a_seed() -> None:
    every = study(seeds=[3, 5])
    assert every.cells()[:4] == [Cell("alone", 3), Cell("alone", 5), Cell("sft", 3), Cell("sft", 5)]
    refined, warm = every.training(Cell("grpo", 5)), every.training(Cell("sft", 3))
    assert isinstance(refined, GrpoRun)
    assert isinstance(warm, SftRun)
    assert (refined.grpo.seed, warm.sft.seed, warm.sft.steps) == (5, 3, 20)
    assert every.reading("grpo", 5).seed == 5


def test_the_opponent_is_as_long_as_what_it_is_compared_with() -> None:
    every = study()
    assert every.settings(every.by_name["updates"]).steps == 10
    measured = every.training(Cell("compute", 1), steps=33)
    assert isinstance(measured, SftRun)
    assert measured.sft.steps == 33
    assert equal_steps(seconds=90, step=0.4) == 225
    assert equal_steps(seconds=0.1, step=1) == 1


def test_no_arm_comes_before_what_it_needs() -> None:
    waves = [[arm.name for arm in wave] for wave in study().waves()]
    assert waves == [["alone", "sft", "long"], ["grpo", "v3", "hot", "guided", "updates"], ["compute"]]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ([arm(), arm()], "another has this name"),
        ([arm(name="base")], "another has this name"),
        ([arm(name="a b")], "name"),
        ([arm(why="")], "why"),
        ([arm(grpo={})], "either sft or grpo"),
        ([arm(sft=None)], "either sft or grpo"),
        ([arm(after="b"), arm(name="b")], "after 'b'"),
        ([arm(against=["b"])], "against 'b'"),
        ([arm(sft={"seed": 1})], "seed"),
        ([arm(sft={"step": 1})], "step"),
        ([arm(sft=None, grpo={"temperature": 0})], "temperature"),
        ([arm(as_long_as={"arm": "a", "by": "updates"})], "as_long_as 'a'"),
        ([ARMS[1], ARMS[3], {**ARMS[7], "after": ""}], "as_long_as 'grpo'"),
        ([ARMS[1], ARMS[3], {**ARMS[7], "sft": {"steps": 3}}], "in place of sft.steps"),
        ([ARMS[1], ARMS[3], {**ARMS[7], "as_long_as": {"arm": "sft", "by": "updates"}}], "no GRPO arm"),
        ([], "arms"),
    ],
)
def test_what_makes_no_ablation_is_refused(wrong: list[dict[str, Any]], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        study(arms=wrong)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"grpo": {"prompts": 4}}, "sft.batch = 8, but 'grpo' has 4 prompts"),
        ({"arms": [{**ARMS[1], "sft": {"batch": 4}}, ARMS[3], ARMS[8]]}, "'sft', whose updates are measured"),
        ({"arms": [{**ARMS[1], "sft": {"steps": 0}}, ARMS[3], ARMS[8]]}, "'sft', whose updates are measured"),
    ],
)
def test_an_opponent_that_would_not_be_as_long_is_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        study(**changes)


def test_a_seed_stands_once() -> None:
    with pytest.raises(ValidationError, match="stands there twice"):
        study(seeds=[1, 1])


def test_a_plan_lists_every_cell_and_its_seconds() -> None:
    *cells, total = plan(study()).splitlines()[1:]
    assert len(cells) == 3 * len(ARMS)
    seconds = {line.split()[1]: float(line.split()[-1]) for line in cells}
    assert seconds["long"] > seconds["sft"] > seconds["updates"]
    assert seconds["compute"] == pytest.approx(seconds["grpo"], abs=1)
    assert "~" in next(line for line in cells if " compute " in line)
    assert total.startswith(f"{len(cells)} cells: about ")


def test_a_grid_that_takes_too_long_is_refused() -> None:
    with pytest.raises(UsageError, match=r"cpu_hours = 0\.1"):
        plan(study(cpu_hours=0.1))
    assert "is not known here" in plan(study(run="article.toml", sft={"batch": 4}, cpu_hours=0.1))


def test_a_run_is_named_or_spelled_out() -> None:
    assert study(run="demo.toml").run == load_run(RUNS / "demo.toml")
    with pytest.raises(UsageError, match="no such run file"):
        study(run="nowhere.toml")
    again = study(run="demo.toml")
    assert AblationConfig.model_validate(again.model_dump(mode="json")) == again


def test_the_number_of_processes_decides_nothing(store: Any) -> None:
    other = study(processes=7, cpu_hours=3)
    assert report_stage.digest(study()) == report_stage.digest(other)
    assert report_stage.digest(study()) != report_stage.digest(study(seeds=[1]))


def test_the_projects_own_ablation_has_every_control() -> None:
    ours = load_config(OURS, AblationConfig)
    assert ours.why
    assert len(ours.seeds) >= 3
    assert ours.run == load_run(RUNS / "demo.toml")
    assert ours.skip >= ours.run.evaluate.pages, "the demo's pages chose settings"
    assert "CPU-hours" in plan(ours)
    by = {arm.as_long_as.by for arm in ours.arms if arm.as_long_as}
    assert by == {"updates", "compute"}
    assert all(arm.against for arm in ours.arms)
